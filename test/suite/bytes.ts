import { hex } from './check.js'

export const MIB = 1 << 20

/** Bytes that anyone can make again: block `index` of a stream of blocks that all differ. */
export function block(index: number, length = MIB): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = (index + 1) * 0x9e3779b1
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}

/** SHA-256 over the SHA-256 of every MiB: what crypto.subtle, which takes no streams, can do with a stream. */
export class Digest {
  length = 0
  #part = new Uint8Array(MIB)
  #filled = 0
  #parts: Promise<ArrayBuffer>[] = []

  update(chunk: Uint8Array): void {
    this.length += chunk.length
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(chunk.length - at, MIB - this.#filled)
      this.#part.set(chunk.subarray(at, at + length), this.#filled)
      this.#filled += length
      at += length
      if (this.#filled === MIB) this.#close()
    }
  }

  async hex(): Promise<string> {
    this.#close()
    const parts = await Promise.all(this.#parts)
    return sha256(join(parts.map(part => new Uint8Array(part))))
  }

  #close(): void {
    this.#parts.push(crypto.subtle.digest('SHA-256', this.#part.subarray(0, this.#filled)))
    this.#part = new Uint8Array(MIB)
    this.#filled = 0
  }
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}

export function join(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
