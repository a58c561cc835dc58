/** Bytes that wait to be sent outside linear memory, in pieces. */
export class HeldBytes {
  length = 0
  #pieces: Uint8Array[] = []

  get first(): Uint8Array | undefined {
    return this.#pieces[0]
  }

  add(pieces: Uint8Array[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece)
      this.length += piece.length
    }
  }

  /** Drops so many bytes, no more than the first piece has. */
  drop(length: number): void {
    const first = this.#pieces[0]
    if (!first) return
    this.length -= length
    if (length === first.length) this.#pieces.shift()
    else this.#pieces[0] = first.subarray(length)
  }

  /** All of the pieces, which are the caller’s from here on. */
  take(): Uint8Array[] {
    const pieces = this.#pieces
    if (pieces.length > 0) this.#pieces = []
    this.length = 0
    return pieces
  }
}

/** One piece of memory with all of the bytes. */
export function join(pieces: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}
