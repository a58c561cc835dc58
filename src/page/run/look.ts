// What is looked at: the fields of a message, their paths, and what a box holds.

import { fields, type InspectedField, type MessageKind } from '../../inspect/index.js'
import type { Story, Wire } from './story.js'

/** A field that has no parts, of a message or of a plaintext. */
export interface Leaf {
  /** For links: `proof.mac`. */
  path: string
  /** For the table of sentences: `proof: mac`. */
  name: string
  field: InspectedField
  /** The box that it is a part of. */
  box: string | undefined
  /** Whether it is of the plaintext. */
  inside: boolean
}

interface Opaque {
  kind: MessageKind
  bytes: Uint8Array
  plaintext?: Uint8Array | undefined
}

/** All leaves of a message, in order; behind them those of its plaintext, if it was opened. */
export function leavesOf({ kind, bytes, plaintext }: Opaque): Leaf[] {
  const own = fields(kind, bytes).flatMap(it => leaves(it, undefined, false))
  return plaintext ? [...own, ...fields('plaintext', plaintext).flatMap(it => leaves(it, undefined, true))] : own
}

function leaves(field: InspectedField, box: string | undefined, inside: boolean): Leaf[] {
  if (field.parts) return field.parts.flatMap(part => leaves(part, field.name, inside))
  const name = box === undefined ? field.name : `${box}: ${field.name}`
  return [{ path: `${inside ? 'plaintext.' : ''}${name.replace(': ', '.')}`, name, field, box, inside }]
}

/** What colour a field has: one a kind of content. */
export function hueOf({ field, inside }: Leaf): string {
  if (field.name.startsWith('ML-KEM')) return 'kem'
  if (inside && field.kind === 'zeros') return 'padding'
  return HUES[field.kind] ?? 'data'
}

export interface Opened {
  plaintext: Uint8Array
  /** The key that it is sealed under, where it is known. */
  key: Uint8Array | undefined
  by: string
  to: string
  what: string
}

/** What a box of a handshake message holds, from the memory of the end that sealed it. */
export function openBox(story: Story, wire: Wire, box: string): Opened | undefined {
  const found = BOXES[`${wire.kind.replace(/\d$/, '')}: ${box}`]
  const values = story.moments.at(-1)?.values
  if (!found || !values) return undefined
  const valueAt = (node: string) => values[wire.from].get(node) ?? values.client.get(node) ?? values.server.get(node)
  const { version, middlebox } = story.options
  const [content, key] = version === 1 ? found.one : found.two
  const plaintext = valueAt(content)
  const to = middlebox && box === 'expected server key' ? 'the middlebox’s long-term key' : found.to
  const what = (version === 1 && found.whatOne) || found.what
  return plaintext && { plaintext, key: valueAt(key), by: found.by, to, what }
}

interface BoxWords {
  /** The nodes of what is in it and of its key, in version 1 and 2. */
  one: [string, string]
  two: [string, string]
  by: string
  to: string
  what: string
  /** In version 1, if it is something else there. */
  whatOne?: string
}

const BOXES: Record<string, BoxWords> = {
  'hello: expected server key': {
    one: ['expected', 'es'],
    two: ['expected', 'hello-key'],
    by: 'the client’s session secret key',
    to: 'the server’s long-term key',
    what: 'the public key of the server that the client wants',
  },
  'challenge: server long-term key': {
    one: ['server-key', 'ee'],
    two: ['server-key', 'k1'],
    by: 'the server’s session secret key',
    to: 'the client’s session key',
    what: 'the server’s long-term public key',
  },
  'challenge: proof': {
    one: ['client-session', 'es'],
    two: ['h3', 'k2'],
    by: 'the server’s long-term secret key',
    to: 'the client’s session key',
    whatOne: 'the client’s session public key, and nothing of the server’s',
    what: 'h, the hash of all that was said',
  },
  'response: client long-term key': {
    one: ['client-key', 'ee'],
    two: ['client-key', 'k3'],
    by: 'the client’s session secret key',
    to: 'the server’s session key',
    what: 'the client’s long-term public key',
  },
  'response: answer': {
    one: ['server-session', 'se'],
    two: ['h5', 'k4'],
    by: 'the client’s long-term secret key',
    to: 'the server’s session key',
    whatOne: 'the server’s session public key',
    what: 'h, the hash of all that was said',
  },
}

const HUES: Record<string, string> = {
  version: 'version',
  key: 'key',
  sealed: 'sealed',
  mac: 'mac',
  nonce: 'nonce',
  length: 'length',
  size: 'length',
  type: 'version',
  'alert code': 'nonce',
  'control code': 'nonce',
  'reject code': 'nonce',
  count: 'length',
  zeros: 'padding',
  data: 'data',
  surplus: 'mac',
}
