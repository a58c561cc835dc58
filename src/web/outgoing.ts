import { type Credit, costOf } from '../channel/credit.js'
import type { Engine } from '../engine/engine.js'
import { ChannelError } from '../errors.js'
import { CONTROL_DATA_END } from '../wire/stream.js'
import { bytesOf } from './bytes.js'
import { Gate } from './gate.js'
import type { Link } from './link.js'

/** The application’s direction: what it writes is sealed in its order, as far as the peer’s credit and the carrier’s room go. */
export class Outgoing {
  #engine: Engine
  #link: Link
  #credit: Credit
  #turn: Promise<unknown> = Promise.resolve()
  #granted = new Gate()
  #ended = false
  /** How many chunks the stream was given, and how many of them have come here: it hands on one at a time. */
  #given = 0
  #came = 0
  /** What goes behind chunks that have not come, in its order. */
  #behind: [given: number, go: () => void][] = []
  #onSilence: () => void
  #silence: ReturnType<typeof setTimeout> | undefined

  constructor(engine: Engine, link: Link, credit: Credit, onSilence: () => void) {
    this.#engine = engine
    this.#link = link
    this.#credit = credit
    this.#onSilence = onSilence
  }

  /** The application has ended this direction: nothing of it follows. */
  get ended(): boolean {
    return this.#ended
  }

  /** The stream was given a chunk: messages, alerts and ends that come later go behind it. */
  given(): void {
    this.#given++
  }

  /** The stream’s next chunk. @throws ChannelError USE_CLOSED behind an end */
  async next(chunk: unknown): Promise<void> {
    try {
      const written = this.#write(bytesOf(chunk), false, 0)
      this.#hasCome(this.#came + 1)
      await written
    } catch (error) {
      this.noMore()
      throw error
    }
  }

  /** Nothing more comes of the stream, whatever it was given. */
  noMore(): void {
    this.#hasCome(Number.POSITIVE_INFINITY)
  }

  /** @throws ChannelError USE_CLOSED behind an end */
  send(message: Uint8Array): Promise<void> {
    return this.#write(message, true)
  }

  /** Seals all of the bytes, and resolves when the carrier is ready for more. */
  #write(data: Uint8Array, endOfMessage: boolean, given?: number): Promise<void> {
    return this.#inTurn(async () => {
      this.#checkOpen()
      if (data.length === 0 && !endOfMessage) return
      await this.#writeAll(data, endOfMessage)
      // Small writes that come while the carrier is busy go out together.
      if (this.#engine.sendWindow().length >= TOGETHER_BYTES) await this.#link.flush()
      else this.#link.flush().catch(() => {})
    }, given)
  }

  /**
   * Ends this direction. As long as the peer still sends, and may have to be granted more, that is said by a control record, and the
   * final one has to follow by `finish` ("Credit").
   *
   * @param given as of `#inTurn`
   */
  end(given?: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ended) return
      this.#ended = true
      if (this.#credit.open && !this.#credit.dataEnded) {
        await this.#seal(() => {
          // Without an answer to its credit, the peer would take the next record for one that it does not know.
          this.#credit.seal()
          this.#engine.control(CONTROL_DATA_END)
        })
        this.#watchSilence()
      } else {
        await this.#seal(() => this.#engine.end())
      }
      await this.#link.flush()
    }, given)
  }

  /** The final record, where `end` left it to later. */
  finish(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#engine.writeEnded) return
      await this.#seal(() => this.#engine.end())
      await this.#link.flush()
    }, 0)
  }

  /** Ends this direction with an alert, behind what was written. */
  alert(code: number, text: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#checkOpen()
      this.#ended = true
      await this.#seal(() => this.#engine.alert(code, text))
    })
  }

  /** The peer’s credit has changed. */
  granted(): void {
    if (!this.#credit.waits) clearTimeout(this.#silence)
    this.#granted.open()
  }

  fail(error: unknown): void {
    clearTimeout(this.#silence)
    this.#granted.fail(error)
    this.noMore()
  }

  async #writeAll(data: Uint8Array, endOfMessage: boolean): Promise<void> {
    const end = costOf(0, endOfMessage)
    for (let at = 0; ; ) {
      const left = data.length - at
      const room = await this.#room(left > 0 ? 1 : end)
      const last = left + end <= room
      const part = data.subarray(at, at + Math.min(left, room))
      await this.#sealAll(part, endOfMessage && last)
      at += part.length
      if (last || (at === data.length && !endOfMessage)) return
    }
  }

  async #sealAll(part: Uint8Array, endOfMessage: boolean): Promise<void> {
    this.#credit.sent(costOf(part.length, endOfMessage))
    let at = 0
    for (;;) {
      await this.#seal(() => {
        at += this.#engine.write(part, at, endOfMessage)
      })
      if (at === part.length) return
      await this.#link.flush()
    }
  }

  /** Seals, when there is room in the send window. */
  async #seal(seal: () => void): Promise<void> {
    for (;;) {
      this.#granted.check()
      try {
        return seal()
      } catch (error) {
        if (!(error instanceof ChannelError && error.code === 'USE_SEND_FULL')) throw error
      }
      await this.#link.flush()
    }
  }

  /** Waits until the peer takes so many bytes, and says how many it takes. */
  async #room(least: number): Promise<number> {
    while (this.#credit.room < least) {
      this.#link.flush().catch(() => {})
      this.#watchSilence()
      await this.#granted.wait()
    }
    return this.#credit.room
  }

  /** A peer that says nothing at all does not know credit. */
  #watchSilence(): void {
    if (this.#credit.waits) this.#silence ??= setTimeout(this.#onSilence, SILENCE_MS)
  }

  /** @param given how many of the stream’s chunks go first: by default all that it was given */
  #inTurn<T>(act: () => Promise<T>, given = this.#given): Promise<T> {
    if (this.#came >= given) return this.#enter(act)
    return new Promise((resolve, reject) => {
      this.#behind.push([given, () => this.#enter(act).then(resolve, reject)])
    })
  }

  /** What has waited for it enters at once: a microtask later, it could be behind what was asked for after it. */
  #hasCome(chunks: number): void {
    this.#came = chunks
    for (let first = this.#behind[0]; first && first[0] <= chunks; first = this.#behind[0]) {
      this.#behind.shift()
      first[1]()
    }
  }

  #enter<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      this.#granted.check()
      return act()
    })
    this.#turn = turn.catch(() => {})
    return turn.catch(error => {
      this.#granted.check()
      throw error
    })
  }

  #checkOpen(): void {
    if (this.#ended) throw new ChannelError('USE_CLOSED', 'this direction of the channel has ended')
  }
}

const TOGETHER_BYTES = 16_384
const SILENCE_MS = 2000
