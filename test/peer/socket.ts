// Both roles over a real byte stream: docs/protocol.md, whole. Sockets should allow being half open
// (`allowHalfOpen: true`), or Node closes the other direction as soon as one has ended.

import type { Duplex } from 'node:stream'
import {
  BadResponse,
  chooseLongTerm,
  type Established,
  openHelloBox,
  REJECT,
  REJECT_LENGTH,
  REJECT_VERSION,
  Refused,
  readReject,
  type Version,
  writeReject,
} from './handshake.js'
import { Peer, send } from './peer.js'
import { concat, keyPairOf, type Random, readU32, systemRandom } from './primitives.js'
import { ByteSource } from './source.js'
import { ALERT, createWriter, RecordReader } from './stream.js'
import * as v1 from './version1.js'
import * as v2 from './version2.js'

export { Peer } from './peer.js'

// How long a server that has said why it closes waits for the client to close.
const LINGER = 1000

interface SharedOptions {
  socket: Duplex
  longTermSecretKey: Uint8Array
  context?: Uint8Array | undefined
  random?: Random | undefined
  /** Version 1 only: see `RecordReader`. */
  acceptMissingEnd?: boolean | undefined
}

export interface ConnectOptions extends SharedOptions {
  version?: Version | undefined
  serverKey?: Uint8Array | undefined
  middleboxKey?: Uint8Array | undefined
}

export interface AcceptOptions extends SharedOptions {
  /** Version 2 alone by default: version 1 is asked for by name. */
  versions?: Version[] | undefined
}

/** The client. Rejects, and destroys the socket, where the handshake fails; with `Rejected` if it was rejected. */
export async function connectPeer(options: ConnectOptions): Promise<Peer> {
  const { socket, serverKey, middleboxKey, context, random = systemRandom, version = 2 } = options
  const source = new ByteSource(socket)
  const longTerm = keyPairOf(options.longTermSecretKey)
  const client = { longTerm, serverKey, middleboxKey, context, random }
  try {
    if (version === 1) {
      const { hello, state } = v1.writeHello1(client)
      await send(socket, hello)
      const { response, established } = v1.writeResponse1(await source.exactly(v1.CHALLENGE1_LENGTH), state)
      return await startClient(options, source, response, established)
    }
    const { hello, state } = v2.writeHello2(client)
    await send(socket, hello)
    const head = await source.exactly(4)
    if (readU32(head) === REJECT_VERSION) throw readReject(concat(head, await source.exactly(REJECT_LENGTH - 4)), state)
    if (readU32(head) !== v2.VERSION2) throw new Error('the challenge is not of version 2')
    const challenge = concat(head, await source.exactly(v2.CHALLENGE2_LENGTH - 4))
    const { response, established } = v2.writeResponse2(challenge, state)
    return await startClient(options, source, response, established)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function startClient(
  { socket, random = systemRandom, acceptMissingEnd }: ConnectOptions,
  source: ByteSource,
  response: Uint8Array,
  established: Established,
): Promise<Peer> {
  const { version, clientToServer, serverToClient } = established
  const writer = createWriter(version, clientToServer, random)
  const reader = new RecordReader(version, serverToClient, { acceptMissingEnd })
  await send(socket, response)
  await send(socket, writer.header)
  return new Peer({ socket, source, reader, writer, established, mayWait: false })
}

/** The server. Rejects where the handshake fails, after it has sent what the protocol wants sent then. */
export async function acceptPeer(options: AcceptOptions): Promise<Peer> {
  const { socket, context, random = systemRandom, acceptMissingEnd } = options
  const source = new ByteSource(socket)
  try {
    const server = { longTerm: keyPairOf(options.longTermSecretKey), context, random }
    const established = await respond(source, options.versions ?? [2], server, socket)
    const { version, clientToServer, serverToClient } = established
    const writer = createWriter(version, serverToClient, random)
    const reader = new RecordReader(version, clientToServer, { acceptMissingEnd })
    await send(socket, writer.header)
    return new Peer({ socket, source, reader, writer, established, mayWait: version === 1 })
  } catch (error) {
    await sayWhy(error, source, socket, random).catch(() => {})
    socket.destroy()
    throw error
  }
}

type Server = Parameters<typeof v2.writeChallenge2>[1]

async function respond(source: ByteSource, versions: Version[], server: Server, socket: Duplex): Promise<Established> {
  const head = await source.exactly(4)
  if (readU32(head) === v1.VERSION1) {
    if (!versions.includes(1)) throw new Refused('version 1 is not served', null)
    const hello = concat(head, await source.exactly(v1.HELLO1_LENGTH - 4))
    const { challenge, state } = v1.writeChallenge1(hello, server)
    await send(socket, challenge)
    return v1.readResponse1(await source.exactly(v1.RESPONSE1_LENGTH), state)
  }
  if (readU32(head) !== v2.VERSION2) throw new Error('the hello is of no known version')
  const hello = concat(head, await source.exactly(v2.HELLO2_LENGTH - 4))
  if (!versions.includes(2)) refuseVersion2(hello, server)
  const { challenge, state } = v2.writeChallenge2(hello, server)
  await send(socket, challenge)
  return v2.readResponse2(await source.exactly(v2.RESPONSE2_LENGTH), state)
}

// Only who opened the box may reject.
function refuseVersion2(hello: Uint8Array, server: Server): never {
  chooseLongTerm(hello, 2, server)
  const opened = openHelloBox(hello, 2, server.longTerm) !== null
  throw new Refused('version 2 is not served', opened ? writeReject(hello, REJECT.versionNotServed, server) : null)
}

// A reject, or alert 2 in version 1; else nothing.
async function sayWhy(error: unknown, source: ByteSource, socket: Duplex, random: Random): Promise<void> {
  if (error instanceof Refused && error.reject) await send(socket, error.reject)
  else if (error instanceof BadResponse && error.keys) {
    const writer = createWriter(1, error.keys.serverToClient, random)
    await send(socket, writer.header)
    await send(socket, writer.alert(ALERT.badResponse, 'bad challenge response'))
  } else return
  socket.end()
  // A socket that is closed with bytes unread is reset, and what was said just now may be lost with it.
  const timer = setTimeout(() => socket.destroy(), LINGER)
  while (await source.chunk());
  clearTimeout(timer)
}
