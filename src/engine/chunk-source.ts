/** Chunks read one after the other, as if they were one. */
export class ChunkSource {
  left: number
  #chunks: Uint8Array[]
  #index = 0
  #offset = 0

  constructor(chunks: Uint8Array[]) {
    this.#chunks = chunks
    this.left = chunks.reduce((total, chunk) => total + chunk.length, 0)
  }

  /** Copies the next `length` bytes to `at`. */
  copyTo(bytes: Uint8Array, at: number, length: number): void {
    for (let copied = 0; copied < length; ) {
      const part = this.#next(length - copied)
      bytes.set(part, at + copied)
      copied += part.length
    }
  }

  /** At most `most` bytes, out of one chunk. */
  #next(most: number): Uint8Array {
    const chunk = this.#chunks[this.#index] as Uint8Array
    const length = Math.min(chunk.length - this.#offset, most)
    const part = length === chunk.length ? chunk : chunk.subarray(this.#offset, this.#offset + length)
    this.left -= length
    this.#offset += length
    if (this.#offset === chunk.length) {
      this.#index += 1
      this.#offset = 0
    }
    return part
  }
}
