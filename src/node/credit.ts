import { Credit } from '../channel/credit.js'
import { LINGER_MS } from '../channel/options.js'
import type { Control } from '../engine/engine.js'
import { CONTROL_CREDIT, CONTROL_DATA_END } from '../wire/stream.js'
import type { Link } from './link.js'

/** How much of each direction there was, in what credit counts, before the peer began with it. */
export interface SoFar {
  opened: number
  sent: number
}

/**
 * "Credit" at a socket. It never begins, for what carries a socket pushes back; it answers a peer whose carrier does not, keeps to what
 * that grants, and grants what the application has read. Sockets whose peer never begins have none of this.
 */
export class SocketCredit {
  #credit: Credit
  #link: Link
  #taken = 0
  #waiting: (() => void) | undefined
  #onPeerEnded: (() => void) | undefined
  #linger: NodeJS.Timeout | undefined
  /** The data of this direction has ended, and its final record is to follow when the peer's has. */
  finalDue = false

  constructor(link: Link, { opened, sent }: SoFar, unread: number) {
    this.#link = link
    this.#credit = new Credit(link.engine, false)
    this.#credit.widen()
    this.taken(opened - unread)
    this.#credit.opened(opened)
    this.#credit.sent(sent)
  }

  /** Whether this control record is the start of it. */
  static startsWith(control: Control | undefined): boolean {
    return control?.code === CONTROL_CREDIT
  }

  /** How many bytes may be sent now. */
  get room(): number {
    return this.#credit.room
  }

  /** Whether all that comes is to be taken at once, whatever waits to be read. */
  get readsAhead(): boolean {
    return this.#credit.readsAhead
  }

  /** Whether the peer's data has ended. */
  get dataEnded(): boolean {
    return this.#credit.dataEnded
  }

  /** A control record. True: the peer's data has ended. @throws ChannelError PEER_MALFORMED */
  received(control: Control): boolean {
    const meaning = this.#credit.received(control)
    if (meaning === 'credit') this.#answer()
    return meaning === 'end of data'
  }

  /** The final record has come: what was granted binds no more. */
  ended(): void {
    this.#credit.ended()
    this.#goOn()
    this.#onPeerEnded?.()
    this.stop()
  }

  /** The peer's final record is due, for the data of both directions has ended: the transport stays until then, or until it is `late`. */
  whenEnded(then: () => void, late: () => void): void {
    if (this.#link.engine.readEnded) return then()
    this.#onPeerEnded = then
    this.#linger = setTimeout(late, LINGER_MS).unref()
  }

  /** Waits no more: a socket whose reader is slow would be destroyed once it is late, and a closed one would be kept until then. */
  stop(): void {
    clearTimeout(this.#linger)
  }

  /** @throws ChannelError PEER_OVERRUN, PEER_AFTER_END */
  opened(cost: number): void {
    this.#credit.opened(cost)
  }

  /** So much was read in all. */
  taken(total: number): void {
    this.#credit.taken(total - this.#taken)
    this.#taken = total
    this.#seal()
  }

  sent(bytes: number): void {
    this.#credit.sent(bytes)
  }

  /** Calls back, once, when the peer has granted more. */
  whenGranted(callback: () => void): void {
    this.#waiting = callback
  }

  /** Ends the data, behind which credit can still be granted; the final record has to follow. */
  endData(): void {
    this.finalDue = true
    this.#link.engine.control(CONTROL_DATA_END)
  }

  #answer(): void {
    this.#seal()
    this.#goOn()
  }

  /** Not within the reading: what waits may call the application. */
  #goOn(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting) process.nextTick(waiting)
  }

  #seal(): void {
    try {
      this.#credit.seal()
      this.#link.flush()
    } catch {
      // The engine has failed: who reads finds out.
    }
  }
}
