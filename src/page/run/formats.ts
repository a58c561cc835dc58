// Bytes as text, to be copied.

import { fromHexText, toHex } from '../../inspect/index.js'

export const FORMATS = { hex: 'Hex', c: 'C array', json: 'JSON' } as const
export type Format = keyof typeof FORMATS

/** @param name what the bytes are called, such as `wire.1.proof.mac` */
export function format(kind: Format, name: string, bytes: Uint8Array): string {
  if (kind === 'hex') return toHex(bytes)
  if (kind === 'json') return JSON.stringify({ name, length: bytes.length, hex: toHex(bytes) })
  const rows = Array.from({ length: Math.ceil(bytes.length / C_ROW) }, (_, row) =>
    Array.from(bytes.subarray(row * C_ROW, (row + 1) * C_ROW), byte => `0x${byte.toString(16).padStart(2, '0')}`),
  )
  const lines = rows.map(row => `  ${row.join(', ')},`)
  return `const unsigned char ${identifier(name)}[${bytes.length}] = {\n${lines.join('\n')}\n};\n`
}

/** What a person types to look for: hex digits, or else a text. */
export function needleOf(text: string): Uint8Array {
  const bytes = fromHexText(text.replace(/[\s:]+/g, '').replace(/^0x/i, ''))
  return bytes && bytes.length >= 2 ? bytes : new TextEncoder().encode(text)
}

function identifier(name: string): string {
  const words = name
    .normalize('NFKD')
    .replace(/[^a-zA-Z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  return /^[a-zA-Z]/.test(words) ? words : `bytes_${words}`
}

const C_ROW = 12
