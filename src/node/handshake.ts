import type { Duplex } from 'node:stream'
import { abortError, closedInHandshake, handshakeTimedOut, tellsPeer, withCause } from '../channel/failures.js'
import { HANDSHAKE_TIMEOUT_MS, REFUSED_LINGER_MS } from '../channel/options.js'
import { withResolvers } from '../channel/resolvers.js'
import type { Engine } from '../engine/engine.js'
import { Link } from './link.js'

/** A handshake under way: resolves with the link once the peer has proved its key, or fails and drops the transport. */
export interface Handshake {
  connected: Promise<Link>
  /** Rejects where the handshake fails, even after the peer has connected. */
  failed: Promise<never>
  /** Aborted when it has failed, its time is over, or the transport is gone; never once `finish` was called. */
  readonly signal: AbortSignal
  /** Throws what it has failed with. */
  check(): void
  /** Stops the clock: the link has a new owner, and nothing fails it here any more. */
  finish(): void
  fail(error: Error): void
  /** Drops the transport at once, also of one that was refused. */
  drop(): void
  /** How long one that was refused may stay to hear it, in ms: what is left of its time, and 2 s at most. */
  readonly lastMoments: number
}

/**
 * Starts a handshake over a transport. The engine belongs to it from here on, and is closed with it.
 * @param onAnswer is called when something was sent: by a server, when the client's hello has come whole
 */
export function beginHandshake(
  transport: Duplex,
  engine: Engine,
  timeout = HANDSHAKE_TIMEOUT_MS,
  signal?: AbortSignal,
  onAnswer?: () => void,
): Handshake {
  const { promise, resolve, reject } = withResolvers<Link>()
  const failed = withResolvers<never>()
  // Who waits for one of them gets the error; nobody has to wait for both.
  promise.catch(() => {})
  failed.promise.catch(() => {})
  const link = new Link(transport, engine, {
    onEvent: (_, event) => {
      if (event === 'connected') {
        link.flush()
        resolve(link)
        // A server reads on while it asks ‘authorize’, to notice when the client is gone.
        return engine.role === 'server'
      }
      // This one belongs to the next owner.
      return 'later'
    },
    onError: (_, error) => fail(error),
    ...(onAnswer && { onSent: onAnswer }),
  })
  const started = performance.now()
  const timer = timeout > 0 ? setTimeout(() => fail(handshakeTimedOut(engine, timeout)), timeout) : undefined
  const onAbort = () => fail(abortError(signal))
  const onClose = () => fail(closedInHandshake(link.transportError))

  let failure: Error | undefined
  let gone: AbortController | undefined
  let finished = false
  const finish = () => {
    finished = true
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    transport.off('close', onClose)
  }
  const lastMoments = () => {
    const left = timeout > 0 ? started + timeout - performance.now() : Number.POSITIVE_INFINITY
    return Math.max(0, Math.min(left, REFUSED_LINGER_MS))
  }
  const fail = (error: Error) => {
    if (finished) return
    finish()
    // A reject, or version 1’s alert, still tells the peer why.
    if (tellsPeer(error) && engine.sendWindow().length > 0 && !transport.destroyed)
      link.farewell(false, undefined, lastMoments())
    else link.destroy()
    reject(withCause(error, link.transportError))
    failed.reject(error)
    failure = error
    gone?.abort(error)
  }

  signal?.addEventListener('abort', onAbort, { once: true })
  transport.once('close', onClose)
  if (signal?.aborted) onAbort()
  else if (transport.destroyed) onClose()
  else link.flush()
  return {
    connected: promise,
    failed: failed.promise,
    // Made when somebody asks for it: a controller costs as much as a stream.
    get signal() {
      gone ??= new AbortController()
      if (failure) gone.abort(failure)
      return gone.signal
    },
    check() {
      if (failure) throw failure
    },
    finish,
    fail,
    drop: () => void transport.destroy(),
    get lastMoments() {
      return lastMoments()
    },
  }
}
