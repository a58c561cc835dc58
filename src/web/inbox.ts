import { discard } from '../core/discard.js'
import { ChannelError } from '../errors.js'
import { Gate } from './gate.js'

interface Entry {
  data: Uint8Array<ArrayBuffer>
  endOfMessage: boolean
}

/** Opened bytes that wait to be read, with the messages' ends, and what is behind them: an end or an error. */
export class Inbox {
  /** Bytes that wait. */
  size = 0
  /** Called when an end or an error has come; what waits may lie before it. */
  onEnd: () => void = () => {}
  #entries: Entry[] = []
  /** So many bytes of the first entry were read. */
  #at = 0
  #end: 'open' | 'ended' | { error: unknown } = 'open'
  #arrived = new Gate()
  #onTaken: (bytes: number, endOfMessage: boolean) => void
  #partial: Uint8Array[] = []
  #partialSize = 0

  /** `onTaken` is told what the application has read, as it does. */
  constructor(onTaken: (bytes: number, endOfMessage: boolean) => void) {
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

  push(data: Uint8Array<ArrayBuffer>, endOfMessage: boolean): void {
    if (data.length === 0 && !endOfMessage) return
    const last = this.#entries.at(-1)
    this.size += data.length
    // Small ones share a buffer, so that what they take is what they count for.
    if (last && !last.endOfMessage && this.#entries.length > 1 && last.data.length + data.length <= SHARED_BYTES) {
      const both = new Uint8Array(last.data.length + data.length)
      both.set(last.data)
      both.set(data, last.data.length)
      last.data = both
      last.endOfMessage = endOfMessage
    } else {
      this.#entries.push({ data, endOfMessage })
    }
    this.#arrived.open()
  }

  end(): void {
    if (this.ended) return
    this.#end = 'ended'
    this.onEnd()
    this.#arrived.open()
  }

  /** What came before the error is read first, unless it is to be thrown away. */
  fail(error: unknown, discard = false): void {
    if (discard) this.clear()
    if (this.ended) return
    this.#end = { error }
    this.onEnd()
    this.#arrived.open()
  }

  clear(): void {
    while (this.#entries.length > 0) this.#take()
  }

  /** Whether bytes of the stream wait; a message's end is skipped by who reads the stream. */
  hasBytes(): boolean {
    while (this.#entries[0]?.data.length === 0) this.#take()
    return this.#entries.length > 0
  }

  /** The next bytes, once `hasBytes`. */
  takeBytes(): Uint8Array<ArrayBuffer> {
    return this.#take().data
  }

  /** Fills a view as far as there are bytes, and returns how many. */
  takeInto(view: Uint8Array): number {
    let filled = 0
    while (filled < view.length && this.hasBytes()) {
      const { data } = this.#entries[0] as Entry
      const part = data.subarray(this.#at, this.#at + view.length - filled)
      view.set(part, filled)
      filled += part.length
      if (this.#at + part.length === data.length) {
        this.#take()
        discard(data)
      } else {
        this.#at += part.length
        this.#left(part.length, false)
      }
    }
    return filled
  }

  /** The next message, if it has come whole. @throws ChannelError PEER_TOO_LONG where it is longer than `limit` */
  takeMessage(limit: number): Uint8Array | undefined {
    while (this.#entries.length > 0) {
      const { data, endOfMessage } = this.#take()
      this.#partial.push(data)
      this.#partialSize += data.length
      if (this.#partialSize > limit) {
        throw new ChannelError('PEER_TOO_LONG', `the peer sent a message of more than ${limit} bytes`, {
          next: 'raise the limit of `messages(limit)`',
        })
      }
      if (endOfMessage) return this.#joinPartial()
    }
    if (this.#end === 'ended' && this.#partialSize > 0) {
      throw new ChannelError('PEER_MALFORMED', 'the peer’s direction ended within a message', {
        next: 'messages are sent by `send()`, not by `writable`',
      })
    }
    return undefined
  }

  #joinPartial(): Uint8Array {
    const parts = this.#partial.splice(0)
    const size = this.#partialSize
    this.#partialSize = 0
    if (parts.length === 1) return parts[0] as Uint8Array
    const whole = new Uint8Array(size)
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  #take(): Entry {
    const { data, endOfMessage } = this.#entries.shift() as Entry
    const left = { data: data.subarray(this.#at), endOfMessage }
    this.#at = 0
    this.#left(left.data.length, endOfMessage)
    return left
  }

  #left(bytes: number, endOfMessage: boolean): void {
    this.size -= bytes
    this.#onTaken(bytes, endOfMessage)
  }
}

const SHARED_BYTES = 4096
