import type net from 'node:net'
import { addAbortSignal, type Duplex } from 'node:stream'
import { abortError, connectTimedOut } from '../channel/failures.js'
import { checkClient, HANDSHAKE_TIMEOUT_MS } from '../channel/options.js'
import { Engine } from '../engine/engine.js'
import { badOption, keep, snapshot } from '../engine/snapshot.js'
import { ChannelError } from '../errors.js'
import { parseAddress } from '../keys/address.js'
import { bare, namesOf } from '../keys/given.js'
import { drawKeyPair } from '../keys/pair.js'
import { beginHandshake } from './handshake.js'
import { nodeCore } from './load.js'
import { type Carrier, type ClientOptions, CONNECT, type ConnectOptions, forNet } from './options.js'
import { openSocket } from './reach.js'
import { SecureSocket } from './socket.js'

/** Where to: net.connect’s own options (`host` and `port`, or `path`), or a byte stream that is there already. */
export type ConnectTarget = ConnectOptions & (SocketTarget | Carrier)

type SocketTarget =
  | Omit<net.TcpNetConnectOpts, keyof ConnectOptions>
  | Omit<net.IpcNetConnectOpts, keyof ConnectOptions>

/** What an address does not say. */
type MoreOptions = Partial<ConnectOptions>

/**
 * Connects to a server, and resolves when it has proved its long-term key. Whether it serves this client shows later, as it does in
 * TLS 1.3: a refusal is the socket’s error PEER_NOT_AUTHORIZED; `accepted`, and the option `waitForAccept`, tell.
 *
 * @param target `nopki://pk_…@host:port`, or options. All are read once, before this returns
 * @param options more options; what both have counts as it stands here, but for keys: there must not be two
 * @throws ChannelError PEER_* or LINK_* where the handshake fails, USE_* for wrong options; an AbortError for `signal`; the system’s
 *   own error, such as ECONNREFUSED, where there is no connection (of a name with several addresses: an AggregateError, with a code too)
 */
export async function connect(address: string, options?: MoreOptions): Promise<SecureSocket>
export async function connect(target: ConnectTarget, options?: MoreOptions): Promise<SecureSocket>
export async function connect(target: string | ConnectTarget, options?: MoreOptions): Promise<SecureSocket> {
  const { ours, nets } = readTarget(target, options)
  checkClient(ours)
  const core = nodeCore()
  const engine = Engine.client(
    core,
    ours.keyPair ? (ours as ClientOptions) : keep(ours, { keyPair: drawKeyPair(core) }),
  )
  const started = performance.now()
  const { signal, handshakeTimeout: timeout = HANDSHAKE_TIMEOUT_MS } = ours
  const timeLeft = () => timeout && Math.max(1, timeout - Math.round(performance.now() - started))
  let transport: Duplex
  try {
    if (signal?.aborted) throw abortError(signal)
    transport = ours.stream ?? (await openTransport(ours, nets))
  } catch (error) {
    engine.close()
    throw signal?.aborted ? abortError(signal) : error
  }
  const handshake = beginHandshake(transport, engine, timeLeft(), signal)
  const link = await handshake.connected
  handshake.finish()
  const socket = new SecureSocket(link, ours.waitForAccept ? keep(ours, { handshakeTimeout: timeLeft() }) : ours)
  if (signal) addAbortSignal(signal, socket)
  if (ours.waitForAccept) await accepted(socket)
  return socket
}

/** Until then the socket has no owner: what it fails with is thrown. */
async function accepted(socket: SecureSocket): Promise<void> {
  socket.on('error', ignore)
  try {
    await socket.accepted
    socket.off('error', ignore)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function ignore(): void {}

type Read = Readonly<ConnectOptions & Partial<Carrier>>

function readTarget(target: string | ConnectTarget, more?: MoreOptions): { ours: Read; nets: object } {
  const given = [typeof target === 'string' ? parseAddress(target) : target, ...(more === undefined ? [] : [more])]
  const read = given.map(it => snapshot<Read>(CONNECT, it))
  const ours = keep<Read>(...read)
  for (const name of ['serverKey', 'serverKeys', 'middleboxKey'] as const) {
    if (read.some(it => it[name] && String(it[name]) !== String(ours[name]))) throw twoKeys(name)
  }
  // Who meant a stream does not mean a socket.
  if (!ours.stream && given.some(it => namesOf(it).has('stream'))) throw badOption('stream', undefined, 'a Duplex')
  return { ours, nets: bare(...given.map(it => forNet(CONNECT, NET_OPTIONS, it))) }
}

function twoKeys(name: string): ChannelError {
  return new ChannelError('USE_BAD_OPTION', `${name} is given twice, and not the same`, {
    next: 'leave it out of one of the two; an address’s key is the server’s, whatever else is said',
  })
}

/** A connected socket, or the error that the system gave. */
function openTransport(
  { signal, handshakeTimeout: timeout = HANDSHAKE_TIMEOUT_MS }: Read,
  nets: object,
): Promise<net.Socket> {
  const target = bare<object>({ noDelay: true }, nets, { allowHalfOpen: true }) as net.NetConnectOpts
  return openSocket(target, { timeout, timedOut: () => connectTimedOut(timeout), signal })
}

// What a class may have of net.connect’s options.
const NET_OPTIONS = ['host', 'port', 'path', 'family', 'hints', 'lookup', 'localAddress', 'localPort', 'noDelay']
