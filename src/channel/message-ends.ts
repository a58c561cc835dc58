/** Where messages end in a direction: positions in its bytes, ascending. Several may be at one place, for messages may be empty. */
export class MessageEnds {
  #ends: number[] = []
  #next = 0

  /** Of the first message that was not taken. */
  get first(): number | undefined {
    return this.#ends[this.#next]
  }

  get count(): number {
    return this.#ends.length - this.#next
  }

  add(position: number): void {
    this.#ends.push(position)
  }

  /** The first was taken. */
  drop(): void {
    this.#next++
    // To take each out of a long list would move all that are behind it.
    if (this.#next < 1024 && this.#next < this.#ends.length) return
    this.#ends.splice(0, this.#next)
    this.#next = 0
  }

  clear(): void {
    this.#ends = []
    this.#next = 0
  }
}
