// The bytes of a socket, pulled.

import type { Duplex } from 'node:stream'
import { concat } from './primitives.js'

export class ByteSource {
  #chunks: AsyncIterator<Uint8Array>
  #buffer: Uint8Array = new Uint8Array()

  constructor(socket: Duplex) {
    // Errors reach the reader through the iterator; without this, one that nobody waits for would end the process.
    socket.on('error', () => {})
    this.#chunks = socket[Symbol.asyncIterator]()
  }

  /** The next `length` bytes; throws where the stream stops before. */
  async exactly(length: number): Promise<Uint8Array> {
    while (this.#buffer.length < length) {
      const chunk = await this.#pull()
      if (!chunk) throw new Error('the connection closed during the handshake')
      this.#buffer = concat(this.#buffer, chunk)
    }
    const taken = this.#buffer.slice(0, length)
    this.#buffer = this.#buffer.slice(length)
    return taken
  }

  /** Whatever comes next, or null where the stream has stopped. */
  async chunk(): Promise<Uint8Array | null> {
    if (this.#buffer.length === 0) return this.#pull()
    const taken = this.#buffer
    this.#buffer = new Uint8Array()
    return taken
  }

  async #pull(): Promise<Uint8Array | null> {
    const { value, done } = await this.#chunks.next()
    return done ? null : value
  }
}
