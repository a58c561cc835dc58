import type net from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureSocket } from '../node/index.js'
import { ChannelError } from '../node/index.js'
import { FAILED, guarded, guardListeners } from './guard.js'
import { resetBehind, whenEnded } from './plain.js'

/** How a connection ended. All but `closed` were cut short, and both ends were told so. */
export interface Ending {
  how:
    | 'closed'
    | 'channel'
    | 'plain'
    | 'backend'
    | 'refused'
    | 'limit'
    | 'lifetime'
    | 'authorization'
    | 'shutdown'
    | 'failed'
  detail?: string
}

/**
 * Joins a channel and a plain socket until both have closed. An end of one direction is passed on as such, and the other goes on; what
 * is no end (a reset, a truncation, an alert) is never passed on as one: the channel’s peer gets an alert, the plain side a reset.
 */
export class Splice {
  /** Resolves when both are closed. Never rejects. */
  readonly done: Promise<Ending>
  /** What came over the channel, and what was sent over it, in bytes. */
  received = 0
  sent = 0
  #channel: SecureSocket
  #plain: net.Socket
  #pipe: boolean
  #ending: Ending | undefined

  /** @param pipe whether `plain` is a Unix socket. Both have allowHalfOpen */
  constructor(channel: SecureSocket, plain: net.Socket, pipe: boolean) {
    this.#channel = channel
    this.#plain = plain
    this.#pipe = pipe
    channel.on('error', error => this.#fail({ how: 'channel', detail: reasonOf(error) }))
    plain.on('error', error => this.#fail({ how: 'plain', detail: reasonOf(error) }, PLAIN_FAILED))
    for (const it of [channel, plain]) guardListeners(it, error => this.#failed(error))
    this.#pumpOut()
    this.#pumpIn()
    this.done = Promise.all([closed(channel), closed(plain)]).then(() => this.#ending ?? { how: 'closed' })
  }

  /** Ends both before their time; the peer gets an alert with this code and text. */
  end(ending: Ending, alert: number, text: string): void {
    this.#fail(ending, { code: alert, text })
  }

  /** Plain to channel. */
  #pumpOut(): void {
    const [from, to] = [this.#plain, this.#channel]
    from.on('data', chunk => {
      if (this.#ending) return
      this.sent += chunk.length
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    whenEnded(from, this.#pipe, () =>
      guarded(
        () => this.#passEnd(to),
        error => this.#failed(error),
      ),
    )
  }

  /** Channel to plain: the records of one turn in one write. */
  #pumpIn(): void {
    const [from, to] = [this.#channel, this.#plain]
    let corked = false
    const uncork = () => {
      corked = false
      to.uncork()
    }
    from.on('data', chunk => {
      if (this.#ending) return
      this.received += chunk.length
      if (!corked) {
        corked = true
        to.cork()
        process.nextTick(() => guarded(uncork, error => this.#failed(error)))
      }
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    // It may have ended before it was joined.
    if (from.readableEnded) this.#passEnd(to)
    else from.on('end', () => this.#passEnd(to))
  }

  #passEnd(to: Duplex): void {
    if (!this.#ending) to.end()
  }

  #failed(error: Error): void {
    this.end({ how: 'failed', detail: reasonOf(error) }, 1, FAILED)
  }

  #fail(ending: Ending, alert?: { code: number; text: string }): void {
    if (this.#ending) return
    this.#ending = ending
    if (!alert) this.#channel.destroy()
    else if (ending.how === 'plain' && this.#channel.writableEnded) awaitEnd(this.#channel)
    else tell(this.#channel, alert.code, alert.text)
    resetBehind(this.#plain)
  }
}

/** Ends a channel with an alert, behind what was written, where that is still possible; its peer has a short while to take it. */
export function tell(channel: SecureSocket, code: number, text: string): void {
  if (channel.destroyed || channel.writableEnded) return void channel.destroy()
  destroyLate(channel)
  channel.alert(code, text).catch(() => {})
}

/** Behind an end nothing more can be said: but what was written before it still goes out, while what comes is thrown away. */
function awaitEnd(channel: SecureSocket): void {
  destroyLate(channel)
  channel.resume()
}

function destroyLate(channel: SecureSocket): void {
  const timer = setTimeout(() => channel.destroy(), LAST_WORDS_MS)
  channel.once('close', () => clearTimeout(timer))
  channel.on('error', () => {})
}

/** A short reason, for logs. */
export function reasonOf(error: Error): string {
  if (error instanceof ChannelError) return `${error.code}: ${error.reason}`
  return (error as NodeJS.ErrnoException).code ?? error.message
}

function closed(stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    if (stream.closed) resolve()
    else stream.once('close', () => resolve())
  })
}

const PLAIN_FAILED = { code: 1, text: 'the connection behind this channel was reset' }
const LAST_WORDS_MS = 5000
