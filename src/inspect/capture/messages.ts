// The messages of what was captured: of a connection, in the order in which they came, and of one direction's bytes.

import { HELLO_1_SESSION_KEY, KEY_BYTES } from '../../wire/layout.js'
import { messagesOf } from '../conversation.js'
import type { Message, OpenerFor } from '../direction.js'
import { identify } from '../fields.js'
import { fromHexText, type KeyLog, toHex } from '../keylog.js'
import { lengthOf, type MessageKind } from '../layouts.js'
import { type MakeOpener, type Opener, openerForLogged } from '../openers.js'
import type { Connection } from './connections.js'

/** What opens records: the keys of a log, and what makes an opener of one. */
export interface Opening {
  readonly keys: KeyLog
  readonly make: MakeOpener
}

/** A message, and who has said it. */
export interface Said extends Message {
  readonly from: 'client' | 'server'
}

/** A message of a connection, and the packets in which it starts and ends. */
export interface Captured extends Said {
  readonly packet: number
  readonly lastPacket: number
}

/** Undefined where the connection is of another protocol. */
export function messagesOfConnection(
  found: Connection,
  opening: Opening,
): { connection: Connection; all: Captured[] } | undefined {
  const connection = oriented(found)
  const hello = connection.toServer.bytes
  const kind = identify(hello, 'client')
  if (!kind) return undefined
  const answer = identify(connection.toClient.bytes, 'server') ?? answerTo(kind)
  const directions = [
    { from: 'client', first: kind, ...connection.toServer },
    { from: 'server', first: answer, ...connection.toClient },
  ] as const
  const all = directions.flatMap(({ from, first, bytes, packetOf }) =>
    opened(opening, hello, from, openerFor => messagesOf({ from, bytes, first, openerFor }) ?? []).map(
      (it): Captured => {
        const lastPacket = packetOf(it.offset + Math.max(it.bytes.length - 1, 0))
        return { ...it, from, packet: packetOf(it.offset), lastPacket }
      },
    ),
  )
  // Stable: of one packet, the client's come first.
  return { connection, all: all.sort((a, b) => a.packet - b.packet) }
}

/** The messages of one direction, of which the first is known. */
export function messagesOfDirection(bytes: Uint8Array, first: MessageKind, opening: Opening): Said[] {
  const from = first.startsWith('challenge') || first === 'reject' ? 'server' : 'client'
  const hello = first.startsWith('hello') ? bytes : undefined
  const messages = opened(opening, hello, from, openerFor => messagesOf({ from, bytes, first, openerFor }) ?? [])
  return messages.map(it => ({ ...it, from }))
}

/** The bytes of one direction, which may be written as hex digits. */
export function rawBytes(bytes: Uint8Array): Uint8Array {
  return fromHexText(new TextDecoder('latin1').decode(bytes)) ?? bytes
}

/** A hello and a challenge of version 2 begin alike: where what follows fits only a challenge, it is one. */
export function guess(bytes: Uint8Array): MessageKind | undefined {
  const kind = identify(bytes)
  const fits = (first: MessageKind) => {
    const messages = messagesOf({ from: 'client', bytes, first }) ?? []
    return messages.reduce((sum, it) => sum + lengthOf(it.kind, it.bytes), 0) === bytes.length
  }
  return kind === 'hello2' && !fits('hello2') && fits('challenge2') ? 'challenge2' : kind
}

/** Where the opening was not captured, who is the client shows by who said hello. */
function oriented(it: Connection): Connection {
  if (it.whole || identify(it.toServer.bytes, 'client') || !identify(it.toClient.bytes, 'client')) return it
  return { ...it, client: it.server, server: it.client, toServer: it.toClient, toClient: it.toServer }
}

/** Version 1's challenge has no version of its own. */
function answerTo(hello: MessageKind): MessageKind {
  return hello === 'hello1' ? 'challenge1' : 'challenge2'
}

/**
 * Lends what opens the records of a direction.
 *
 * @param hello the client's first bytes, which name the connection. Of one direction alone they may not be there: then all keys are tried
 */
function opened<T>(
  { keys, make }: Opening,
  hello: Uint8Array | undefined,
  from: 'client' | 'server',
  use: (openerFor: OpenerFor) => T,
): T {
  const name = hello && toHex(hello.subarray(HELLO_1_SESSION_KEY, HELLO_1_SESSION_KEY + KEY_BYTES))
  const openers: Opener[] = []
  try {
    return use(openerForLogged(keys, name, from, make, openers))
  } finally {
    for (const opener of openers) opener.close()
  }
}
