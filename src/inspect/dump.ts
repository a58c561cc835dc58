// An annotated hex dump: what `nopki inspect` prints.

import { PLAINTEXT_DATA } from '../wire/layout.js'
import { RECORD_MAX_1, RECORD_MAX_2, RECORD_MIN, TYPE_MASK } from '../wire/stream.js'
import { ALERTS, CONTROLS, FLAGS, REJECTS, TYPES, VERSIONS } from './codes.js'
import { fields, type InspectedField } from './fields.js'
import { type FieldKind, lengthOf, type MessageKind, u16, u32, u64 } from './layouts.js'

/** How a dump looks. */
export interface DumpOptions {
  /** ANSI colours. Default false. */
  color?: boolean | undefined
  /** Columns of the terminal: default 80. They settle whether a line shows 8, 16 or 32 bytes. */
  width?: number | undefined
  /** Where the message starts in what it was taken from: added to the offsets in the margin. Default 0. */
  base?: number | undefined
}

interface Shape {
  paint: (style: string, text: string) => string
  perLine: number
  base: number
  /** Hex digits of an offset in the margin. */
  digits: number
}

/**
 * A message's fields, one block each: name, length, offset in the message, meaning; then the bytes in hex, long ones elided in the
 * middle. Ends with a newline. Nothing that is printed comes from the bytes but hex and printable ASCII: safe for a terminal.
 */
export function dump(kind: MessageKind, bytes: Uint8Array, options: DumpOptions = {}): string {
  const { color = false, width = 80, base = 0 } = options
  const paint = color
    ? (style: string, text: string) => `\x1b[${style}m${text}\x1b[0m`
    : (_: string, text: string) => text
  const digits = Math.max(4, (base + bytes.length).toString(16).length)
  const shape = { paint, perLine: width >= 144 ? 32 : width >= 76 ? 16 : 8, base, digits }
  const lines = fields(kind, bytes).flatMap(field => ['', ...block(kind, field, '', shape)])
  return `${[title(kind, bytes, paint), ...lines].join('\n')}\n`
}

function title(kind: MessageKind, bytes: Uint8Array, paint: Shape['paint']): string {
  const missing = lengthOf(kind, bytes) - bytes.length
  const whole = `${paint(BOLD, TITLES[kind])}: ${count(bytes.length)}`
  if (missing === 0) return whole
  return `${whole}, ${paint(RED, missing > 0 ? `cut short: ${count(missing)} missing` : `${count(-missing)} too many`)}`
}

function block(message: MessageKind, field: InspectedField, indent: string, shape: Shape): string[] {
  const { paint } = shape
  const name = (indent + field.name + (field.kind === 'box' ? ': box' : '')).padEnd(NAME_WIDTH)
  const missing = field.missing ? paint(RED, `  ${count(field.missing)} missing`) : ''
  const meaning = meaningOf(field, message)
  const head = `${paint(BOLD, name)}${paint(DIM, `${count(field.length).padStart(12)} at ${field.offset}`)}`
  const lines = [`${head}${missing}${meaning ? `  ${meaning}` : ''}`]
  if (field.parts) return [...lines, ...field.parts.flatMap(part => block(message, part, `${indent}  `, shape))]
  return [...lines, ...hexLines(field, `${indent}  `, shape)]
}

/** What a field of a message says; empty where it says nothing, or is cut. */
export function meaningOf({ kind, bytes, missing }: InspectedField, message: MessageKind): string {
  return missing ? '' : (MEANINGS[kind]?.(bytes, message) ?? '')
}

