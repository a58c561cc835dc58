import type net from 'node:net'
import type { Duplex } from 'node:stream'
import { onAbort } from '../channel/abort.js'
import { abortError, connectTimedOut } from '../channel/failures.js'
import { checkClient, HANDSHAKE_TIMEOUT_MS } from '../channel/options.js'
import { withResolvers } from '../channel/resolvers.js'
import { Engine } from '../engine/engine.js'
import { badOption, keep, snapshot } from '../engine/snapshot.js'
import { ChannelError } from '../errors.js'
import { parseAddress } from '../keys/address.js'
import { bare, namesOf } from '../keys/given.js'
import { copyAgain, drawKeyPair } from '../keys/pair.js'
import { report } from './diagnostics.js'
import { Handshake } from './handshake.js'
import { nodeCore } from './load.js'
import { type Carrier, type ClientOptions, CONNECT, type ConnectOptions, forNet } from './options.js'
import { openSocket } from './reach.js'
import { type Opening, SecureSocket, steps } from './socket.js'

/** Where to: net.connect’s own options (`host` and `port`, or `path`), or a byte stream that is there already. */
export type ConnectTarget = ConnectOptions & (SocketTarget | Carrier)

type SocketTarget =
  | Omit<net.TcpNetConnectOpts, keyof ConnectOptions>
  | Omit<net.IpcNetConnectOpts, keyof ConnectOptions>

/** What an address does not say. */
export type MoreOptions = Partial<ConnectOptions>

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
  return await secureConnected(startSocket(readTarget(target, options)))
}

/** Resolves when it is connected, or rejects with its error. */
export function secureConnected(socket: SecureSocket): Promise<SecureSocket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      resolve(socket)
      // Until the caller has it, it has no other listener.
      queueMicrotask(() => socket.off('error', reject))
    })
  })
}

/**
 * A socket that is still connecting, as net.connect and tls.connect give it: for pools and agents, which count their sockets. It emits
 * 'connect', then 'secureConnect' when the server has proved its key (with `waitForAccept`, and serves this client); what is written
 * before waits for that. What `connect` would reject with is its 'error'.
 *
 * @param target as of `connect`
 * @throws ChannelError USE_* for wrong options
 */
export function connectSocket(address: string, options?: MoreOptions): SecureSocket
export function connectSocket(target: ConnectTarget, options?: MoreOptions): SecureSocket
export function connectSocket(target: string | ConnectTarget, options?: MoreOptions): SecureSocket {
  return startSocket(readTarget(target, options))
}

/** As of `connectSocket`, of options that were read before. @param Kind of SecureSocket */
export function startSocket({ ours: asked, nets, again }: Asked, Kind = SecureSocket): SecureSocket {
  const core = nodeCore()
  const ours = again ? withSecretsOfItsOwn(asked) : asked
  const engine = Engine.client(
    core,
    ours.keyPair ? (ours as ClientOptions) : keep(ours, { keyPair: drawKeyPair(core) }),
  )
  const attempt = new Attempt(ours.waitForAccept === true)
  const socket = new Kind(engine, ours, undefined, attempt)
  report('connect', 'client', socket)
  if (ours.timeout) socket.setTimeout(ours.timeout)
  if (ours.keepAlive) socket.setKeepAlive(true, ours.keepAliveInitialDelay)
  if (ours.signal) heed(ours.signal, socket)
  if (socket.destroyed) engine.close()
  else attempt.run(socket, engine, ours, nets).catch(error => socket.destroy(error))
  return socket
}

/** What becomes of a client’s socket until it is open. */
class Attempt implements Opening {
  readonly untilAccepted: boolean
  #over = withResolvers<never>()
  #handshake: Handshake | undefined

  constructor(untilAccepted: boolean) {
    this.untilAccepted = untilAccepted
    // It may be cancelled when nothing is being reached any more.
    this.#over.promise.catch(() => {})
  }

