// What the doctor does: one function a step, in the order in which a connection goes through them.

import { lookup } from 'node:dns/promises'
import net from 'node:net'
import { ChannelError, connect, encodePublicKey, type SecureSocket } from '../../node/index.js'
import { CHALLENGE_1_BYTES, HELLO_1_BYTES, HELLO_2_BYTES } from '../../wire/layout.js'
import { REJECT_VERSION_NOT_SERVED } from '../../wire/stream.js'
import { connectPlain } from '../channels/backend.js'
import { Failure } from '../frame/failure.js'
import { placeText } from '../frame/place.js'
import type { Client } from './client.js'
import type { Step } from './step.js'

export interface Times {
  /** For connecting, and for the handshake, in ms. */
  timeout: number
  /** For a refusal, in ms. */
  wait: number
}

/** Goes on until a step fails. */
export async function* examine(client: Client, times: Times): AsyncGenerator<Step> {
  const names = await lookUp(client)
  if (names) yield names
  if (names?.result === 'failed') return
  const connecting = performance.now()
  const plain = await connectTcp(client, times.timeout)
  if (!(plain instanceof net.Socket)) return yield plain
  const tcp = performance.now() - connecting
  yield { step: 'connect', result: 'ok', found: `connected to ${placeOf(plain, client)}`, milliseconds: tcp }

  const sending = performance.now()
  const heard = listenIn(plain)
  const shaking = shakeHands(client, plain, times.timeout)
  yield helloStep(client)
  const socket = await shaking
  if (socket instanceof Error) return yield challengeFailed(client, socket, heard())
  const handshake = performance.now() - sending
  yield { step: 'challenge', result: 'ok', found: challengeText(client), milliseconds: handshake }
  yield keyStep(client, socket)
  yield versionStep(socket)
  yield primitivesStep(socket)
  yield await authorizedStep(client, socket, times.wait)
  yield roundTrips(client, tcp, handshake)
}

