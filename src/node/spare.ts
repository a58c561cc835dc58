import { BUFFER_BYTES } from '../wire/abi.js'

/** Memory for one large write, if nobody has it. */
let spare: ArrayBuffer | undefined

/** Memory for a write of so many bytes, at most BUFFER_BYTES. */
export function takeSpare(length: number): Buffer {
  const memory = spare ?? new ArrayBuffer(BUFFER_BYTES)
  spare = undefined
  return Buffer.from(memory, 0, length)
}

/** What `takeSpare` gave, and nobody reads any more: still in the processor's cache, it serves the next write. */
export function giveSpare(bytes: Buffer): void {
  spare = bytes.buffer as ArrayBuffer
}