function hexLines({ bytes, offset, kind }: InspectedField, indent: string, shape: Shape): string[] {
  const { paint, perLine, base, digits } = shape
  const line = (index: number) => {
    const at = index * perLine
    const row = bytes.subarray(at, at + perLine)
    const hex = Array.from(row, (byte, i) => (i && i % 8 === 0 ? ' ' : '') + byte.toString(16).padStart(2, '0')).join(
      ' ',
    )
    const margin = `${indent}${paint(DIM, (base + offset + at).toString(16).padStart(digits, '0'))}  `
    if (kind !== 'data' && kind !== 'surplus') return margin + paint(STYLES[kind] ?? PLAIN, hex)
    return `${margin}${paint(PLAIN, hex.padEnd(3 * perLine + perLine / 8))}${paint(DIM, ascii(row))}`
  }
  const lines = Math.ceil(bytes.length / perLine)
  if (lines <= LINES_WHOLE) return Array.from({ length: lines }, (_, index) => line(index))
  const hidden = `… ${count((lines - 2 - LINES_HEAD) * perLine)} …`
  const head = Array.from({ length: LINES_HEAD }, (_, index) => line(index))
  return [...head, indent + ' '.repeat(digits + 2) + paint(DIM, hidden), line(lines - 2), line(lines - 1)]
}

function ascii(bytes: Uint8Array): string {
  return Array.from(bytes, byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('')
}

/** What a field's bytes, all of them there, say; where they say something. */
const MEANINGS: Partial<Record<FieldKind, (bytes: Uint8Array, message: MessageKind) => string>> = {
  version: bytes => `"${ascii(bytes)}" = ${VERSIONS[u32(bytes)] ?? 'no version of this protocol'}`,
  length: (bytes, message) => explainLength(u16(bytes), message === 'record1' ? RECORD_MAX_1 : RECORD_MAX_2),
  size: bytes => explainSize(u16(bytes)),
  type: bytes => explainType(bytes[0] ?? 0),
  'alert code': bytes => `= ${u16(bytes)}, ${ALERTS[u16(bytes)] ?? 'unknown'}`,
  'reject code': bytes => `= ${u16(bytes)}, ${REJECTS[u16(bytes)] ?? 'unknown'}`,
  'control code': bytes => `= ${u16(bytes)}, ${CONTROLS[u16(bytes)] ?? 'unknown'}`,
  count: bytes => `= ${u64(bytes)}`,
  zeros: bytes => (bytes.every(byte => byte === 0) ? 'all zero' : 'not all zero: forbidden'),
}

function explainLength(length: number, longest: number): string {
  if (length < RECORD_MIN) return `= ${length}, below the shortest record of ${RECORD_MIN}: forbidden`
  if (length > longest) return `= ${length}, above the longest record of ${longest}: forbidden`
  return `= ${length}, itself included`
}

function explainSize(size: number): string {
  if (size === 0) return '= 0: no type, no data (version 1)'
  if (size < PLAINTEXT_DATA) return `= ${size}: forbidden`
  return `= ${size}: itself, the type, ${count(size - PLAINTEXT_DATA)} of data`
}

function explainType(byte: number): string {
  const flags = Object.entries(FLAGS).filter(([flag]) => byte & Number(flag))
  return `= ${[TYPES[byte & TYPE_MASK] ?? 'unknown', ...flags.map(([, name]) => name)].join(', ')}`
}

function count(bytes: number): string {
  return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`
}

/** What a message is called. */
export const TITLES: Record<MessageKind, string> = {
  box: 'box',
  hello1: 'hello, version 1',
  hello2: 'hello, version 2',
  challenge1: 'challenge, version 1',
  challenge2: 'challenge, version 2',
  response: 'response',
  reject: 'reject, version 2',
  reason: 'reason of a reject',
  credit: 'credit, the payload of a control record',
  alive: 'sign of life, the payload of a control record',
  header: 'stream header, version 1',
  record1: 'record, version 1',
  record2: 'record, version 2',
  plaintext: 'plaintext of a record',
}

// ANSI: graphic renditions.
const PLAIN = '0'
const BOLD = '1'
const DIM = '2'
const RED = '31'
const STYLES: Partial<Record<FieldKind, string>> = { key: '32', sealed: '36', mac: '35', nonce: '33' }

const NAME_WIDTH = 28
// A field of more lines shows its first and its last two.
const LINES_WHOLE = 6
const LINES_HEAD = 2