/** Undefined where there is no name to look up. */
async function lookUp({ place }: Client): Promise<Step | undefined> {
  if ('path' in place || net.isIP(place.host)) return undefined
  const started = performance.now()
  try {
    const found = await lookup(place.host, { all: true })
    const addresses = found.map(it => it.address).join(', ')
    return {
      step: 'name',
      result: 'ok',
      found: `${place.host} is ${addresses}`,
      milliseconds: performance.now() - started,
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    return {
      step: 'name',
      result: 'failed',
      found: `${place.host} has no address (${code})`,
      means:
        code === 'EAI_AGAIN' ? 'no name server answers: is this machine online?' : 'check the spelling of the name',
    }
  }
}

async function connectTcp({ place }: Client, timeout: number): Promise<net.Socket | Step> {
  try {
    return await connectPlain(place, { timeout, retry: 0, signal: new AbortController().signal })
  } catch (error) {
    const { message: found, hint } = Failure.of(error)
    const [, means = hint || 'the network does not lead there'] =
      REASONS.find(([reason]) => found.includes(reason)) ?? []
    return { step: 'connect', result: 'failed', found, means }
  }
}

function shakeHands(client: Client, stream: net.Socket, timeout: number): Promise<SecureSocket | Error> {
  const { keyPair, protocol, serverKey, serverKeys, middleboxKey } = client
  return connect({
    stream,
    keyPair,
    ...protocol,
    allowHalfOpen: true,
    handshakeTimeout: timeout,
    // Without a pinned key, the step that follows says which one answered.
    serverKey: serverKey ?? 'any',
    ...(serverKeys && { serverKeys }),
    ...(middleboxKey && { middleboxKey }),
  }).catch((error: Error) => error)
}

/** The first bytes that come back, for when they are of something else. */
function listenIn(socket: net.Socket): () => Buffer {
  let first = Buffer.alloc(0)
  socket.on('data', chunk => {
    if (first.length < KEPT_BYTES) first = Buffer.concat([first, chunk]).subarray(0, KEPT_BYTES)
  })
  return () => first
}

function helloStep({ protocol: { version }, serverKey, middleboxKey }: Client): Step {
  const length = version === 1 ? HELLO_1_BYTES : HELLO_2_BYTES
  const wanted = serverKey ? `names ${encodePublicKey(serverKey)}` : 'names no server'
  const to = middleboxKey ? `, for the middlebox ${encodePublicKey(middleboxKey)} alone to read` : ''
  return { step: 'hello', result: 'ok', found: `sent ${length} bytes of version ${version}; it ${wanted}${to}` }
}

function challengeText({ middleboxKey }: Client): string {
  return middleboxKey ? 'the server answered, through the middlebox' : 'the server answered'
}

/** Which of the steps between hello and response it was that failed, what came, and what that means. */
function challengeFailed(
  { middleboxKey, serverKey, protocol: { version } }: Client,
  error: Error,
  heard: Buffer,
): Step {
  const { message, hint } = Failure.of(error)
  const code = error instanceof ChannelError ? error.code : ''
  const found = error instanceof ChannelError ? error.reason : message
  if (KEY_ERRORS.includes(code)) return { step: 'key', result: 'failed', found, means: hint }
  const failed = (means: string): Step => ({ step: 'challenge', result: 'failed', found, means })
  if (version === 2 && isVersion1(error, heard)) {
    return failed('it seems to speak version 1 only, as the published program does: try --protocol 1')
  }
  if (code === 'PEER_VERSION') {
    return failed(`what came begins with ${printableBytes(heard)}: is another service behind that port?`)
  }
  if (heard.length > 0 || !['LINK_CLOSED', 'LINK_TIMEOUT'].includes(code)) return failed(hint)
  const by = middleboxKey
    ? `a middlebox gives no answer to a hello that is not for its key${version === 1 ? ', nor does a version 1 server that ignores strangers' : ''}`
    : 'a server may refuse without a word'
  const also = serverKey ? ' (is the key the right one?)' : ' (some serve only clients that know their key)'
  const only = version === 2 ? ', it speaks version 1 only (--protocol 1)' : ''
  return failed(`nothing came back: ${by}${also}${only}, or it is no nopki server`)
}

/** The published program answers any hello as one of version 1, in bytes that look random; ours may say what it does not serve. */
function isVersion1(error: Error, heard: Buffer): boolean {
  if (!(error instanceof ChannelError)) return false
  const printable = heard.filter(byte => byte >= 0x20 && byte < 0x7f).length
  if (error.code === 'PEER_VERSION') return heard.length >= CHALLENGE_1_BYTES && printable < heard.length / 2
  return error.reject === REJECT_VERSION_NOT_SERVED
}

function keyStep({ serverKey, pinnedBy }: Client, socket: SecureSocket): Step {
  const key = encodePublicKey(socket.remotePublicKey)
  if (serverKey) return { step: 'key', result: 'ok', found: `the server proved ${key}, as ${pinnedBy} says` }
  const means = 'nobody says whether that is the right one: compare it with what the operator tells you'
  return { step: 'key', result: 'unknown', found: `the server proved ${key}`, means }
}

function versionStep({ version }: SecureSocket): Step {
  if (version === 2) return { step: 'version', result: 'ok', found: 'version 2: X25519 and ML-KEM-768' }
  const means = 'someone in the middle can read what is sent: docs/protocol.md, “What version 1 does not give”'
  return { step: 'version', result: 'unknown', found: 'version 1: X25519', means }
}

/** What is used beside WebAssembly. */
function primitivesStep({ accelerated }: SecureSocket): Step {
  const found = accelerated ? `the platform’s are used: ${accelerated}` : 'all of them are in WebAssembly'
  return { step: 'primitives', result: 'ok', found }
}

/** Ends this direction, and waits for what the server says to that. */
async function authorizedStep(client: Client, socket: SecureSocket, wait: number): Promise<Step> {
  const as = `${encodePublicKey(client.keyPair.publicKey)}${client.stranger ? ' (made for this; --key gives another)' : ''}`
  const started = performance.now()
  const step = (result: Step['result'], found: string, means?: string): Step => ({
    step: 'authorized',
    result,
    found,
    ...(means && { means }),
    milliseconds: performance.now() - started,
  })
  try {
    const heard = await answer(socket, wait)
    if (heard === 'nothing') {
      return step(
        'unknown',
        `${as} was not refused within ${wait / 1000} s`,
        'the server said nothing: it may be waiting for its application',
      )
    }
    return step(
      'ok',
      heard === 'end'
        ? `${as} is served: the server ended its direction too`
        : `${as} is served: the server spoke first`,
    )
  } catch (error) {
    const { hint } = Failure.of(error)
    const { code, reason = String(error) } = error as ChannelError
    if (code === 'PEER_NOT_AUTHORIZED') return step('failed', reason, `ask the server’s operator to authorize ${as}`)
    if (code === 'LINK_TRUNCATED' && client.protocol.version === 1) {
      const means = 'the published program never sends one; --allow-truncation takes its close for it'
      return step('unknown', `${as} was not refused: the server closed without an end`, means)
    }
    if (code === 'PEER_ALERT')
      return step('failed', `${as} is served, but ${reason}`, 'the server itself is there; what it is for is not')
    return step('failed', reason, hint)
  } finally {
    socket.destroy()
  }
}

function answer(socket: SecureSocket, wait: number): Promise<'end' | 'data' | 'nothing'> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('nothing'), wait)
    const settle = (act: () => void) => {
      clearTimeout(timer)
      act()
    }
    socket.on('error', error => settle(() => reject(error)))
    socket.once('end', () => settle(() => resolve('end')))
    socket.once('data', () => settle(() => resolve('data')))
    socket.end()
  })
}

function roundTrips({ place, middleboxKey }: Client, tcp: number, handshake: number): Step {
  const first = 'path' in place ? '' : `TCP ${tcp.toFixed(1)} ms; `
  const with_ = middleboxKey ? ', the middlebox’s connecting included' : ''
  return { step: 'round trip', result: 'ok', found: `${first}hello to challenge ${handshake.toFixed(1)} ms${with_}` }
}

function placeOf(socket: net.Socket, { place }: Client): string {
  const { remoteAddress: host, remotePort: port } = socket
  return host === undefined || port === undefined ? placeText(place) : placeText({ host, port })
}

/** Quoted; nothing in it reaches the terminal but printable ASCII. */
function printableBytes(bytes: Buffer): string {
  return `“${bytes
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '·')
    .slice(0, 40)}”`
}

const KEPT_BYTES = 256
const KEY_ERRORS = ['PEER_KEY_MISMATCH', 'PEER_BAD_PROOF', 'PEER_KEY_UNREADABLE', 'PEER_WEAK_KEY']
const REASONS: [string, string][] = [
  ['ECONNREFUSED', 'nothing listens there: is the server running, and is that its port?'],
  ['nothing answered', 'nothing answers there: a firewall may drop what is sent, or the machine is off'],
  ['ETIMEDOUT', 'nothing answers there: a firewall may drop what is sent, or the machine is off'],
  ['ENOENT', 'there is no such socket: is the server running?'],
  ['EACCES', 'the socket is not for this user'],
]
