import { discard } from '../channel/discard.js'

type Bytes = Uint8Array<ArrayBuffer>

/**
 * Bytes that wait, in the order in which they came. A chunk costs some 200 bytes beside its own: small ones are copied together, so
 * that what waits takes about as much memory as it has bytes.
 */
export class Chunks {
  /** Bytes that wait. */
  size = 0
  #list: Bytes[] = []
  /** So many bytes of the first chunk are gone. */
  #at = 0
  /** Small chunks, copied together, behind the list. */
  #page: Bytes | undefined
  #used = 0

  append(data: Bytes): void {
    // A stream does not take a chunk without bytes.
    if (data.length === 0) return
    this.size += data.length
    // A chunk that is alone is soon read, as a rule.
    const alone = this.#list.length === 0 && !this.#page
    if (data.length < SMALL_BYTES && !alone) return this.#copy(data)
    this.#seal()
    this.#list.push(data)
  }

  /** The next chunk, or what is left of it; the caller's from here on. */
  shift(): Bytes {
    const chunk = this.#first().subarray(this.#at)
    this.#skip(chunk.length)
    return chunk.length <= PAGE_BYTES && chunk.length < chunk.buffer.byteLength ? chunk.slice() : chunk
  }

  /** The next bytes, as many as `length`, in one piece. */
  take(length: number): Bytes {
    if (length > 0 && this.#first().length - this.#at === length) return this.shift()
    const whole = new Uint8Array(length)
    this.fill(whole)
    return whole
  }

  /** Fills a view as far as there are bytes, and returns how many. */
  fill(view: Uint8Array): number {
    let filled = 0
    while (filled < view.length && this.size > 0) {
      const chunk = this.#first()
      const part = chunk.subarray(this.#at, this.#at + view.length - filled)
      view.set(part, filled)
      filled += part.length
      this.#skip(part.length)
      if (this.#at === 0) discard(chunk)
    }
    return filled
  }

  #first(): Bytes {
    if (this.#list.length === 0) this.#seal()
    return this.#list[0] as Bytes
  }

  #skip(length: number): void {
    this.size -= length
    this.#at += length
    if (this.#at < (this.#list[0] as Bytes).length) return
    this.#list.shift()
    this.#at = 0
  }

  #copy(data: Bytes): void {
    if (!this.#page || this.#used + data.length > this.#page.length) {
      // The next page is as large as what was needed of the last one.
      const wanted = this.#page ? PAGE_BYTES : SMALL_BYTES
      this.#seal()
      this.#page = new Uint8Array(wanted)
    }
    this.#page.set(data, this.#used)
    this.#used += data.length
  }

  /** The page joins the list. */
  #seal(): void {
    if (this.#page) this.#list.push(this.#page.subarray(0, this.#used))
    this.#page = undefined
    this.#used = 0
  }
}

const SMALL_BYTES = 512
const PAGE_BYTES = 4096