  cancel(error: Error): void {
    if (this.#handshake) this.#handshake.fail(error)
    else this.#over.reject(error)
  }

  async run(socket: SecureSocket, engine: Engine, ours: Read, nets: object): Promise<void> {
    const started = performance.now()
    const { handshakeTimeout: timeout = HANDSHAKE_TIMEOUT_MS } = ours
    const timeLeft = () => timeout && Math.max(1, timeout - Math.round(performance.now() - started))
    let transport: Duplex
    try {
      transport = ours.stream ?? (await openTransport(ours, nets, this.#over))
    } catch (error) {
      engine.close()
      throw error
    }
    if (socket.destroyed) transport.destroy()
    this.#handshake = new Handshake(transport, engine, timeLeft())
    queueMicrotask(() => socket.destroyed || steps.reached(socket, transport))
    const link = await this.#handshake.connected
    this.#handshake.check()
    this.#handshake.finish()
    steps.attach(socket, link, ours.waitForAccept ? keep(ours, { handshakeTimeout: timeLeft() }) : ours)
    // Else the socket itself notices it, ahead of the data that follows.
    if (!ours.waitForAccept) steps.secured(socket)
    else await socket.accepted
  }
}

function heed(signal: AbortSignal, socket: SecureSocket): void {
  const abort = () => void socket.destroy(socket.secureConnecting ? abortError(signal) : nodesAbortError(signal))
  if (signal.aborted) abort()
  else socket.once('close', onAbort(signal, abort))
}

/** What a socket of net is destroyed with, that was open. */
function nodesAbortError({ reason: cause }: AbortSignal): Error {
  return Object.assign(new Error('The operation was aborted', { cause }), { name: 'AbortError', code: 'ABORT_ERR' })
}

type Read = Readonly<ConnectOptions & Partial<Carrier>>

/** Options that were read, checked and copied. */
export interface Asked<More = unknown> {
  ours: Read & Readonly<More>
  nets: object
  /** Whether more sockets than one are made of them. */
  again?: boolean
}

/** A client wipes its copies of what is secret once linear memory has them: each has to have some. */
function withSecretsOfItsOwn(ours: Read): Read {
  const { keyPair, context } = ours
  return keep<Read>(ours, keyPair ? { keyPair: copyAgain(keyPair) } : {}, context ? { context: context.slice() } : {})
}

/** @param table of what is read: of what has more options than `connect`, those too @throws ChannelError USE_* */
export function readTarget<More>(
  target: string | ConnectTarget,
  more?: MoreOptions & More,
  table = CONNECT,
): Asked<More> {
  const given = [typeof target === 'string' ? parseAddress(target) : target, ...(more === undefined ? [] : [more])]
  const read = given.map(it => snapshot<Read>(table, it))
  const ours = keep<Read>(...read)
  for (const name of ['serverKey', 'serverKeys', 'middleboxKey'] as const) {
    if (read.some(it => it[name] && it[name] !== ours[name] && String(it[name]) !== String(ours[name]))) {
      throw twoKeys(name)
    }
  }
  // Who meant a stream does not mean a socket.
  if (!ours.stream && given.some(it => namesOf(it).has('stream'))) throw badOption('stream', undefined, 'a Duplex')
  const nets = bare<object>(...given.map(it => forNet(table, NET_OPTIONS, it)))
  return { ours: checkClient(ours) as Asked<More>['ours'], nets }
}

/** The same for what connects again and again. @throws ChannelError USE_* also for a stream, which can be used only once */
export function readReusable<More>(
  target: string | ConnectTarget,
  more: MoreOptions & More,
  table = CONNECT,
): Asked<More> {
  const asked = readTarget(target, more, table)
  const { stream } = asked.ours
  if (stream) throw badOption('stream', stream, 'host and port, or path: each connection needs a new one')
  return { ...asked, again: true }
}

function twoKeys(name: string): ChannelError {
  return new ChannelError('USE_BAD_OPTION', `${name} is given twice, and not the same`, {
    next: 'leave it out of one of the two; an address’s key is the server’s, whatever else is said',
  })
}

/** A connected socket, or the error that the system gave. */
function openTransport(
  { handshakeTimeout: timeout = HANDSHAKE_TIMEOUT_MS }: Read,
  nets: object,
  over: ReturnType<typeof withResolvers<never>>,
): Promise<net.Socket> {
  const target = bare<object>({ noDelay: true }, nets, { allowHalfOpen: true }) as net.NetConnectOpts
  return openSocket(target, { timeout, timedOut: () => connectTimedOut(timeout), over })
}

// What a class may have of net.connect’s options.
const NET_OPTIONS = ['host', 'port', 'path', 'family', 'hints', 'lookup', 'localAddress', 'localPort', 'noDelay']
