import {
  guess,
  messagesOfConnection,
  messagesOfDirection,
  rawBytes,
  type Said,
} from '../../inspect/capture/messages.js'
import {
  connectionsOf,
  dump,
  fields,
  type InspectedField,
  isCapture,
  type KeyLog,
  LAYOUTS,
  type MessageKind,
  meaningOf,
  type Packet,
  readCapture,
  toHex,
} from '../../inspect/index.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { readWhole } from '../frame/files.js'
import { log, print, printJson } from '../frame/output.js'
import { keyLogIn } from '../inspect/keylog.js'
import { makeOpener } from '../inspect/openers.js'
import { writePlain } from '../inspect/write.js'

const KINDS = Object.keys(LAYOUTS) as MessageKind[]

export const inspect = defineCommand({
  name: 'inspect',
  summary: 'shows captured bytes as named fields',
  description: `Shows the messages of either version of the protocol, from hello to records, field by field: offset, bytes in hex, name
    and meaning. FILE is a capture (pcap or pcapng), whose TCP connections are put together; or the bytes of one direction, raw or as
    hex digits. Without FILE it reads standard input. With a key log it opens the records too.`,
  args: [
    {
      name: 'FILE',
      summary: 'a capture, raw bytes, or hex digits; - is standard input',
      optional: true,
      completes: 'file',
    },
  ],
  options: {
    keylog: {
      value: 'FILE',
      summary: 'opens records with the keys that --keylog of another command has written',
      completes: 'file',
    },
    as: {
      value: 'MESSAGE',
      summary: `what the first bytes are, where they do not tell: ${KINDS.join(', ')}`,
      read: messageKind,
      completes: KINDS,
    },
    write: {
      value: 'FILE',
      summary:
        'of a capture with a key log: writes its connections with what was inside them as TCP payload, as pcapng, for Wireshark',
      completes: 'file',
      writes: true,
    },
    port: {
      value: 'PORT',
      summary: 'with --write: the server’s port in FILE, by which Wireshark knows the protocol: 6379, 80, 5432',
      read: portNumber,
    },
    json: { summary: 'prints an object a line for every message, with all of its bytes' },
    'no-color': { summary: 'no colour, even on a terminal' },
  },
  examples: [
    {
      summary: 'what goes over port 4433',
      line: 'tcpdump -i any -w traffic.pcap port 4433\nnopki inspect traffic.pcap',
    },
    {
      summary: 'with what it says',
      line: 'nopki connect nopki://pk_…@host:4433 --keylog keys\nnopki inspect traffic.pcap --keylog keys',
    },
    {
      summary: 'the Redis inside a tunnel, in tshark',
      line: 'nopki inspect traffic.pcap --keylog keys --write plain.pcapng --port 6379\ntshark -r plain.pcapng -Y resp',
    },
    { summary: 'a few bytes from a log', line: "echo '6e 70 6b 32 00 01 02' | nopki inspect" },
    {
      summary: 'the codes of all alerts',
      line: "nopki inspect traffic.pcap --keylog keys --json | jq 'select(.plaintext)'",
    },
  ],
  notes: [
    {
      heading: 'Key logs',
      text: `An end of a channel writes its session keys only where it is told to: --keylog FILE of connect, listen, forward and
        expose, or the option onKeys in a program. Whoever has the file reads what was said, so it is for its owner alone, and best
        deleted soon. Lines of it that are something else are passed over, with a warning.`,
    },
  ],
  async run(values, [file = '-']) {
    const bytes = await readInput(file)
    const keys = values.keylog === undefined ? new Map() : keyLogIn(await readInput(values.keylog), values.keylog)
    const color = !values['no-color'] && !process.env.NO_COLOR && process.stdout.isTTY === true
    const show = values.json ? showJson : (shown: Shown) => showText(shown, color)
    if (values.write !== undefined) return writeCapture(bytes, values.keylog === undefined ? undefined : keys, values)
    if (values.port !== undefined)
      throw Failure.usage('--port is given without --write', 'it is the port in what is written')
    if (isCapture(bytes)) return inspectCapture(bytes, keys, show)
    if (bytes.length === 0) throw new Failure(`there are no bytes in ${named(file)}`)
    inspectBytes(rawBytes(bytes), values.as, keys, show)
  },
})

/** A message, and where it was. */
interface Shown extends Said {
  /** Of a capture. */
  connection?: { number: number; client: string; server: string }
  packet?: number
}

type Show = (message: Shown) => void

