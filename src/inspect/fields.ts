// Bytes -> named fields. Whatever the bytes are, nothing here throws: a cut message has missing bytes, a long one a surplus.

import { CHALLENGE_2_BYTES, VERSION_1, VERSION_2, VERSION_BYTES, VERSION_REJECT } from '../wire/layout.js'
import { type Field, layoutOf, lengthOf, type MessageKind, u32 } from './layouts.js'

/** A field of a message with the bytes that are there. */
export interface InspectedField extends Field {
  /** A view into the inspected bytes, not a copy: `length - missing` bytes. */
  readonly bytes: Uint8Array
  /** How many of the field's bytes are not there, because the message is cut. */
  readonly missing: number
  readonly parts?: readonly InspectedField[]
}

/** A message's fields, in order. Bytes beyond its end come last, as a field of kind `surplus`. */
export function fields(kind: MessageKind, bytes: Uint8Array): InspectedField[] {
  const found = layoutOf(kind, bytes).map(field => inspectField(field, bytes))
  const end = lengthOf(kind, bytes)
  if (bytes.length <= end) return found
  const surplus: Field = { name: 'behind the message', offset: end, length: bytes.length - end, kind: 'surplus' }
  return [...found, inspectField(surplus, bytes)]
}

/**
 * What the first message of one direction is, by its first four bytes. `from` says whose direction it is; where that is not known, a
 * version 2 message with a challenge's length is a challenge, and any other a hello. Undefined where the bytes do not tell, as those of
 * version 1's challenge, which has no version.
 */
export function identify(bytes: Uint8Array, from?: 'client' | 'server'): MessageKind | undefined {
  if (bytes.length < VERSION_BYTES) return undefined
  const version = u32(bytes)
  if (version === VERSION_1) return from === 'server' ? undefined : 'hello1'
  if (version === VERSION_REJECT) return from === 'client' ? undefined : 'reject'
  if (version !== VERSION_2) return undefined
  const challenge = from ? from === 'server' : bytes.length === CHALLENGE_2_BYTES
  return challenge ? 'challenge2' : 'hello2'
}

function inspectField({ parts, ...field }: Field, bytes: Uint8Array): InspectedField {
  const there = bytes.subarray(field.offset, field.offset + field.length)
  const found = { ...field, bytes: there, missing: field.length - there.length }
  return parts ? { ...found, parts: parts.map(part => inspectField(part, bytes)) } : found
}
