import type net from 'node:net'
import { addAbortSignal, type Duplex } from 'node:stream'
import { abortError, connectTimedOut } from '../channel/failures.js'
import { checkChannelOptions, HANDSHAKE_TIMEOUT_MS } from '../channel/options.js'
import { Engine } from '../engine/engine.js'
import { badOption } from '../engine/options.js'
import { parseAddress } from '../keys/address.js'
import { drawKeyPair } from '../keys/pair.js'
import { nodeCore } from './core.js'
import { beginHandshake } from './handshake.js'
import type { Carrier, ConnectOptions } from './options.js'
import { openSocket } from './reach.js'
import { SecureSocket } from './socket.js'

/** Where to: net.connect’s own options (`host` and `port`, or `path`), or a byte stream that is there already. */
export type ConnectTarget = ConnectOptions & (SocketTarget | Carrier)

type SocketTarget =
  | Omit<net.TcpNetConnectOpts, keyof ConnectOptions>
  | Omit<net.IpcNetConnectOpts, keyof ConnectOptions>

/**
 * Connects to a server, and resolves when it has proved its long-term key. Whether it serves this client shows later, as it does in
 * TLS 1.3: a refusal is the socket’s error PEER_NOT_AUTHORIZED.
 *
 * @param target `nopki://pk_…@host:port`, or options. Without `serverKey` the server that answers is not known: look at the
 *   socket’s `remotePublicKey` before anything is sent
 * @param options what an address does not say
 * @throws ChannelError PEER_* or LINK_* where the handshake fails, USE_* for wrong options; an AbortError for `signal`; the system’s
 *   own error, such as ECONNREFUSED, where there is no connection (of a name with several addresses: an AggregateError, with a code too)
 */
export async function connect(target: string | ConnectTarget, options: ConnectOptions = {}): Promise<SecureSocket> {
  const all = typeof target === 'string' ? { ...fromAddress(target), ...options } : { ...target, ...options }
  checkChannelOptions(all)
  const core = nodeCore()
  const engine = Engine.client(core, { ...all, keyPair: all.keyPair ?? drawKeyPair(core) })
  const started = performance.now()
  let transport: Duplex
  try {
    all.signal?.throwIfAborted()
    transport = 'stream' in all ? checkStream(all.stream) : await openTransport(all)
  } catch (error) {
    engine.close()
    throw all.signal?.aborted ? abortError(all.signal) : error
  }
  const timeout = all.handshakeTimeout ?? HANDSHAKE_TIMEOUT_MS
  const left = timeout && Math.max(1, timeout - Math.round(performance.now() - started))
  const handshake = beginHandshake(transport, engine, left, all.signal)
  const link = await handshake.connected
  handshake.finish()
  const socket = new SecureSocket(link, all)
  return all.signal ? addAbortSignal(all.signal, socket) : socket
}

function fromAddress(text: string): ConnectTarget {
  const { host, port, serverKey, middleboxKey, version } = parseAddress(text)
  return { host, port, serverKey, ...(middleboxKey && { middleboxKey }), ...(version && { version }) }
}

function checkStream(stream: unknown): Duplex {
  const it = stream as Duplex | undefined
  if (typeof it?.write !== 'function' || typeof it.on !== 'function' || typeof it.resume !== 'function') {
    throw badOption('stream', stream, 'a Duplex')
  }
  return it
}

/** A connected socket, or the error that the system gave. */
function openTransport(options: ConnectOptions & SocketTarget): Promise<net.Socket> {
  const { keyPair, serverKey, middleboxKey, context, onKeys, keepAlive, signal, ...forNet } = options
  const timeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT_MS
  const target = { noDelay: true, ...forNet, allowHalfOpen: true } as net.NetConnectOpts
  return openSocket(target, { timeout, timedOut: () => connectTimedOut(timeout), signal })
}
