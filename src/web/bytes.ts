import { badOption } from '../engine/options.js'

/** A chunk as bytes. @throws ChannelError USE_BAD_OPTION where it is something else */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk)
  throw badOption('chunk', chunk, 'bytes: a Uint8Array (TextEncoder makes one of text)')
}
