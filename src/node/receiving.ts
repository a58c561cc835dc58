import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { costOf } from '../channel/credit.js'
import type { Engine } from '../engine/engine.js'
import type { SocketCredit } from './credit.js'
import { IncomingMessages } from './messages.js'
import { Pieces } from './pieces.js'

/** The peer's direction of a socket: what was opened, on its way to who reads the socket. */
export class Receiving {
  /** How many bytes of the application have come. */
  bytes = 0
  /** Undefined as long as the peer has not begun with it. */
  credit: SocketCredit | undefined
  #stream: Duplex
  #resume: () => void
  /** What ends of messages have counted for. */
  #messageEnds = 0
  /** Both are made when there is something for them: many sockets are idle. */
  #messages: IncomingMessages | undefined
  /** What has come in this turn, and was not given to the stream yet. */
  #pieces: Pieces | undefined

  /** @param resume lets the peer's bytes come on */
  constructor(stream: Duplex, resume: () => void) {
    this.#stream = stream
    this.#resume = resume
  }

  get messages(): IncomingMessages {
    this.#messages ??= new IncomingMessages(this.#resume)
    return this.#messages
  }

  /** How many of the application's bytes it has read. */
  get read(): number {
    return this.bytes - this.#stream.readableLength - (this.#pieces?.length ?? 0)
  }

  /** What has come, as credit counts it. */
  get opened(): number {
    return this.bytes + this.#messageEnds
  }

  /** Takes the engine's data window. False: the stream's buffer is full, or nothing more will come. */
  take(engine: Engine, endOfMessage: boolean): boolean {
    const { length } = engine.dataWindow()
    const cost = costOf(length, endOfMessage)
    this.credit?.opened(cost)
    this.#messageEnds += cost - length
    this.bytes += length
    const hasRoom = !endOfMessage || this.messages.add(this.bytes, this.read - length)
    const goesOn = hasRoom || this.credit?.readsAhead === true
    if (length === 0) {
      this.onRead()
      return goesOn
    }
    this.#pieces ??= new Pieces()
    const wantsMore = this.#pieces.hasRoomFor(length) || this.givePieces()
    if (!this.#pieces.hasRoomFor(length)) {
      return this.#push(engine.readData(Buffer.allocUnsafeSlow)) && wantsMore && goesOn
    }
    this.#pieces.add(engine)
    return wantsMore && goesOn
  }

  /** Gives the stream what has come in this turn. False: it has enough. */
  givePieces(): boolean {
    const pieces = this.#pieces?.take()
    return !pieces || this.#push(pieces)
  }

  /**
   * Gives the stream data, or its end. What a listener throws is a bug of the application's, and not caught, as in net. The channel has
   * not failed, and goes on.
   */
  give(data: Uint8Array | null): boolean {
    try {
      return this.#stream.push(data)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
      setImmediate(() => this.#stream.destroyed || this.#stream.read(0))
      return false
    }
  }

  /** A push of nothing: the stream calls `_read` again when its buffer has room. */
  askAgain(): void {
    this.#stream.push(NOTHING)
  }

  /** The application has read, or may have. */
  onRead(): void {
    this.credit?.taken(this.read + this.#messageEnds)
  }

  /** In memory of its own. */
  #push(data: Uint8Array): boolean {
    const wantsMore = this.give(data)
    this.onRead()
    return wantsMore || (!this.#stream.destroyed && this.credit?.readsAhead === true)
  }
}

const NOTHING = new Uint8Array()
