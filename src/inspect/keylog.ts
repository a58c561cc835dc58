// Key logs: what `onKeys` writes, two lines a connection.

/** The first key of one direction, 32 bytes; rekeys follow from it. */
export interface LoggedKey {
  version: 1 | 2
  /** Who seals with it. */
  from: 'client' | 'server'
  key: Uint8Array
}

/**
 * By the client's session public key, in hex, which is in the clear in the hello. A client may choose one that another connection
 * has: there may be several keys of a direction.
 */
export type KeyLog = ReadonlyMap<string, readonly LoggedKey[]>

/**
 * Reads `NOPKI2_CLIENT_TO_SERVER <client session public key> <key>` and its like, in hex. Empty lines and comments are passed over.
 * @throws Error with the line's number where a line is something else
 */
export function parseKeyLog(text: string): KeyLog {
  const { keys, bad } = readKeyLog(text)
  if (bad[0] !== undefined) throw noLine(bad[0])
  return keys
}

/** What is in a file, which may have been cut, or written to by something else. `bad`: the numbers of lines that are none. */
export interface ReadKeyLog {
  keys: KeyLog
  bad: readonly number[]
}

/** As `parseKeyLog`, and lines that are something else are passed over. @throws Error if there are no others */
export function readKeyLog(text: string): ReadKeyLog {
  const keys = new Map<string, LoggedKey[]>()
  const bad: number[] = []
  // An editor may have put a byte-order mark before it.
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  for (const [index, line] of lines.entries()) {
    if (/^\s*(?:#.*)?$/.test(line)) continue
    const match = /^NOPKI([12])_(CLIENT_TO_SERVER|SERVER_TO_CLIENT) ([0-9a-f]{64}) ([0-9a-f]{64})\s*$/i.exec(line)
    if (!match) {
      bad.push(index + 1)
      continue
    }
    const [, version, direction, connection = '', key = ''] = match
    const from = direction?.toUpperCase() === 'CLIENT_TO_SERVER' ? 'client' : 'server'
    const those = keys.get(connection.toLowerCase()) ?? []
    those.push({ version: version === '1' ? 1 : 2, from, key: fromHex(key) })
    keys.set(connection.toLowerCase(), those)
  }
  if (keys.size === 0 && bad[0] !== undefined) throw noLine(bad[0])
  return { keys, bad }
}

/** What a reader is told of lines that were passed over; undefined if there are none. */
export function badLinesText({ bad }: ReadKeyLog): string | undefined {
  if (bad.length === 0) return undefined
  const lines = bad.length === 1 ? `line ${bad[0]} is` : `${bad.length} lines, the first of them line ${bad[0]}, are`
  return `${lines} no line of a key log, and passed over`
}

function noLine(number: number): Error {
  return new Error(`line ${number} is no line of a key log`)
}

/** Bytes as hex. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

/** Bytes written as hex digits, with white space and colons between them as one likes; undefined where it is something else. */
export function fromHexText(text: string): Uint8Array | undefined {
  const digits = text.replace(/[\s:]+/g, '')
  return digits !== '' && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits) ? fromHex(digits) : undefined
}

function fromHex(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2)
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16)
  return bytes
}
