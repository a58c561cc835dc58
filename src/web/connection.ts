import { Acceptance } from '../channel/acceptance.js'
import { Credit } from '../channel/credit.js'
import { alertError, closedHere, closedInHandshake, cutShort, tellsPeer, withCause } from '../channel/failures.js'
import { memoryOf } from '../channel/inspect.js'
import { type LiveChannel, Liveness } from '../channel/liveness.js'
import { type ChannelOptions, HANDSHAKE_TIMEOUT_MS, LINGER_MS, REFUSED_LINGER_MS } from '../channel/options.js'
import { withResolvers } from '../channel/resolvers.js'
import { Timer } from '../channel/timer.js'
import type { Control, Engine, EngineEvent } from '../engine/engine.js'
import type { ChannelError } from '../errors.js'
import { CONTROL_ACCEPTED } from '../wire/stream.js'
import type { Inbox } from './inbox.js'
import { Incoming, type IncomingOwner } from './incoming.js'
import { type ByteStreams, Link } from './link.js'
import { Outgoing } from './outgoing.js'

/** One end of a channel over a pair of streams, from its first byte to its last. */
export class Connection implements LiveChannel, IncomingOwner {
  readonly engine: Engine
  readonly outgoing: Outgoing
  /** What waits for the application. */
  readonly inbox: Inbox
  #connected = withResolvers<void>()
  #closed = withResolvers<void>()
  /** Resolves when the peer has proved its key; rejects where the channel fails before. */
  readonly connected = this.#connected.promise
  /** Resolves when both directions have come to their ends; rejects where the channel fails. */
  readonly closed = this.#closed.promise
  /** What the channel has failed with. */
  failure: { error: unknown } | undefined
  /** Called once, where the channel fails. */
  onFailure: (error: unknown) => void = () => {}
  /** What the handshake has shown of the peer; the engine may be gone by the time that the application asks. */
  peer: Pick<Engine, 'remotePublicKey' | 'localPublicKey' | 'handshakeHash' | 'version'> | undefined
  /** `leaving`: the application is done with it; the peer has a while to read the last words. */
  phase: 'handshake' | 'open' | 'leaving' | 'over' = 'handshake'
  #link: Link
  #credit: Credit
  #options: ChannelOptions
  #acceptance: Acceptance
  #incoming: Incoming
  #receiving = true
  #carrierError: unknown
  #timers = new Set<Timer>()
  #liveness: Liveness | undefined

