import { askAuthorize } from '../channel/authorize.js'
import { abortError, handshakeTimedOut } from '../channel/failures.js'
import {
  type ConnectOptions,
  checkChannelOptions,
  HANDSHAKE_TIMEOUT_MS,
  type ServerOptions,
} from '../channel/options.js'
import { Engine } from '../engine/engine.js'
import { badOption } from '../engine/options.js'
import { ChannelError } from '../errors.js'
import { drawKeyPair } from '../keys/pair.js'
import { ALERT_NOT_AUTHORIZED } from '../wire/stream.js'
import { SecureChannel } from './channel.js'
import { Connection } from './connection.js'
import { loadCore } from './core.js'
import { type ByteStreams, checkStreams } from './link.js'

export type SecureOptions = (ConnectOptions & { role?: 'client' }) | (ServerOptions & { role: 'server' })

/**
 * Opens a channel over a pair of byte streams, and resolves when the peer has proved its long-term key. For a client, whether the
 * server serves it shows later, as it does in TLS 1.3: a refusal is the channel’s error PEER_NOT_AUTHORIZED.
 *
 * @param streams what carries it: a Workers socket, a Deno.Conn, a WebTransport stream. Both are the channel’s from here on
 * @param options a client’s, unless `role` says otherwise. Without `serverKey` the server that answers is not known: look at the
 *   channel’s `remotePublicKey` before anything is sent
 * @throws ChannelError PEER_* or LINK_* where the handshake fails, USE_* for wrong options; the reason of an aborted `signal`
 */
export async function secure(streams: ByteStreams, options: SecureOptions = {}): Promise<SecureChannel> {
  checkStreams(streams)
  return await open(
    () => Promise.resolve(streams),
    options,
    () => {},
  )
}

/**
 * Opens a channel over streams that may have yet to connect.
 *
 * @param drop gives up what the streams come from, where they do not get so far as to be used
 */
export async function open(
  connect: () => Promise<ByteStreams>,
  options: SecureOptions,
  drop: (reason: unknown) => void,
): Promise<SecureChannel> {
  const timeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT_MS
  const started = performance.now()
  let engine: Engine | undefined
  let streams: ByteStreams
  try {
    checkOptions(options)
    options.signal?.throwIfAborted()
    engine = await createEngine(options)
    streams = await connect()
    options.signal?.throwIfAborted()
    checkStreams(streams)
  } catch (error) {
    engine?.close()
    drop(error)
    throw error
  }
  const left = timeout && Math.max(1, timeout - (performance.now() - started))
  return await shakeHands(new Connection(streams, engine, options), options, { timeout, left })
}

/** Authenticate first, authorize after: a client that is refused is told so over its own encrypted channel. */
async function shakeHands(
  connection: Connection,
  options: SecureOptions,
  { timeout, left }: { timeout: number; left: number },
): Promise<SecureChannel> {
  const { engine } = connection
  const timer = left > 0 ? setTimeout(() => connection.fail(handshakeTimedOut(engine, timeout)), left) : undefined
  const { signal } = options
  const onAbort = () => connection.destroy(abortError(signal))
  const heed = () => signal?.addEventListener('abort', onAbort, { once: true })
  const ignore = () => signal?.removeEventListener('abort', onAbort)
  heed()
  connection.closed.then(ignore, ignore)
  try {
    await connection.connected
    if (options.role !== 'server') return new SecureChannel(connection)
    const answer = await authorize(connection, options)
    return new SecureChannel(connection, answer === true ? undefined : answer)
  } finally {
    clearTimeout(timer)
  }
}

async function authorize(connection: Connection, options: ServerOptions): Promise<true | object> {
  const gone = new AbortController()
  connection.failed.catch(error => gone.abort(error))
  const answer = await Promise.race([askAuthorize(options, connection.engine, gone.signal), connection.failed])
  gone.signal.throwIfAborted()
  if (!(answer instanceof ChannelError)) return answer
  connection.refuse(ALERT_NOT_AUTHORIZED, answer)
  throw answer
}

function checkOptions(options: SecureOptions): void {
  checkChannelOptions(options)
  const { role } = options
  if (role !== undefined && role !== 'client' && role !== 'server')
    throw badOption('role', role, "'client' or 'server'")
  if (role === 'server' && options.authorize !== undefined && typeof options.authorize !== 'function') {
    throw badOption('authorize', options.authorize, 'a function')
  }
}

async function createEngine(options: SecureOptions): Promise<Engine> {
  const core = await loadCore()
  if (options.role === 'server') return Engine.server(core, options)
  return Engine.client(core, { ...options, keyPair: options.keyPair ?? drawKeyPair(core) })
}
