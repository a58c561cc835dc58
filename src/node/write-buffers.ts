import { discard } from '../channel/discard.js'
import { BUFFER_BYTES } from '../wire/abi.js'

/**
 * Memory for large writes, used over and over: what was just written is still in the processor's cache, and no garbage collector has to
 * find it. It holds sealed bytes only.
 */
const idle: ArrayBuffer[] = []

/** Memory for a write of so many bytes, at most BUFFER_BYTES. It is the caller's until `giveWriteBuffer`. */
export function takeWriteBuffer(length: number): Buffer {
  const memory = idle.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES).buffer
  return Buffer.from(memory as ArrayBuffer, 0, length)
}

/** Takes back what `takeWriteBuffer` gave: the system has taken the bytes, and nobody else holds on to the memory. */
export function giveWriteBuffer(bytes: Buffer): void {
  const memory = bytes.buffer as ArrayBuffer
  if (idle.length < IDLE_MOST) idle.push(memory)
  else discard(new Uint8Array(memory))
}

// 4 MiB.
const IDLE_MOST = 64
