import type { Duplex } from 'node:stream'
import { closedInHandshake, handshakeTimedOut, tellsPeer, withCause } from '../channel/failures.js'
import { HANDSHAKE_TIMEOUT_MS, REFUSED_LINGER_MS } from '../channel/options.js'
import { withResolvers } from '../channel/resolvers.js'
import type { Engine } from '../engine/engine.js'
import { Link, type LinkHandler } from './link.js'

/** A handshake under way. It ends when the peer has proved its key and the link has a new owner, or fails and drops the transport. */
export class Handshake {
  #engine: Engine
  #transport: Duplex
  #onAnswer: (() => void) | undefined
  #connected = withResolvers<Link>()
  #failed = withResolvers<never>()
  #started = performance.now()
  #timeout: number
  #timer: NodeJS.Timeout | undefined
  #link: Link | undefined
  #failure: Error | undefined
  #gone: AbortController | undefined
  #finished = false

  /**
   * Starts it. The engine belongs to it from here on, and is closed with it.
   * @param timeout in ms; 0 is no limit
   * @param onAnswer is called when something was sent: by a server, when the client's hello has come whole
   */
  constructor(transport: Duplex, engine: Engine, timeout = HANDSHAKE_TIMEOUT_MS, onAnswer?: () => void) {
    this.#engine = engine
    this.#transport = transport
    this.#onAnswer = onAnswer
    this.#timeout = timeout
    // Who waits for one of them gets the error; nobody has to wait for both.
    this.connected.catch(ignore)
    this.failed.catch(ignore)
    const link = new Link(transport, engine, this, Handshake.#handler)
    this.#link = link
    transport.once('close', this.#onClose)
    if (timeout > 0) this.#timer = setTimeout(() => this.fail(handshakeTimedOut(engine, timeout)), timeout)
    if (transport.destroyed) this.#onClose()
    else link.flush()
  }

  static #handler: LinkHandler<Handshake> = {
    onEvent(it, event, link) {
      // Any other belongs to the next owner.
      if (event !== 'connected') return 'keep'
      link.flush()
      it.#connected.resolve(link)
      // A server reads on while it asks ‘authorize’, to notice when the client is gone.
      return it.#engine.role === 'server' ? 'go on' : 'stop'
    },
    onError: (it, error) => it.fail(error),
    onSent: it => it.#onAnswer?.(),
  }

  /** Resolves when the peer has proved its key. */
  get connected(): Promise<Link> {
    return this.#connected.promise
  }

  /** Rejects if the handshake fails, even after the peer has proved its key. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /** Aborted if it has failed, its time is over, or the transport is gone; never once `finish` was called. */
  get signal(): AbortSignal {
    // Made when somebody asks for it: a controller costs as much as a stream.
    this.#gone ??= new AbortController()
    if (this.#failure) this.#gone.abort(this.#failure)
    return this.#gone.signal
  }

  /** How long one that was refused may stay to hear it, in ms: what is left of its time, and 2 s at most. */
  get lastMoments(): number {
    const left = this.#timeout > 0 ? this.#started + this.#timeout - performance.now() : Number.POSITIVE_INFINITY
    return Math.max(0, Math.min(left, REFUSED_LINGER_MS))
  }

  /** Throws what it has failed with. */
  check(): void {
    if (this.#failure) throw this.#failure
  }

  /** Stops the clock: the link has a new owner, and nothing fails it here any more. */
  finish(): void {
    this.#finished = true
    clearTimeout(this.#timer)
    this.#transport.off('close', this.#onClose)
  }

  fail(error: Error): void {
    if (this.#finished) return
    this.finish()
    this.#dropLink(error)
    this.#failure = error
    this.#connected.reject(withCause(error, this.#link?.transportError))
    this.#failed.reject(error)
    this.#gone?.abort(error)
  }

  /** Drops the transport at once, also of one that was refused. */
  drop(): void {
    this.#transport.destroy()
  }

  #dropLink(error: Error): void {
    // A transport may fail while it is being taken over.
    if (!this.#link) {
      this.#engine.close()
      this.#transport.destroy()
      return
    }
    // A reject, or version 1’s alert, still tells the peer why.
    const tells = tellsPeer(error) && this.#engine.sendWindow().length > 0 && !this.#transport.destroyed
    if (tells) this.#link.endGracefully({ time: this.lastMoments })
    else this.#link.destroy()
  }

  #onClose = (): void => this.fail(closedInHandshake(this.#link?.transportError))
}

function ignore(): void {}
