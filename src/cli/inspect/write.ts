// nopki inspect --write: the connections of a capture, with what was inside them as their payload.

import { type Captured, messagesOfConnection } from '../../inspect/capture/messages.js'
import {
  connectionsOf,
  type KeyLog,
  type Packet,
  type PlainConnection,
  type PlainPiece,
  plainCapture,
} from '../../inspect/index.js'
import { PLAINTEXT_DATA, PLAINTEXT_TYPE } from '../../wire/layout.js'
import { FLAG_FINAL, TYPE_ALERT, TYPE_DATA, TYPE_MASK } from '../../wire/stream.js'
import { Failure } from '../frame/failure.js'
import { writeWhole } from '../frame/files.js'
import { log } from '../frame/output.js'
import { makeOpener } from './openers.js'

/** @param port the server's, in what is written: by it, Wireshark knows what is inside. By default it is the one that was captured */
export function writePlain(packets: readonly Packet[], keys: KeyLog, file: string, port: number | undefined): void {
  const timeOf = (packet: number) => packets[packet - 1]?.time ?? 0n
  const plain: PlainConnection[] = []
  let sealed = 0
  for (const found of connectionsOf(packets)) {
    const messages = messagesOfConnection(found, { keys, make: makeOpener })
    if (!messages) continue
    const { connection, all } = messages
    if (!all.some(it => it.plaintext)) {
      sealed += 1
      continue
    }
    const { client, server } = connection
    // A record is there when its last byte is.
    const records = all.filter(it => it.plaintext).sort((a, b) => a.lastPacket - b.lastPacket)
    const pieces = records.map(it => pieceOf(it, timeOf(it.lastPacket), isLast(it, records)))
    plain.push({ client, server: port === undefined ? server : server.replace(/\d+$/, String(port)), pieces })
    for (const { trouble, from } of all) if (trouble) log.warn(`${client}, from the ${from}: ${trouble}`)
  }
  if (plain.length === 0) {
    throw new Failure(
      'no connection of the capture opens with the key log',
      'capture from the start of a connection, with --keylog at one end of it',
    )
  }
  if (sealed > 0)
    log.warn(`${sealed} ${sealed === 1 ? 'connection is' : 'connections are'} left out: no logged key opens it`)
  // What was inside is for its owner alone.
  writeWhole(file, plainCapture(plain), true)
  log.info(`${plain.length} ${plain.length === 1 ? 'connection' : 'connections'} in ${file}`)
}

/** What a record has said to the application, and whether its direction ends with it. */
function pieceOf({ from, plaintext = NOTHING }: Captured, time: bigint, last: boolean): PlainPiece {
  const size = (plaintext[0] ?? 0) | ((plaintext[1] ?? 0) << 8)
  const type = plaintext[PLAINTEXT_TYPE] ?? 0
  // Version 1's end is a record of size 0; so is a keep-alive, but that is not the last.
  if (size === 0) return { from, data: NOTHING, end: last, time }
  const alert = (type & TYPE_MASK) === TYPE_ALERT
  const data = (type & TYPE_MASK) === TYPE_DATA ? plaintext.subarray(PLAINTEXT_DATA, size) : NOTHING
  return { from, data, end: alert || (type & FLAG_FINAL) !== 0, time }
}

function isLast(record: Captured, records: readonly Captured[]): boolean {
  return records.findLast(it => it.from === record.from) === record
}

const NOTHING = new Uint8Array()