function writeCapture(
  bytes: Uint8Array,
  keys: KeyLog | undefined,
  values: { write?: string | undefined; port?: number | undefined },
): void {
  const { write = '', port } = values
  if (!keys) throw Failure.usage('--write is given without --keylog', 'without keys there is nothing to write')
  if (!isCapture(bytes))
    throw Failure.usage('--write is given, and the bytes are no capture', 'give a pcap or pcapng file')
  writePlain(readPackets(bytes), keys, write, port)
}

function readPackets(bytes: Uint8Array): Packet[] {
  const { packets, trouble } = readCapture(bytes)
  if (trouble !== undefined) log.warn(`the capture was not read to its end: ${trouble}`)
  return packets
}

function inspectCapture(bytes: Uint8Array, keys: KeyLog, show: Show): void {
  const packets = readPackets(bytes)
  const connections = connectionsOf(packets)
  let number = 0
  for (const connection of connections) {
    const messages = messagesOfConnection(connection, { keys, make: makeOpener })
    if (!messages) continue
    number += 1
    const { client, server, toServer, toClient } = messages.connection
    for (const message of messages.all) show({ ...message, connection: { number, client, server } })
    for (const [stream, from] of [
      [toServer, 'client'],
      [toClient, 'server'],
    ] as const) {
      if (stream.gap)
        log.warn(`connection ${number}: bytes from the ${from} were not captured, and nothing behind them is shown`)
    }
  }
  const others = connections.length - number
  if (number === 0) {
    throw new Failure(
      `no connection of this protocol is in the capture: ${packets.length} packets, ${others} TCP connections`,
      'a connection is known by its first bytes: start capturing before it is opened',
    )
  }
  if (others > 0)
    log.info(`${others} other TCP ${others === 1 ? 'connection is' : 'connections are'} not of this protocol`)
}

function inspectBytes(bytes: Uint8Array, as: MessageKind | undefined, keys: KeyLog, show: Show): void {
  const kind = as ?? guess(bytes)
  if (!kind) {
    throw new Failure(
      'the bytes do not begin like a message of this protocol',
      `--as says what they are: ${KINDS.join(', ')}`,
    )
  }
  for (const message of messagesOfDirection(bytes, kind, { keys, make: makeOpener })) show(message)
}

function showText({ kind, bytes, offset, from, connection, packet, plaintext, trouble }: Shown, color: boolean): void {
  const width = process.stdout.columns ?? 100
  const bold = (line: string) => (color ? `\x1b[1m${line}\x1b[0m` : line)
  if (connection) {
    const { number, client, server } = connection
    const way = from === 'client' ? `${client} → ${server}` : `${server} → ${client}`
    print(bold(`── connection ${number}, packet ${packet}: ${way}, from the ${from}`))
  }
  process.stdout.write(dump(kind, bytes, { color, width, base: offset }))
  if (trouble !== undefined) print(`\n${trouble}`)
  if (plaintext) process.stdout.write(`\n${dump('plaintext', plaintext, { color, width })}`)
  print('')
}

function showJson({ kind, bytes, offset, from, connection, packet, plaintext, trouble }: Shown): void {
  printJson({
    ...(connection && { connection: connection.number, client: connection.client, server: connection.server, packet }),
    from,
    message: kind,
    offset,
    length: bytes.length,
    fields: fields(kind, bytes).map(it => jsonOf(it, kind)),
    ...(plaintext && { plaintext: fields('plaintext', plaintext).map(it => jsonOf(it, 'plaintext')) }),
    ...(trouble !== undefined && { trouble }),
  })
}

function jsonOf(field: InspectedField, message: MessageKind): object {
  const { name, kind, offset, length, missing, bytes, parts } = field
  const meaning = meaningOf(field, message)
  return {
    name,
    kind,
    offset,
    length,
    ...(missing > 0 && { missing }),
    ...(meaning && { meaning }),
    ...(parts ? { parts: parts.map(it => jsonOf(it, message)) } : { hex: toHex(bytes) }),
  }
}

async function readInput(file: string): Promise<Uint8Array> {
  if (file === '-') {
    if (process.stdin.isTTY) throw Failure.usage('there is nothing to inspect', 'give a FILE, or pipe bytes in')
    return Buffer.concat(await process.stdin.toArray())
  }
  return readWhole(file)
}

function named(file: string): string {
  return file === '-' ? 'standard input' : file
}

function portNumber(value: string, name: string): number {
  const port = Number(value)
  if (/^\d+$/.test(value) && port >= 1 && port <= 65535) return port
  throw Failure.usage(`${name} is “${value}”`, 'a port is a number from 1 to 65535')
}

function messageKind(value: string, name: string): MessageKind {
  if (KINDS.includes(value as MessageKind)) return value as MessageKind
  throw Failure.usage(`${name} is “${value}”`, `there are ${KINDS.join(', ')}`)
}
