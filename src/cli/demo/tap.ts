import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

type Callback = (error?: Error | null) => void

export interface Piece {
  readonly from: 'client' | 'server'
  readonly bytes: Buffer
}

/** A client's socket whose first bytes in each direction are kept, to be looked at. */
export class Tap extends Duplex {
  #socket: Socket
  #limit: number
  #pieces: Piece[] = []

  constructor(socket: Socket, limit: number) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    this.#limit = limit
    socket.on('data', chunk => {
      this.#keep('server', chunk)
      if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', error => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  /** The first bytes that went out. */
  get sent(): Buffer {
    return this.#from('client')
  }

  /** The first bytes that came in. */
  get received(): Buffer {
    return this.#from('server')
  }

  /** Both, in the order in which they went and came. */
  get pieces(): readonly Piece[] {
    return this.#pieces
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#keep('client', chunk)
    this.#socket.write(chunk, callback)
  }

  override _final(callback: Callback): void {
    this.#socket.end(callback)
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#socket.destroy()
    callback(error)
  }

  #from(from: Piece['from']): Buffer {
    return Buffer.concat(this.#pieces.filter(it => it.from === from).map(it => it.bytes))
  }

  #keep(from: Piece['from'], chunk: Buffer): void {
    const kept = this.#pieces.reduce((total, it) => total + (it.from === from ? it.bytes.length : 0), 0)
    if (kept < this.#limit) this.#pieces.push({ from, bytes: Buffer.from(chunk.subarray(0, this.#limit - kept)) })
  }
}
