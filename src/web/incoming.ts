import { type Credit, costOf } from '../channel/credit.js'
import { closedHere } from '../channel/failures.js'
import type { Engine, EngineEvent } from '../engine/engine.js'
import { ChannelError } from '../errors.js'
import { Gate } from './gate.js'
import { Inbox } from './inbox.js'
import { CarrierFault, type Link } from './link.js'

/** What the peer's direction tells its channel, and asks it. */
export interface IncomingOwner {
  readonly phase: 'handshake' | 'open' | 'leaving' | 'over'
  /** Data is about to be read, or it is something else. It may throw, and the channel fails with that. */
  onEvent(event: Exclude<EngineEvent, 'idle'>): void
  /** The peer was heard, or is listened to again. */
  onReceived(): void
  fail(error: unknown): void
  /** The carrier has failed. */
  onCarrierError(error: unknown): void
  flush(): void
}

/** The peer's direction: what comes is opened in its order, and waits in the inbox until the application reads it. */
export class Incoming {
  readonly inbox = new Inbox(cost => this.#onTaken(cost))
  /** Waits until the application has read. */
  stopped = false
  #engine: Engine
  #link: Link
  #credit: Credit
  #owner: IncomingOwner
  #taken = new Gate()
  #discards = false

  constructor(engine: Engine, link: Link, credit: Credit, owner: IncomingOwner) {
    this.#engine = engine
    this.#link = link
    this.#credit = credit
    this.#owner = owner
  }

  /**
   * Reads until the peer's direction has ended, or the channel. An error fails the channel at once, in the turn that finds it: nobody may
   * see an alert's direction as one that has ended.
   */
  async receive(): Promise<void> {
    const engine = this.#engine
    let chunk: Uint8Array = new Uint8Array()
    let offset = 0
    try {
      while (this.#isAlive) {
        const event = engine.advance()
        if (event !== 'idle') {
          this.#onEvent(event)
          await this.#roomToRead()
          continue
        }
        // The handshake answers by itself.
        if (!engine.connected) this.#owner.flush()
        if (offset < chunk.length) {
          offset += engine.receive(chunk, offset)
          continue
        }
        if (engine.readEnded) return
        this.#owner.flush()
        chunk = await this.#read()
        offset = 0
      }
    } catch (error) {
      this.#owner.fail(error)
    }
  }

  /** Throws away what the peer still sends. */
  discard(): void {
    this.#discards = true
    this.inbox.fail(closedHere(), true)
  }

  /** The channel is over. @param discard what waits to be read goes too */
  fail(error: unknown, discard: boolean): void {
    this.inbox.fail(error, discard)
    this.#taken.open()
  }

  /** The next bytes; if there are none any more, the engine knows it. */
  async #read(): Promise<Uint8Array> {
    try {
      const chunk = await this.#link.read()
      if (chunk) this.#owner.onReceived()
      else this.#engine.receiveEnd()
      return chunk ?? new Uint8Array()
    } catch (error) {
      if (error instanceof CarrierFault) throw error.fault
      // A carrier that knows how it was closed says more of a handshake than that it was.
      const knows = error instanceof ChannelError && error.code === 'LINK_CLOSED'
      if (knows && this.#owner.phase === 'handshake') throw error
      this.#owner.onCarrierError(error)
      if (this.#isAlive) this.#engine.receiveEnd(false)
      return new Uint8Array()
    }
  }

  #onEvent(event: Exclude<EngineEvent, 'idle'>): void {
    if (event !== 'connected') this.#link.opened()
    this.#owner.onEvent(event)
    if (event !== 'data' && event !== 'message') return
    const data = this.#engine.readData() as Uint8Array<ArrayBuffer>
    const cost = costOf(data.length, event === 'message')
    this.#credit.opened(cost)
    if (this.#discards) this.#onTaken(cost)
    else this.inbox.push(data, event === 'message')
  }

  /** With credit everything is taken at once, for more credit may come behind it; else the application is waited for. */
  async #roomToRead(): Promise<void> {
    while (!this.#credit.readsAhead && this.inbox.cost >= WAITING_BYTES && this.#isAlive) {
      this.stopped = true
      await this.#taken.wait()
      this.stopped = false
      this.#owner.onReceived()
    }
  }

  #onTaken(cost: number): void {
    this.#credit.taken(cost)
    this.#taken.open()
    if (this.#isAlive) this.#owner.flush()
  }

  get #isAlive(): boolean {
    const { phase } = this.#owner
    return phase === 'handshake' || phase === 'open'
  }
}

const WAITING_BYTES = 65_536