  constructor(streams: ByteStreams, engine: Engine, options: ChannelOptions) {
    this.engine = engine
    this.#options = options
    this.#acceptance = new Acceptance(engine)
    this.#credit = new Credit(engine, streams.pushesBack === false)
    this.#link = new Link(streams, engine)
    this.#link.onRoom = () => this.#sealCredit()
    this.#link.onSent = () => this.#liveness?.sent()
    this.#link.onWriteError = error => this.#onWriteError(error)
    this.#incoming = new Incoming(engine, this.#link, this.#credit, this)
    this.inbox = this.#incoming.inbox
    this.outgoing = new Outgoing(engine, this.#link, this.#credit, () => this.#assumeNoCredit())
    // Who waits for one of them gets the error; nobody has to wait for all.
    for (const it of [this.connected, this.closed]) it.catch(() => {})
    this.#run()
  }

  /** Resolves when the server has shown that it serves this client; rejects where it refuses, or the channel fails. */
  get accepted(): Promise<void> {
    return this.#acceptance.within(this.#options.handshakeTimeout ?? HANDSHAKE_TIMEOUT_MS)
  }

  /** Where it lies in linear memory. @throws ChannelError USE_BAD_OPTION unless its options say `inspect` */
  get memory(): Engine['memory'] {
    return memoryOf(this.engine, this.#options)
  }

  /** The handshake is over, and the application gets the channel. */
  handOver(): void {
    if (this.phase !== 'handshake') return
    this.phase = 'open'
    // What carries the channel keeps the process alive as well.
    this.#liveness = new Liveness(this, this.#options)
    this.#credit.widen()
    this.flush()
  }

  /** Ends this direction, and resolves when the carrier has taken the end. */
  async end(given?: number): Promise<void> {
    await this.outgoing.end(given)
    // The published program knows no other end than the connection's.
    if (this.engine.version === 1 && 'allowTruncation' in this.#options && this.#options.allowTruncation) {
      this.#link.endWritable()
    }
    this.#finishIfDone()
  }

  /** Ends the channel with an alert. What the peer still sends is thrown away. Resolves when the peer is gone, or 30 s later. */
  async alert(code: number, text: string): Promise<void> {
    await this.outgoing.alert(code, text)
    this.#leave({ patient: true })
    await this.closed
  }

  /** Ends this direction, and throws away what the peer still sends, unless somebody `reads` it. Resolves when both have ended. */
  async close(reads: boolean): Promise<void> {
    if (!this.outgoing.ended && this.phase === 'open') await this.end()
    if (!reads && this.phase === 'open') {
      this.#incoming.discard()
      this.#timer(LINGER_MS, () => this.#leave({}))
    }
    await this.closed
  }

  /** A server’s yes to a client that has proved its key; any credit goes first. */
  accept(): void {
    this.#sealCredit()
    this.engine.accept()
  }

  /** A server’s no. */
  refuse(reason: string, error: ChannelError): void {
    this.#sealCredit()
    this.engine.refuse(reason)
    this.#leave({ failure: { error }, time: REFUSED_LINGER_MS })
  }

  /** Gives the channel up, and what waits to be read with it. The peer sees that it was cut short. */
  destroy(error: unknown): void {
    this.#fail(error, true)
  }

  /** As `destroy`, for who reads or writes; one that has said its last words still lets them out. */
  giveUp(reason: unknown): void {
    if (this.phase !== 'leaving') this.destroy(reason ?? closedHere('gave the channel up'))
  }

  /** Fails the channel: what came before is still there to be read. */
  fail(error: unknown): void {
    this.#fail(error, false)
  }

  async #run(): Promise<void> {
    this.flush()
    await this.#incoming.receive()
    this.#receiving = false
    if (this.phase === 'leaving') await this.#seeOff()
  }

  onReceived(): void {
    this.#liveness?.received()
  }

  /** It tells more than a write that has failed after it. */
  onCarrierError(error: unknown): void {
    this.#carrierError = error
  }

  onEvent(event: Exclude<EngineEvent, 'idle'>): void {
    this.#acceptance.heard(event)
    switch (event) {
      case 'connected':
        return this.#onConnected()
      case 'data':
      case 'message':
        return this.#assumeNoCredit()
      case 'control':
        return this.#onControl(this.engine.controlReceived as Control)
      case 'alert':
        throw alertError(this.engine)
      case 'end':
        this.#credit.ended()
        this.outgoing.granted()
        return this.#onDataEnd()
    }
  }

  #onConnected(): void {
    const { remotePublicKey, localPublicKey, handshakeHash, version } = this.engine
    this.peer = { remotePublicKey, localPublicKey, handshakeHash, version }
    this.#credit.begin()
    this.flush()
    this.#connected.resolve()
  }

