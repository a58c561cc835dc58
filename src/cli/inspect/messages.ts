// The messages of a captured connection, in the order in which they were captured.

import {
  type Connection,
  type Direction,
  identify,
  type KeyLog,
  type Message,
  type MessageKind,
  messagesOf,
} from '../../inspect/index.js'
import { withKeys } from './openers.js'

/** A message, and who has said it. */
export interface Said extends Message {
  from: 'client' | 'server'
  /** The packets in which it starts and ends. */
  packet: number
  lastPacket: number
}

/** Undefined where the connection is of another protocol. */
export function messagesOfConnection(
  found: Connection,
  keys: KeyLog,
): { connection: Connection; all: Said[] } | undefined {
  const connection = oriented(found)
  const hello = connection.toServer.bytes
  const kind = identify(hello, 'client')
  if (!kind) return undefined
  const directions: (Direction & { packetOf(offset: number): number })[] = [
    { from: 'client', ...connection.toServer },
    { from: 'server', ...connection.toClient, first: identify(connection.toClient.bytes, 'server') ?? answerTo(kind) },
  ]
  const all = directions.flatMap(({ packetOf, ...direction }) => {
    const { from } = direction
    const messages = withKeys(keys, hello, openerFor => messagesOf({ ...direction, openerFor: openerFor(from) })) ?? []
    return messages.map((it): Said => {
      const lastPacket = packetOf(it.offset + Math.max(it.bytes.length - 1, 0))
      return { ...it, from, packet: packetOf(it.offset), lastPacket }
    })
  })
  return { connection, all: all.sort((a, b) => a.packet - b.packet) }
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
