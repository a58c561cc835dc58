// Bytes that say whose they are: of which connection, in which direction, at which offset.

const WORD = 8

/** Bytes `from` to `from + length` of a direction. A word of 8 has the connection, the direction, and its own place. */
export function stamped(id: number, direction: 0 | 1, from: number, length: number): Uint8Array<ArrayBuffer> {
  const first = Math.floor(from / WORD)
  const words = Math.ceil((from + length) / WORD) - first
  const bytes = new Uint8Array(words * WORD)
  const view = new DataView(bytes.buffer)
  for (let word = 0; word < words; word++) {
    view.setUint32(word * WORD, MARK | (id << 1) | direction)
    view.setUint32(word * WORD + 4, first + word)
  }
  return bytes.slice(from - first * WORD, from - first * WORD + length)
}

/** Checks what one end reads, chunk by chunk. */
export class Checker {
  received = 0
  #id: number
  #direction: 0 | 1

  constructor(id: number, direction: 0 | 1) {
    this.#id = id
    this.#direction = direction
  }

  /** What is wrong with these bytes, if anything. */
  take(chunk: Uint8Array): string | undefined {
    const expected = stamped(this.#id, this.#direction, this.received, chunk.length)
    const at = chunk.findIndex((byte, index) => byte !== expected[index])
    const place = this.received + at
    this.received += chunk.length
    return at < 0 ? undefined : `byte ${place} is wrong: ${describe(chunk, at - (place % WORD))}`
  }
}

/** Whose bytes they are, if a whole word of them is there. */
function describe(chunk: Uint8Array, word: number): string {
  const start = word < 0 ? word + WORD : word
  if (start + WORD > chunk.length) return 'too few to say whose'
  const view = new DataView(chunk.buffer, chunk.byteOffset + start)
  const mark = view.getUint32(0)
  if ((mark & 0xff000000) >>> 0 !== MARK) return `of nobody: ${mark.toString(16)}`
  return `of connection ${(mark & 0xffffff) >> 1}, direction ${mark & 1}, offset ${view.getUint32(4) * WORD}`
}

const MARK = 0xa5000000
