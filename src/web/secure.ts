import { onAbort } from '../channel/abort.js'
import { type Applicant, admit, warnOfVersion1 } from '../channel/authorize.js'
import { abortError, connectTimedOut, handshakeTimedOut } from '../channel/failures.js'
import {
  type Answer,
  type Authorized,
  type ClientOptions,
  type ConnectOptions,
  clientOptions,
  HANDSHAKE_TIMEOUT_MS,
  type ServerOptions,
  serverOptions,
} from '../channel/options.js'
import { Engine } from '../engine/engine.js'
import { keep, oneOf } from '../engine/snapshot.js'
import { ChannelError, printable } from '../errors.js'
import { given } from '../keys/given.js'
import { drawKeyPair } from '../keys/pair.js'
import { SecureChannel } from './channel.js'
import { Connection } from './connection.js'
import { type ByteStreams, checkStreams } from './link.js'
import { loadCore } from './load/load.js'

/** What `secure` can be told, by which end it is. */
export type SecureOptions<A extends Answer = Answer> =
  | (ConnectOptions & {
      /** The connecting end. */
      role?: 'client'
    })
  | (ServerOptions<A> & {
      /** The answering end. */
      role: 'server'
    })

/**
 * Opens a channel over a pair of byte streams, and resolves when the peer has proved its long-term key. For a client, whether the
 * server serves it shows later, as it does in TLS 1.3: a refusal is the channel’s error PEER_NOT_AUTHORIZED; `accepted`, and the option
 * `waitForAccept`, tell.
 *
 * @param streams what carries it: a Workers socket, a Deno.Conn, a WebTransport stream. Both are the channel’s from here on
 * @param options a client’s, unless `role` says otherwise. All are read once, before this returns
 * @throws ChannelError PEER_* or LINK_* where the handshake fails, USE_* for wrong options; the reason of an aborted `signal`
 */
export async function secure<A extends Answer = Answer>(
  streams: ByteStreams,
  options: SecureOptions<A>,
): Promise<SecureChannel & Authorized<A>> {
  checkStreams(streams)
  const role = typeof options === 'object' && options ? given(options, 'role') : undefined
  if (role !== undefined) oneOf('client', 'server')(role, 'role', options)
  // Of a Workers socket, which fails if nobody listens: its streams alone do not tell that from a peer that closes.
  const opened = (streams as { opened?: Promise<unknown> }).opened?.then?.(undefined, cause => {
    const reason = `the socket did not open: ${printable(String(cause))}`
    throw new ChannelError('LINK_CLOSED', reason, { next: NEXT, cause })
  })
  const channel = await open({ streams, drop: () => {}, opened }, role === 'server' ? 'server' : 'client', options)
  return channel as SecureChannel & Authorized<A>
}

/** Streams that a channel is to be opened over, and that may have yet to connect. */
export interface Opening {
  streams: ByteStreams
  opened?: Promise<unknown> | undefined
  /** Gives up what the streams come from, where they do not get so far as to be used. */
  drop(reason: unknown): void
}

type Role =
  | { role: 'client'; options: Readonly<ConnectOptions> } //
  | { role: 'server'; options: Readonly<ServerOptions> }

/** @param asked as the caller has it */
export async function open(from: Opening, role: 'client' | 'server', asked: unknown): Promise<SecureChannel> {
  let engine: Engine | undefined
  let connection: Connection | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let ignoreAbort = () => {}
  try {
    const as: Role =
      role === 'server' ? { role, options: serverOptions(asked) } : { role, options: clientOptions(asked) }
    const { signal, handshakeTimeout: timeout = HANDSHAKE_TIMEOUT_MS } = as.options
    const abort = () => (connection ? connection.destroy(abortError(signal)) : from.drop(abortError(signal)))
    const onTimeout = () =>
      connection ? connection.fail(handshakeTimedOut(connection.engine, timeout)) : from.drop(connectTimedOut(timeout))
    const checkAborted = () => {
      if (signal?.aborted) throw abortError(signal)
    }
    checkAborted()
    if (signal) ignoreAbort = onAbort(signal, abort)
    engine = await createEngine(as)
    if (timeout > 0) timer = setTimeout(onTimeout, timeout)
    await from.opened
    checkAborted()
    connection = new Connection(from.streams, engine, as.options)
    const channel = await shakeHands(connection, as)
    connection.closed.then(ignoreAbort, ignoreAbort)
    return channel
  } catch (error) {
    ignoreAbort()
    if (!connection) {
      engine?.close()
      from.drop(error)
    }
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function shakeHands(connection: Connection, { role, options }: Role): Promise<SecureChannel> {
  await connection.connected
  if (role === 'server') return admit(options, applicantOf(connection))
  const channel = new SecureChannel(connection)
  if (options.waitForAccept) await channel.accepted
  return channel
}

function applicantOf(connection: Connection): Applicant<SecureChannel> {
  const gone = new AbortController()
  const check = () => {
    if (connection.failure) throw connection.failure.error
  }
  // It does not close before it is handed over: it fails.
  const failed = connection.closed.catch(error => {
    gone.abort(error)
    check()
    throw error
  })
  failed.catch(() => {})
  return {
    engine: connection.engine,
    signal: gone.signal,
    failed,
    check,
    accept(authorization) {
      connection.accept()
      return new SecureChannel(connection, authorization)
    },
    served: () => connection,
    refuse: (told, error) => connection.refuse(told, error),
  }
}

async function createEngine({ role, options }: Role): Promise<Engine> {
  const core = await loadCore()
  if (role === 'server') {
    const engine = Engine.server(core, options)
    warnOfVersion1(options, text => console.warn(text))
    return engine
  }
  return Engine.client(
    core,
    options.keyPair ? (options as ClientOptions) : keep(options, { keyPair: drawKeyPair(core) }),
  )
}

/** Of what carries a channel, where it does not come about. */
export const NEXT = 'check the address, and what answers there'
