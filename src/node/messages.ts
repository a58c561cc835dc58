import type { Duplex } from 'node:stream'
import { checkInteger } from '../engine/snapshot.js'
import { ChannelError } from '../errors.js'

/** Where messages end in what a socket has received, for who reads them whole. */
export class MessageEnds {
  /** Positions in the bytes of the application, ascending. */
  #ends: number[] = []
  #next = 0
  #wake: (() => void) | undefined

  /** @param read how far the bytes were read: of those who read no messages, what lies before it is forgotten */
  add(position: number, read: number): void {
    if (!this.#wake) {
      this.#forget(read)
      if (this.#ends.length - this.#next >= MOST_UNREAD) this.drop()
    }
    this.#ends.push(position)
    this.#wake?.()
  }

  /** Somebody reads messages from here on: the one whose last byte was read as a byte is over. */
  begin(read: number, wake: () => void): void {
    this.#forget(read)
    if (read > 0 && this.next === read) this.drop()
    this.#wake = wake
  }

  over(): void {
    this.#wake = undefined
  }

  #forget(read: number): void {
    while ((this.next ?? read) < read) this.drop()
  }

  get next(): number | undefined {
    return this.#ends[this.#next]
  }

  drop(): void {
    this.#next++
    // To take each out of a long list would move all that are behind it.
    if (this.#next < 1024 && this.#next < this.#ends.length) return
    this.#ends.splice(0, this.#next)
    this.#next = 0
  }
}

/** The messages that come in at a socket, whole. @param read of the socket’s bytes, how many were read */
export async function* readMessages(
  socket: Duplex,
  ends: MessageEnds,
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
      if (length + Math.min(left, socket.readableLength) > limit) throw tooLong(limit)
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
        if (length > 0) throw endedWithin()
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

// Empty messages lie at one place, however many there are.
const MOST_UNREAD = 65_536

function tooLong(limit: number): ChannelError {
  return new ChannelError('PEER_TOO_LONG', `the peer sent a message of more than ${limit} bytes`, {
    next: 'raise the limit of `messages(limit)`',
  })
}

function endedWithin(): ChannelError {
  return new ChannelError('PEER_MALFORMED', 'the peer’s direction ended within a message', {
    next: 'messages are sent by `send()`, not by `write()`',
  })
}

const EVENTS = ['readable', 'end', 'close'] as const
