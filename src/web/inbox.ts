import { costOf } from '../channel/credit.js'
import { endedWithinMessage, messageTooLong } from '../channel/failures.js'
import { MessageEnds } from '../channel/message-ends.js'
import { Chunks } from './chunks.js'
import { Gate } from './gate.js'

type Bytes = Uint8Array<ArrayBuffer>

/** Opened bytes that wait to be read, with the messages’ ends, and what is behind them: an end or an error. */
export class Inbox {
  /** Called when an end or an error has come; what waits may lie before it. */
  onEnd: () => void = () => {}
  #waiting = new Chunks()
  #ends = new MessageEnds()
  #arrivedBytes = 0
  #end: 'open' | 'ended' | { error: unknown } = 'open'
  #arrived = new Gate()
  #onTaken: (cost: number) => void
  /** The start of a message that has not come whole. */
  #partial = new Chunks()

  /** `onTaken` is told what the application has read, as it does: in bytes, and what ends of messages count for. */
  constructor(onTaken: (cost: number) => void) {
    this.#onTaken = onTaken
  }

  /** Waits until something comes: bytes, an end or an error. */
  arrived(): Promise<void> {
    return this.#arrived.wait()
  }

  get ended(): boolean {
    return this.#end !== 'open'
  }

  get failure(): { error: unknown } | undefined {
    return typeof this.#end === 'object' ? this.#end : undefined
  }

  /** What waits, in bytes, and what ends of messages count for. */
  get cost(): number {
    return this.#waiting.size + this.#ends.count * costOf(0, true)
  }

  /** Whether bytes of the stream wait. */
  get hasBytes(): boolean {
    return this.#waiting.size > 0
  }

  push(data: Bytes, endOfMessage: boolean): void {
    this.#waiting.append(data)
    this.#arrivedBytes += data.length
    if (endOfMessage) this.#ends.add(this.#arrivedBytes)
    if (data.length > 0 || endOfMessage) this.#arrived.open()
  }

  end(): void {
    if (!this.ended) this.#finish('ended')
  }

  /** What came before the error is read first. If that is to be thrown away, and there is some, the error takes an end's place. */
  fail(error: unknown, discard = false): void {
    const lost = discard && this.#clear()
    if (!this.ended || (lost && !this.failure)) this.#finish({ error })
  }

  /** The next bytes, once `hasBytes`. */
  takeBytes(): Bytes {
    const data = this.#waiting.shift()
    this.#onTaken(data.length)
    return data
  }

  /** Fills a view as far as there are bytes, and returns how many. */
  takeInto(view: Uint8Array): number {
    const filled = this.#waiting.fill(view)
    this.#onTaken(filled)
    return filled
  }

  /** Who reads the stream takes the ends of messages that are next, and sees nothing of them. */
  skipEnds(): void {
    const position = this.#arrivedBytes - this.#waiting.size
    let cost = 0
    while ((this.#ends.first ?? Number.POSITIVE_INFINITY) <= position) {
      this.#ends.drop()
      cost += costOf(0, true)
    }
    if (cost > 0) this.#onTaken(cost)
  }

  /** The next message, if it has come whole. @throws ChannelError PEER_TOO_LONG where it is longer than `limit` */
  takeMessage(limit: number): Uint8Array | undefined {
    const end = this.#ends.first
    const left = this.#waiting.size - (end === undefined ? 0 : this.#arrivedBytes - end)
    if (this.#partial.size + left > limit) {
      throw messageTooLong(limit)
    }
    if (end === undefined) {
      // What the peer may send is granted by what was taken.
      while (this.hasBytes) this.#partial.append(this.takeBytes())
      if (this.#end === 'ended' && this.#partial.size > 0) throw endedWithinMessage('writable')
      return undefined
    }
    this.#ends.drop()
    const rest = this.#waiting.take(left)
    this.#onTaken(costOf(left, true))
    if (this.#partial.size === 0) return rest
    this.#partial.append(rest)
    return this.#partial.take(this.#partial.size)
  }

  /** Throws away what waits, and says whether there was any. */
  #clear(): boolean {
    const { cost } = this
    const partial = this.#partial.size
    this.#waiting = new Chunks()
    this.#partial = new Chunks()
    this.#ends.clear()
    if (cost > 0) this.#onTaken(cost)
    return cost + partial > 0
  }

  #finish(end: 'ended' | { error: unknown }): void {
    this.#end = end
    this.onEnd()
    this.#arrived.open()
  }
}
