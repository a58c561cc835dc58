import type { Engine } from '../engine/engine.js'
import type { ChannelError } from '../errors.js'
import { ALERT_IDLE_TIMEOUT } from '../wire/stream.js'
import { idleTimedOut } from './failures.js'
import type { ChannelOptions } from './options.js'
import { Timer } from './timer.js'

/** What a channel tells its liveness, and does for it. */
export interface LiveChannel {
  readonly engine: Engine
  /** Whether bytes wait to be sent that are out of the engine already. */
  readonly blocked: boolean
  /** Whether this end does not read now: then it cannot tell what the peer sends. */
  readonly stopped: boolean
  /** Whether the peer has nothing more to say. */
  readonly dataEnded: boolean
  /** What it has failed with, while what came before that waits to be read. */
  readonly failure?: unknown
  /** Sends what was sealed. */
  flush(): void
  /** The peer was silent for too long; `told`: an alert that says so was sealed, and has to go out. */
  onSilent(error: ChannelError, told: boolean): void
  fail(error: unknown): void
}

/**
 * `heartbeat` and `idleTimeout` of an open channel. A channel stops it with its last words, and before its engine is closed: it then
 * sends nothing, and judges no silence.
 */
export class Liveness {
  #channel: LiveChannel
  #heartbeat: Timer
  #idle: Timer
  #silent = false

  /** @param background whether a process may end although a channel is open: the carrier decides */
  constructor(channel: LiveChannel, { heartbeat = 0, idleTimeout = 0 }: ChannelOptions, background = false) {
    this.#channel = channel
    this.#heartbeat = new Timer(heartbeat, () => this.#act(false), background)
    this.#idle = new Timer(idleTimeout, () => this.#onSilence(), background)
  }

  /** Bytes of the peer have come; or this end reads again, and what it did not read says nothing of the peer. */
  received(): void {
    this.#silent = false
    this.#idle.refresh()
  }

  /** Bytes have gone out. */
  sent(): void {
    this.#heartbeat.refresh()
  }

  /** For good. */
  stop(): void {
    this.#silent = false
    this.#heartbeat.stop()
    this.#idle.stop()
  }

  #sendKeepAlive(): void {
    const { engine, blocked, failure } = this.#channel
    if (failure || engine.writeEnded) return
    // Bytes that still wait to be sent keep the link alive.
    if (!blocked && engine.sendWindow().length === 0) engine.keepAlive()
    this.#channel.flush()
  }

  /** It may be this process that was busy, and did not read: what has come by now is read before the peer is judged. */
  #onSilence(): void {
    this.#silent = true
    setTimeout(() => this.#silent && this.#act(true))
  }

  /** The peer has been silent for too long: it is told so, in case it still listens. */
  #giveUp(): void {
    const { engine, stopped, dataEnded, failure } = this.#channel
    if (failure) return this.#channel.fail(failure)
    if (stopped || dataEnded) return
    // If bytes do not go out, there is no way to tell it.
    const told = !engine.writeEnded && engine.sendWindow().length === 0
    if (told) engine.alert(ALERT_IDLE_TIMEOUT, 'idle timeout')
    this.#channel.onSilent(idleTimedOut(), told)
  }

  /** An error in a timer would end the process, so it fails the channel instead. */
  #act(silent: boolean): void {
    try {
      if (silent) this.#giveUp()
      else this.#sendKeepAlive()
    } catch (error) {
      this.#channel.fail(error)
    }
  }
}
