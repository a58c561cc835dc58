/** Bytes that wait to be sent outside linear memory, in pieces; small ones that follow each other are one. */
export class HeldBytes {
  length = 0
  #pieces: Uint8Array[] = []
  /** Where small pieces are put together. Bytes that were put there stay as they are. */
  #slab: Uint8Array | undefined
  #used = 0
  /** Whether the last piece ends where the slab has been used to. */
  #joins = false

  get first(): Uint8Array | undefined {
    return this.#pieces[0]
  }

  add(pieces: Uint8Array[]): void {
    for (const piece of pieces) {
      if (piece.length <= SMALL) this.#addSmall(piece)
      else this.#pieces.push(piece)
      this.#joins = piece.length <= SMALL
      this.length += piece.length
    }
  }

  /** Drops so many bytes, no more than the first piece has. */
  drop(length: number): void {
    const first = this.#pieces[0]
    if (!first) return
    this.length -= length
    this.#joins = false
    if (length === first.length) this.#pieces.shift()
    else this.#pieces[0] = first.subarray(length)
  }

  /** All of the pieces, which are the caller’s from here on. */
  take(): Uint8Array[] {
    const pieces = this.#pieces
    if (pieces.length > 0) this.#pieces = []
    this.length = 0
    this.#slab = undefined
    return pieces
  }

  #addSmall(piece: Uint8Array): void {
    const fits = this.#slab !== undefined && this.#used + piece.length <= SLAB_BYTES
    const slab = fits && this.#slab ? this.#slab : new Uint8Array(SLAB_BYTES)
    if (slab !== this.#slab) this.#used = 0
    const last = fits && this.#joins ? this.#pieces.pop() : undefined
    const start = this.#used - (last?.length ?? 0)
    slab.set(piece, this.#used)
    this.#used += piece.length
    this.#pieces.push(slab.subarray(start, this.#used))
    this.#slab = slab
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

// A record's length and the lead of its data, and its tag: a piece of its own costs more to send than to copy.
const SMALL = 64
const SLAB_BYTES = 256
