import { badOption } from '../engine/snapshot.js'
import { viewOf } from '../keys/given.js'

/** A chunk as bytes. @throws ChannelError USE_BAD_OPTION where it is something else */
export function bytesOf(chunk: unknown): Uint8Array {
  const bytes = viewOf(chunk)
  if (bytes) return bytes
  throw badOption('chunk', chunk, 'bytes: a Uint8Array (TextEncoder makes one of text)')
}
