import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

type Callback = (error?: Error | null) => void

/** A socket whose first bytes in each direction are kept, to be looked at. */
export class Tap extends Duplex {
  #socket: Socket
  #limit: number
  #sent: Buffer[] = []
  #received: Buffer[] = []

  constructor(socket: Socket, limit: number) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    this.#limit = limit
    socket.on('data', chunk => {
      this.#keep(this.#received, chunk)
      if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', error => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  /** The first bytes that went out. */
  get sent(): Buffer {
    return Buffer.concat(this.#sent)
  }

  /** The first bytes that came in. */
  get received(): Buffer {
    return Buffer.concat(this.#received)
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#keep(this.#sent, chunk)
    this.#socket.write(chunk, callback)
  }

  override _final(callback: Callback): void {
    this.#socket.end(callback)
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#socket.destroy()
    callback(error)
  }

  #keep(list: Buffer[], chunk: Buffer): void {
    const kept = list.reduce((total, it) => total + it.length, 0)
    if (kept < this.#limit) list.push(Buffer.from(chunk.subarray(0, this.#limit - kept)))
  }
}
