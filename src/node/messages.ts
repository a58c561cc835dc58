import type { Duplex } from 'node:stream'
import { endedWithinMessage, messageTooLong } from '../channel/failures.js'
import { MessageEnds } from '../channel/message-ends.js'
import { checkInteger } from '../engine/snapshot.js'
import { ChannelError } from '../errors.js'

/** Where messages end in what a socket has received, for who reads them whole. */
export class IncomingMessages {
  #ends = new MessageEnds()
  #wake: (() => void) | undefined
  #resume: () => void

  /** @param resume lets the socket receive on, when there is room again */
  constructor(resume: () => void) {
    this.#resume = resume
  }

  /**
   * @param position in the bytes of the application
   * @param read how far the bytes were read: of those who read no messages, what lies before it is forgotten
   * @returns false: as many wait as there is room for. Empty ones take none in the stream’s buffer, and would never slow the peer down
   */
  add(position: number, read: number): boolean {
    if (!this.#wake) {
      this.#forget(read)
      if (this.#ends.count >= MOST_UNREAD) this.#ends.drop()
    }
    this.#ends.add(position)
    this.#wake?.()
    return !this.#wake || this.#ends.count < MOST_UNREAD
  }

  /** Somebody reads messages from here on: the one whose last byte was read as a byte is over. */
  begin(read: number, wake: () => void): void {
    this.#forget(read)
    if (read > 0 && this.next === read) this.#ends.drop()
    this.#wake = wake
  }

  over(): void {
    this.#wake = undefined
  }

  get next(): number | undefined {
    return this.#ends.first
  }

  /** The next one was taken. */
  drop(): void {
    this.#ends.drop()
    if (this.#ends.count === MOST_UNREAD / 2) this.#resume()
  }

  #forget(read: number): void {
    while ((this.next ?? read) < read) this.#ends.drop()
  }
}

/** The messages that come in at a socket, whole. @param read of the socket’s bytes, how many were read */
export async function* readMessages(
  socket: Duplex,
  ends: IncomingMessages,
  read: () => number,
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  checkInteger('limit', limit, 0, Number.MAX_SAFE_INTEGER)
  const parts: Uint8Array[] = []
  let length = 0
  const news = listenTo(socket)
  ends.begin(read(), news.tell)
  try {
    for (;;) {
      const left = ends.next === undefined ? Number.POSITIVE_INFINITY : ends.next - read()
      if (length + Math.min(left, socket.readableLength) > limit) throw messageTooLong(limit)
      if (left === 0) {
        ends.drop()
        yield Buffer.concat(parts.splice(0), length)
        length = 0
        continue
      }
      const most = Math.min(left, socket.readableLength)
      const part = most > 0 ? (socket.read(most) as Buffer | null) : null
      if (part) {
        parts.push(part)
        length += part.length
      } else if (news.error) throw news.error
      else if (socket.readableEnded) {
        if (length > 0) throw endedWithinMessage('write()')
        return
      } else if (socket.destroyed) throw socket.errored ?? new ChannelError('USE_CLOSED', 'the socket was destroyed')
      else {
        // It looks for more, and for the end.
        socket.read(0)
        await news.next()
      }
    }
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    ends.over()
    news.stop()
    // Leaving the loop before the end gives the channel up.
    if (!socket.readableEnded) socket.destroy()
  }
}

interface News {
  /** What the socket has failed with. */
  readonly error: Error | undefined
  /** Resolves when something has changed since it was last asked for. */
  next(): Promise<void>
  tell(): void
  stop(): void
}

function listenTo(socket: Duplex): News {
  let error: Error | undefined
  let fresh = false
  let wake: (() => void) | undefined
  const tell = () => {
    fresh = true
    wake?.()
  }
  const fail = (it: Error) => {
    error = it
    tell()
  }
  for (const event of EVENTS) socket.on(event, tell)
  socket.on('error', fail)
  return {
    tell,
    get error() {
      return error
    },
    async next() {
      if (!fresh) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      fresh = false
      wake = undefined
    },
    stop() {
      for (const event of EVENTS) socket.off(event, tell)
      // Destroyed, it may yet say why: who has left the loop does not ask.
      socket.off('error', fail)
      socket.on('error', ignore)
    },
  }
}

function ignore(): void {}

const MOST_UNREAD = 65_536

const EVENTS = ['readable', 'end', 'close'] as const
