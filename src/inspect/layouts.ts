// Every message of docs/protocol.md as a table of its fields, from the constants of src/wire/layout.ts. Offsets and lengths in bytes.

import * as wire from '../wire/layout.js'
import { CONTROL_ALIVE, CONTROL_CREDIT, RECORD_MIN, TYPE_ALERT, TYPE_CONTROL, TYPE_MASK } from '../wire/stream.js'

/** `header` is version 1's stream header, `plaintext` what a record seals, `reason` what a reject's box seals. */
export type MessageKind = keyof typeof LAYOUTS

type Opaque = 'key' | 'sealed' | 'mac' | 'nonce' | 'data' | 'surplus'
type Spoken = 'version' | 'length' | 'size' | 'type' | 'alert code' | 'control code' | 'reject code' | 'count' | 'zeros'
/** What a field holds. */
export type FieldKind = 'box' | Opaque | Spoken

/** A field of a message. */
export interface Field {
  /** As docs/protocol.md calls it. */
  readonly name: string
  /** From the message's start. */
  readonly offset: number
  readonly length: number
  readonly kind: FieldKind
  /** What the field consists of: they tile it. */
  readonly parts?: readonly Field[]
}

/** A message whose fields lie where its first bytes say. */
type Layout = readonly Field[] | ((bytes: Uint8Array) => readonly Field[])

/** The fields of a message: they tile it. Where lengths are in the bytes, those count, however few bytes there are. */
export function layoutOf(kind: MessageKind, bytes: Uint8Array): readonly Field[] {
  const layout: Layout = LAYOUTS[kind]
  return typeof layout === 'function' ? layout(bytes) : layout
}

/** How many bytes the message has when it is whole, as far as `bytes`, its beginning, tell. */
export function lengthOf(kind: MessageKind, bytes: Uint8Array): number {
  const last = layoutOf(kind, bytes).at(-1)
  return last ? last.offset + last.length : 0
}

/** What comes behind a message in the same direction; undefined where the direction ends with it, or it stands alone. */
export function followerOf(kind: MessageKind, version: 1 | 2): MessageKind | undefined {
  return FOLLOWERS[kind]?.[version]
}

/** Little-endian; missing bytes count as 0. */
export function u16(bytes: Uint8Array, offset = 0): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8)
}

export function u32(bytes: Uint8Array): number {
  return u16(bytes) + u16(bytes, 2) * 0x10000
}

export function u64(bytes: Uint8Array): bigint {
  return BigInt(u32(bytes)) + (BigInt(u32(bytes.subarray(4))) << 32n)
}

function field(name: string, offset: number, length: number, kind: FieldKind): Field {
  return { name, offset, length, kind }
}

function key(name: string, offset: number): Field {
  return field(name, offset, wire.KEY_BYTES, 'key')
}

function version(offset: number): Field {
  return field('version', offset, wire.VERSION_BYTES, 'version')
}

/** "The encrypted box". */
function boxParts(offset: number): Field[] {
  return [
    field('data (sealed)', offset + wire.BOX_DATA, wire.KEY_BYTES, 'sealed'),
    field('mac', offset + wire.BOX_MAC, wire.MAC_BYTES, 'mac'),
    field('nonce', offset + wire.BOX_NONCE, wire.NONCE_BYTES, 'nonce'),
  ]
}

function box(name: string, offset: number): Field {
  return { ...field(name, offset, wire.BOX_BYTES, 'box'), parts: boxParts(offset) }
}

/** "The stream": a record as it crosses the wire. Version 1's tag is sealed ahead of the plaintext. */
function record(tagBytes: number, bytes: Uint8Array): Field[] {
  const end = Math.max(u16(bytes, wire.RECORD_LENGTH), RECORD_MIN)
  const plaintext = wire.RECORD_SEALED + tagBytes
  const mac = end - wire.MAC_BYTES
  return [
    field('length', wire.RECORD_LENGTH, wire.RECORD_SEALED, 'length'),
    ...(tagBytes ? [field('tag (sealed)', wire.RECORD_SEALED, tagBytes, 'sealed')] : []),
    field('plaintext (sealed)', plaintext, mac - plaintext, 'sealed'),
    field('mac', mac, wire.MAC_BYTES, 'mac'),
  ]
}

/** "The stream": an opened record. In version 1 a size of 0 means no type and no data. Its end is where the bytes end. */
function plaintext(bytes: Uint8Array): Field[] {
  const size = u16(bytes, wire.PLAINTEXT_SIZE)
  const empty = size === 0 && bytes.length >= wire.PLAINTEXT_TYPE
  const end = empty ? wire.PLAINTEXT_TYPE : Math.max(size, wire.PLAINTEXT_DATA)
  const fields = [field('size', wire.PLAINTEXT_SIZE, wire.PLAINTEXT_TYPE, 'size')]
  if (!empty) fields.push(field('type', wire.PLAINTEXT_TYPE, wire.PLAINTEXT_DATA - wire.PLAINTEXT_TYPE, 'type'))
  if (end > wire.PLAINTEXT_DATA) fields.push(plaintextData(bytes, end - wire.PLAINTEXT_DATA))
  if (bytes.length > end) fields.push(field('padding', end, bytes.length - end, 'zeros'))
  return fields
}

