import type { Engine } from '../engine/engine.js'

/**
 * Small pieces of one channel's data that follow each other within a turn, as one: an ArrayBuffer for each byte would take 100 times
 * its memory, and a listener's time for each. What comes out is in memory of its own, and nothing else lies there: Node's pool has
 * other clients' plaintext beside it, and an application may pass `chunk.buffer` on.
 */
export class Pieces {
  #first: Uint8Array | undefined
  #joined: Buffer | undefined
  /** How many bytes are in it. */
  length = 0

  /** Whether a piece is taken: else what is here is to be given first. */
  hasRoomFor(length: number): boolean {
    return length < SMALL_BYTES && this.length + length <= JOINED_BYTES
  }

  /** Takes the data window. */
  add(engine: Engine): void {
    if (!this.#first) this.#first = engine.readData(Buffer.allocUnsafeSlow)
    else engine.consume(this.#join(engine.dataWindow()))
    this.length ||= this.#first.length
  }

  /** All of it, no longer here; undefined where there is nothing. */
  take(): Uint8Array | undefined {
    const pieces = this.#joined ? exact(this.#joined.subarray(0, this.length)) : this.#first
    this.#first = undefined
    this.#joined = undefined
    this.length = 0
    return pieces
  }

  #join(piece: Uint8Array): number {
    if (!this.#joined) {
      this.#joined = Buffer.allocUnsafeSlow(JOINED_BYTES)
      this.#joined.set(this.#first as Uint8Array)
    }
    this.#joined.set(piece, this.length)
    this.length += piece.length
    return piece.length
  }
}

function exact(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

const SMALL_BYTES = 512
const JOINED_BYTES = 4096
