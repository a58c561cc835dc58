// A capture, or bytes as hex digits, with a key log: the messages in them, opened as far as there are keys.

import { type Core, RecordOpener } from '../../engine/index.js'
import { streamFrom } from '../../inspect/capture/connections.js'
import {
  guess,
  messagesOfConnection,
  messagesOfDirection,
  type Opening,
  rawBytes,
  type Said,
} from '../../inspect/capture/messages.js'
import { type Connection, connectionsOf, isCapture, readCapture } from '../../inspect/index.js'
import { badLinesText, type ReadKeyLog, readKeyLog } from '../../inspect/keylog.js'

export interface Dialogue {
  title: string
  messages: Said[]
  /** Why not all of it is shown. */
  trouble: string | undefined
}

export interface Traffic {
  dialogues: Dialogue[]
  /** Why the capture was not read to its end. */
  trouble: string | undefined
  /** What is wrong with the key log. */
  keysTrouble: string | undefined
}

/** @throws Error, in words for a person, if nothing of it is of this protocol */
export function readTraffic(core: Core, bytes: Uint8Array, keyLog: string): Traffic {
  const read = readKeyLog(keyLog)
  const keysTrouble = badLinesText(read)
  const opening = openingOf(core, read)
  if (isCapture(bytes)) return { ...fromCapture(bytes, opening), keysTrouble }
  const raw = rawBytes(bytes)
  if (raw.length === 0) throw new Error('there are no bytes')
  const kind = guess(raw)
  if (!kind)
    throw new Error('these bytes are no capture (pcap, pcapng), and do not begin like a message of this protocol')
  const messages = messagesOfDirection(raw, kind, opening)
  const title = `one direction, from the ${messages[0]?.from}`
  return { dialogues: [{ title, messages, trouble: undefined }], trouble: undefined, keysTrouble }
}

/** A conversation whose pieces are known in their order. */
export function readPieces(
  core: Core,
  pieces: readonly { from: 'client' | 'server'; bytes: Uint8Array }[],
  keyLog: string,
): Traffic {
  const read = readKeyLog(keyLog)
  const numbered = pieces.map(({ from, bytes }, packet) => ({ from, data: bytes, packet }))
  const stream = (from: 'client' | 'server') =>
    streamFrom(
      numbered.filter(it => it.from === from),
      false,
    )
  const ends = { client: 'client', server: 'server', toServer: stream('client'), toClient: stream('server') }
  const dialogue = dialogueOf({ ...ends, whole: true }, openingOf(core, read))
  if (!dialogue) throw new Error('the conversation is not of this protocol')
  return {
    dialogues: [{ ...dialogue, title: 'the conversation' }],
    trouble: undefined,
    keysTrouble: badLinesText(read),
  }
}

function fromCapture(bytes: Uint8Array, opening: Opening): Omit<Traffic, 'keysTrouble'> {
  const { packets, trouble } = readCapture(bytes)
  const connections = connectionsOf(packets)
  const dialogues = connections.flatMap(it => dialogueOf(it, opening) ?? [])
  if (dialogues.length > 0) return { dialogues, trouble }
  throw new Error(
    `no connection of this protocol is in the capture: ${packets.length} packets, ${connections.length} TCP connections. ` +
      'A connection is known by its first bytes: start capturing before it is opened',
  )
}

/** Undefined if the client's first bytes are of another protocol. */
function dialogueOf(found: Connection, opening: Opening): Dialogue | undefined {
  const messages = messagesOfConnection(found, opening)
  if (!messages) return undefined
  const { client, server, toServer, toClient } = messages.connection
  const trouble =
    toServer.gap || toClient.gap ? 'bytes were not captured, and what follows them is not shown' : undefined
  return { title: `${client} → ${server}`, messages: messages.all, trouble }
}

function openingOf(core: Core, { keys }: ReadKeyLog): Opening {
  return {
    keys,
    make: (version, key, header) => new RecordOpener(core, version, key, header),
  }
}
