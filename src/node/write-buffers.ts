import { discard } from '../channel/discard.js'
import { BUFFER_BYTES } from '../wire/abi.js'

/**
 * Memory for large writes, used over and over: what was just written is still in the processor's cache, and no garbage collector has to
 * find it. It holds sealed bytes only.
 */
const idle: Buffer[] = []

/** Memory for a write of so many bytes, at most BUFFER_BYTES. It is the caller's until `giveWriteBuffer`. */
export function takeWriteBuffer(length: number): Buffer {
  const last = idle.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
  // Most writes are as long as the one before, and need no view of their own.
  return last.length === length ? last : Buffer.from(last.buffer, 0, length)
}

/** Takes back what `takeWriteBuffer` gave: the system has taken the bytes, and nobody else holds on to the memory. */
export function giveWriteBuffer(bytes: Buffer): void {
  if (idle.length < IDLE_MOST) idle.push(bytes)
  else discard(new Uint8Array(bytes.buffer))
}

// 4 MiB.
const IDLE_MOST = 64