  #onControl(control: Control): void {
    const meaning = this.#credit.received(control)
    if (meaning === 'credit') {
      this.outgoing.granted()
      return this.flush()
    }
    // It says nothing of credit: a server that answers with credit may have decided before.
    if (control.code === CONTROL_ACCEPTED) return
    this.#assumeNoCredit()
    if (meaning === 'end of data') this.#onDataEnd()
  }

  #onDataEnd(): void {
    this.inbox.end()
    this.#finishIfDone()
  }

  /** The peer seems not to know credit. */
  #assumeNoCredit(): void {
    if (!this.#credit.waits) return
    this.#credit.assumeNoCredit()
    this.outgoing.granted()
    this.#finishIfDone()
  }

  /** Sends the final record where it was left to later; closes the carrier where both directions have ended. */
  #finishIfDone(): void {
    if (!this.outgoing.ended || this.phase !== 'open') return
    if (!this.engine.writeEnded && (this.#credit.dataEnded || !this.#credit.open)) {
      this.outgoing.finish().then(
        () => this.#finishIfDone(),
        () => {},
      )
    } else if (this.engine.writeEnded && this.engine.readEnded) {
      this.#finish()
    }
  }

  /** Both directions have ended: what was sent last has to go out. */
  #finish(): void {
    this.phase = 'over'
    this.#stopTimers()
    const failed = (error?: unknown) => {
      this.#closed.reject(cutShort(error))
      this.#link.drop(error)
    }
    const over = () => {
      late.stop()
      this.engine.close()
    }
    // A carrier that never closes would keep the timer, and the process.
    const late = this.#timer(LINGER_MS, () => {
      over()
      failed()
    })
    this.#link.close().then(this.#closed.resolve, failed).finally(over)
  }

  #fail(error: unknown, discard: boolean): void {
    if (this.phase === 'over') return
    if (this.phase === 'leaving') return this.#link.drop(error)
    const failure = error instanceof Error ? withCause(error, this.#carrierError) : error
    // A reject, or version 1's alert, still tells the peer why.
    if (this.phase === 'handshake' && tellsPeer(error) && this.engine.sendWindow().length > 0) {
      return this.#leave({ failure: { error: failure }, time: REFUSED_LINGER_MS })
    }
    this.phase = 'over'
    this.#settle(failure, { discard, asked: false })
    this.#link.drop(failure)
    this.engine.close()
  }

  /** Lets the peer have the last words, while the application is told that the channel is over. */
  #leave({ failure, patient = false, time = LINGER_MS }: Leaving): void {
    if (this.phase === 'leaving' || this.phase === 'over') return
    this.phase = 'leaving'
    const asked = !failure
    this.#settle(failure ? failure.error : closedHere(), { discard: asked, asked })
    const linger = () => this.#timer(time, () => this.#link.drop(undefined))
    if (!patient) linger()
    this.#link.flush().then(
      () => {
        this.engine.close()
        // Two ends that leave at once would else wait for each other.
        this.#link.endWritable()
        if (patient) linger()
      },
      () => this.#link.drop(undefined),
    )
    if (!this.#receiving) this.#seeOff()
  }

  /** Throws away what still comes, until the peer is done or its time is over. */
  async #seeOff(): Promise<void> {
    try {
      while (await this.#link.read()) {}
    } catch {}
    this.phase = 'over'
    this.#stopTimers()
    this.engine.close()
    this.#link.end()
    this.#closed.resolve()
  }

  /**
   * Tells everyone who waits.
   * @param how `discard`: what waits to be read goes too. `asked`: the application has asked for it, and `closed` is no error yet
   */
  #settle(error: unknown, { discard, asked }: { discard: boolean; asked: boolean }): void {
    this.failure = { error }
    this.#stopTimers()
    this.outgoing.fail(error)
    this.#incoming.fail(error, discard)
    this.#acceptance.fail(() => error)
    this.#connected.reject(error)
    if (!asked) this.#closed.reject(error)
    this.onFailure(error)
  }

  /** Where there is no room, it is sealed later; where the engine has failed, who reads it finds out. */
  #sealCredit(): void {
    try {
      this.#credit.seal()
    } catch {}
  }

  /** Sends what there is in the background: the carrier's failure has a listener of its own. */
  flush(): void {
    this.#link.flush().catch(() => {})
  }

  /** What the peer said last may explain it, and is read first. */
  #onWriteError(error: unknown): void {
    this.#carrierError ??= error
    const fail = () => this.fail(this.phase === 'handshake' ? closedInHandshake(error) : cutShort(error))
    if (this.phase === 'leaving' || this.engine.readEnded) fail()
    else this.#timer(LAST_WORDS_MS, fail)
  }

  /** Whether this end waits until the application has read. */
  get stopped(): boolean {
    return this.#incoming.stopped
  }

  get blocked(): boolean {
    return this.#link.blocked
  }

  get dataEnded(): boolean {
    return this.#credit.dataEnded
  }

  onSilent(error: ChannelError, told: boolean): void {
    if (told) this.#leave({ failure: { error } })
    else this.fail(error)
  }

  #timer(time: number, run: () => void): Timer {
    const timer = new Timer(time, run)
    this.#timers.add(timer)
    return timer
  }

  #stopTimers(): void {
    this.#liveness?.stop()
    for (const timer of this.#timers) timer.stop()
    this.#timers.clear()
  }
}

/** How a channel is left. */
interface Leaving {
  /** What it has failed with; without it, the application has closed it. */
  failure?: { error: unknown }
  /** Whether the peer's time begins when the carrier has taken the last words, and not at once. */
  patient?: boolean
  /** How long the peer has to take the last words, in ms. */
  time?: number
}

const LAST_WORDS_MS = 1000
