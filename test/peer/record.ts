// One record, as tests see it, and its plaintext: docs/protocol.md, "The stream". stream1.ts and stream2.ts seal it.

import { concat, readU16, sodium, u16, utf8 } from './primitives.js'

export const TYPE = { data: 0, alert: 1, control: 2 } as const
export const ALERT = { general: 1, badResponse: 2, notAuthorized: 3, shuttingDown: 4, idleTimeout: 5 } as const

/** What every record has, besides its kind. `padding` counts the zero bytes. */
export interface Marks {
  endOfMessage: boolean
  rekey: boolean
  final: boolean
  padding: number
}

export type PeerRecord = Marks &
  (
    | { kind: 'data'; data: Uint8Array }
    | { kind: 'final'; data: Uint8Array }
    | { kind: 'keepAlive' }
    | { kind: 'alert'; code: number; text: string }
    | { kind: 'control'; code: number; payload: Uint8Array }
  )

export interface WriteOptions {
  endOfMessage?: boolean | undefined
  rekey?: boolean | undefined
  padding?: number | undefined
}

/** Every method returns one record's bytes, and throws after `alert` and `final`, after which nothing may follow. */
export interface RecordWriter {
  /** What goes out before the first record: 24 bytes in version 1, nothing in version 2. */
  readonly header: Uint8Array
  /** The most data in one record without padding. */
  readonly maximumData: number
  data(data: Uint8Array, options?: WriteOptions): Uint8Array
  keepAlive(options?: { padding?: number }): Uint8Array
  alert(code: number, text: string, options?: { padding?: number }): Uint8Array
  /** Version 2 only. */
  control(code: number, payload: Uint8Array, options?: WriteOptions): Uint8Array
  /** Data in version 2 only. */
  final(data?: Uint8Array, options?: WriteOptions): Uint8Array
}

/** Opens whole records, in order. */
export interface Opener {
  readonly headerLength: number
  readonly maximumLength: number
  start(header: Uint8Array): void
  open(record: Uint8Array): PeerRecord
}

/** size ‖ type ‖ data ‖ zero padding. */
export function plaintextOf(type: number, data: Uint8Array, padding = 0): Uint8Array {
  return concat(u16(3 + data.length), Uint8Array.of(type), data, new Uint8Array(padding))
}

export function codeAnd(code: number, rest: Uint8Array | string): Uint8Array {
  return concat(u16(code), typeof rest === 'string' ? utf8(rest) : rest)
}

/** The data of a plaintext and the length of its padding. Throws on a bad size and on padding that is not zero. */
export function readPlaintext(plaintext: Uint8Array): { data: Uint8Array; padding: number } {
  const size = readU16(plaintext)
  if (size < 3 || size > plaintext.length) throw new Error(`a size of ${size} in a plaintext of ${plaintext.length}`)
  return { data: plaintext.slice(3, size), padding: checkPadding(plaintext.subarray(size)) }
}

export function checkPadding(padding: Uint8Array): number {
  if (!sodium.is_zero(padding)) throw new Error('padding that is not zero')
  return padding.length
}

/** The record of a type that is known, which a keep-alive is not: each version tells its own. */
export function recordOf(type: number, data: Uint8Array, marks: Marks): PeerRecord {
  if (type === TYPE.data) return { kind: marks.final ? 'final' : 'data', data, ...marks }
  if (type !== TYPE.alert && type !== TYPE.control) throw new Error(`a record of type ${type}`)
  if (data.length < 2) throw new Error('an alert or control record without a code')
  const code = readU16(data)
  const rest = data.slice(2)
  if (type === TYPE.alert) return { kind: 'alert', code, text: new TextDecoder().decode(rest), ...marks }
  return { kind: 'control', code, payload: rest, ...marks }
}
