// A capture, or bytes as hex digits, with a key log: the messages in them, opened as far as there are keys.

import { type Core, RecordOpener } from '../../engine/index.js'
import {
  type Connection,
  connectionsOf,
  fromHexText,
  identify,
  isCapture,
  type KeyLog,
  type Message,
  type MessageKind,
  messagesOf,
  parseKeyLog,
  readCapture,
  toHex,
} from '../../inspect/index.js'
import { HELLO_1_SESSION_KEY, KEY_BYTES } from '../../wire/layout.js'

export interface Told extends Message {
  from: 'client' | 'server'
}

export interface Dialogue {
  title: string
  messages: Told[]
  /** Why not all of it is shown. */
  trouble: string | undefined
}

export interface Traffic {
  dialogues: Dialogue[]
  trouble: string | undefined
}

/** @throws Error, in words for a person, if nothing of it is of this protocol */
export function readTraffic(core: Core, bytes: Uint8Array, keyLog: string): Traffic {
  const keys = parseKeyLog(keyLog)
  if (isCapture(bytes)) return fromCapture(core, bytes, keys)
  const raw = fromHexText(latin1(bytes)) ?? bytes
  if (raw.length === 0) throw new Error('there are no bytes')
  const kind = identify(raw)
  if (!kind)
    throw new Error('these bytes are no capture (pcap, pcapng), and do not begin like a message of this protocol')
  const from: Told['from'] = kind.startsWith('challenge') || kind === 'reject' ? 'server' : 'client'
  const messages = withKeys(core, keys, from === 'client' ? raw : undefined, openerFor =>
    messagesOf({ from, bytes: raw, first: kind, openerFor: openerFor(from) }),
  )
  const dialogue = {
    title: `one direction, from the ${from}`,
    messages: (messages ?? []).map(it => ({ ...it, from })),
    trouble: undefined,
  }
  return { dialogues: [dialogue], trouble: undefined }
}

/** A conversation whose pieces are known in their order. */
export function readPieces(
  core: Core,
  pieces: readonly { from: 'client' | 'server'; bytes: Uint8Array }[],
  keyLog: string,
): Traffic {
  const streams = { client: joined(pieces, 'client'), server: joined(pieces, 'server') }
  const starts = { client: startsOf(pieces, 'client'), server: startsOf(pieces, 'server') }
  const orderOf = (from: 'client' | 'server', offset: number) =>
    starts[from].findLast(it => it.offset <= offset)?.order ?? 0
  const messages = converse(core, streams, parseKeyLog(keyLog), orderOf)
  if (!messages) throw new Error('the conversation is not of this protocol')
  return { dialogues: [{ title: 'the conversation', messages, trouble: undefined }], trouble: undefined }
}

function fromCapture(core: Core, bytes: Uint8Array, keys: KeyLog): Traffic {
  const { packets, trouble } = readCapture(bytes)
  const connections = connectionsOf(packets)
  const dialogues = connections.flatMap(found => {
    const { client, server, toServer, toClient } = oriented(found)
    const packetOf = { client: toServer.packetOf, server: toClient.packetOf }
    const streams = { client: toServer.bytes, server: toClient.bytes }
    const messages = converse(core, streams, keys, (from, offset) => packetOf[from](offset))
    const gap = toServer.gap || toClient.gap ? 'bytes were not captured, and what follows them is not shown' : undefined
    return messages ? [{ title: `${client} → ${server}`, messages, trouble: gap }] : []
  })
  if (dialogues.length > 0) return { dialogues, trouble }
  throw new Error(
    `no connection of this protocol is in the capture: ${packets.length} packets, ${connections.length} TCP connections. ` +
      'A connection is known by its first bytes: start capturing before it is opened',
  )
}

/** Both directions' messages, in the order in which they came; undefined if the client's first bytes are of another protocol. */
function converse(
  core: Core,
  streams: Record<'client' | 'server', Uint8Array>,
  keys: KeyLog,
  orderOf: (from: 'client' | 'server', offset: number) => number,
): Told[] | undefined {
  const kind = identify(streams.client, 'client')
  if (!kind) return undefined
  const answer: MessageKind = kind === 'hello1' ? 'challenge1' : 'challenge2'
  const firsts = { client: undefined, server: identify(streams.server, 'server') ?? answer }
  const all = (['client', 'server'] as const).flatMap(from => {
    const messages = withKeys(core, keys, streams.client, openerFor =>
      messagesOf({ from, bytes: streams[from], first: firsts[from], openerFor: openerFor(from) }),
    )
    return (messages ?? []).map((it): Told => ({ ...it, from }))
  })
  // Stable: of one packet, the client's come first.
  return all.sort((a, b) => orderOf(a.from, a.offset) - orderOf(b.from, b.offset))
}

/** If the opening was not captured, who said hello is the client. */
function oriented(it: Connection): Connection {
  if (it.whole || identify(it.toServer.bytes, 'client') || !identify(it.toClient.bytes, 'client')) return it
  return { ...it, client: it.server, server: it.client, toServer: it.toClient, toClient: it.toServer }
}

type OpenerFor = (from: 'client' | 'server') => Parameters<typeof messagesOf>[0]['openerFor']

/** Lends what opens a connection's records, if its keys are in the log: the first that opens the first record. */
function withKeys<T>(core: Core, keys: KeyLog, hello: Uint8Array | undefined, use: (openerFor: OpenerFor) => T): T {
  const name = hello && toHex(hello.subarray(HELLO_1_SESSION_KEY, HELLO_1_SESSION_KEY + KEY_BYTES))
  const logged = name === undefined ? [...keys.values()].flat() : (keys.get(name) ?? [])
  const openers: RecordOpener[] = []
  try {
    return use(from => (version, header) => {
      const fitting = logged.filter(it => it.from === from && it.version === version)
      let found: RecordOpener | undefined
      if (fitting.length === 0) return undefined
      return record => {
        if (found) return found.open(record)
        for (const { key } of fitting) {
          const opener = new RecordOpener(core, version, key, header)
          openers.push(opener)
          try {
            const plaintext = opener.open(record)
            found = opener
            return plaintext
          } catch {}
        }
        throw new Error('no key of the log opens it')
      }
    })
  } finally {
    for (const opener of openers) opener.close()
  }
}

function joined(pieces: readonly { from: string; bytes: Uint8Array }[], from: string): Uint8Array {
  const own = pieces.filter(it => it.from === from)
  const bytes = new Uint8Array(own.reduce((sum, it) => sum + it.bytes.length, 0))
  let at = 0
  for (const piece of own) {
    bytes.set(piece.bytes, at)
    at += piece.bytes.length
  }
  return bytes
}

function startsOf(
  pieces: readonly { from: string; bytes: Uint8Array }[],
  from: string,
): { offset: number; order: number }[] {
  let offset = 0
  return pieces.flatMap((it, order) => {
    if (it.from !== from) return []
    const start = { offset, order }
    offset += it.bytes.length
    return [start]
  })
}

function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  return text
}

const CHUNK = 8192
