import { badOption } from '../engine/snapshot.js'
import { isBytes, kindOf } from '../keys/given.js'

/** A chunk as bytes. @throws ChannelError USE_BAD_OPTION where it is something else */
export function bytesOf(chunk: unknown): Uint8Array {
  if (isBytes(chunk)) return chunk
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  if (kindOf(chunk) === 'ArrayBuffer') return new Uint8Array(chunk as ArrayBuffer)
  throw badOption('chunk', chunk, 'bytes: a Uint8Array (TextEncoder makes one of text)')
}