/** An alert's or a control record's data starts with a code. */
function plaintextData(bytes: Uint8Array, length: number): Field {
  const type = (bytes[wire.PLAINTEXT_TYPE] ?? 0) & TYPE_MASK
  const data = field('data', wire.PLAINTEXT_DATA, length, 'data')
  if ((type !== TYPE_ALERT && type !== TYPE_CONTROL) || length < wire.CODE_BYTES) return data
  const alert = type === TYPE_ALERT
  const code = field('code', data.offset + wire.CODE, wire.CODE_BYTES, alert ? 'alert code' : 'control code')
  const rest = data.offset + wire.CODE_BYTES
  const left = length - wire.CODE_BYTES
  const known = alert ? undefined : controlParts(u16(bytes, code.offset), rest, left)
  return { ...data, parts: [code, ...(known ?? [field(alert ? 'text' : 'payload', rest, left, 'data')])] }
}

function controlParts(code: number, offset: number, length: number): Field[] | undefined {
  if (code === CONTROL_CREDIT && length === wire.CREDIT_BYTES) return creditParts(offset)
  if (code === CONTROL_ALIVE && length === wire.ALIVE_BYTES) return aliveParts(offset)
  return undefined
}

/** "Signs of life". */
function aliveParts(offset: number): Field[] {
  return [field('interval', offset + wire.ALIVE_INTERVAL, wire.ALIVE_BYTES - wire.ALIVE_INTERVAL, 'count')]
}

/** "Credit". */
function creditParts(offset: number): Field[] {
  return [
    field('limit', offset + wire.CREDIT_LIMIT, wire.CREDIT_HEEDS - wire.CREDIT_LIMIT, 'count'),
    field('heeds', offset + wire.CREDIT_HEEDS, wire.CREDIT_BYTES - wire.CREDIT_HEEDS, 'count'),
  ]
}

/** The fields of each message, as docs/protocol.md has them. */
export const LAYOUTS = {
  box: boxParts(0),
  hello1: [
    version(wire.HELLO_1_VERSION),
    key('client session public key', wire.HELLO_1_SESSION_KEY),
    box('expected server key', wire.HELLO_1_EXPECTED_KEY),
  ],
  hello2: [
    version(wire.HELLO_2_VERSION),
    key('client session public key', wire.HELLO_2_SESSION_KEY),
    field('ML-KEM-768 public key', wire.HELLO_2_KEM_KEY, wire.KEM_PUBLIC_KEY_BYTES, 'key'),
    box('expected server key', wire.HELLO_2_EXPECTED_KEY),
  ],
  challenge1: [
    key('server session public key', wire.CHALLENGE_1_SESSION_KEY),
    box('server long-term key', wire.CHALLENGE_1_SERVER_KEY),
    box('proof', wire.CHALLENGE_1_PROOF),
  ],
  challenge2: [
    version(wire.CHALLENGE_2_VERSION),
    key('server session public key', wire.CHALLENGE_2_SESSION_KEY),
    field('ML-KEM-768 ciphertext', wire.CHALLENGE_2_CIPHERTEXT, wire.KEM_CIPHERTEXT_BYTES, 'key'),
    box('server long-term key', wire.CHALLENGE_2_SERVER_KEY),
    box('proof', wire.CHALLENGE_2_PROOF),
  ],
  response: [box('client long-term key', wire.RESPONSE_CLIENT_KEY), box('answer', wire.RESPONSE_ANSWER)],
  reject: [version(wire.REJECT_VERSION), box('reason', wire.REJECT_BOX)],
  reason: [
    field('code', wire.REJECT_CODE, wire.CODE_BYTES, 'reject code'),
    field('zeros', wire.REJECT_ZEROS, wire.KEY_BYTES - wire.REJECT_ZEROS, 'zeros'),
  ],
  credit: creditParts(0),
  alive: aliveParts(0),
  header: [field('stream header', 0, wire.STREAM_HEADER_BYTES, 'nonce')],
  record1: (bytes: Uint8Array) => record(wire.TAG_BYTES, bytes),
  record2: (bytes: Uint8Array) => record(0, bytes),
  plaintext,
} satisfies Record<string, Layout>

/** By the version of the conversation. */
export const FOLLOWERS: Partial<Record<MessageKind, Partial<Record<1 | 2, MessageKind>>>> = {
  hello1: { 1: 'response' },
  challenge1: { 1: 'header' },
  header: { 1: 'record1' },
  record1: { 1: 'record1' },
  hello2: { 2: 'response' },
  challenge2: { 2: 'record2' },
  record2: { 2: 'record2' },
  response: { 1: 'header', 2: 'record2' },
}
