import type net from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureSocket } from '../../node/index.js'
import { ChannelError } from '../../node/index.js'

/** How a connection ended. All but `closed` were cut short, and both ends were told so. */
export interface Ending {
  how: 'closed' | 'channel' | 'plain' | 'backend' | 'refused' | 'limit' | 'lifetime' | 'authorization' | 'shutdown'
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
  #ending: Ending | undefined

  /** Both of them with allowHalfOpen. */
  constructor(channel: SecureSocket, plain: net.Socket) {
    this.#channel = channel
    this.#plain = plain
    channel.on('error', error => this.#fail({ how: 'channel', detail: reasonOf(error) }))
    plain.on('error', error => this.#fail({ how: 'plain', detail: reasonOf(error) }, PLAIN_FAILED))
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
    this.#passEnd(from, to, then => unlessReset(from, then))
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
        process.nextTick(uncork)
      }
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => from.resume())
    this.#passEnd(from, to, then => then())
  }

  #passEnd(from: Duplex, to: Duplex, ifSo: (then: () => void) => void): void {
    const pass = () => ifSo(() => void (this.#ending || to.end()))
    // It may have ended before it was joined.
    if (from.readableEnded) pass()
    else from.on('end', pass)
  }

  #fail(ending: Ending, alert?: { code: number; text: string }): void {
    if (this.#ending) return
    this.#ending = ending
    if (alert) tell(this.#channel, alert.code, alert.text)
    else this.#channel.destroy()
    resetBehind(this.#plain)
  }
}

/** Ends a channel with an alert, behind what was written, where that is still possible; its peer has a short while to take it. */
export function tell(channel: SecureSocket, code: number, text: string): void {
  if (channel.destroyed || channel.writableEnded) return void channel.destroy()
  const timer = setTimeout(() => channel.destroy(), LAST_WORDS_MS)
  channel.once('close', () => clearTimeout(timer))
  channel.on('error', () => {})
  channel.alert(code, text).catch(() => {})
}

/** A reset, which no reader takes for an end; a Unix socket has no such thing, and closes. */
export function reset(plain: net.Socket): void {
  if (plain.destroyed) return
  try {
    plain.resetAndDestroy()
  } catch {
    plain.destroy()
  }
}

/** A short reason, for logs. */
export function reasonOf(error: Error): string {
  if (error instanceof ChannelError) return `${error.code}: ${error.reason}`
  return (error as NodeJS.ErrnoException).code ?? error.message
}

/** Resets when what was written before has been handed to the system, or has had its time. */
function resetBehind(plain: net.Socket): void {
  if (plain.destroyed || plain.writableLength === 0 || plain.writableEnded) return reset(plain)
  const timer = setTimeout(() => reset(plain), LAST_WORDS_MS)
  plain.once('close', () => clearTimeout(timer))
  plain.write('', () => reset(plain))
}

/**
 * Goes on if the end that a plain socket gave is one. Where data and a reset wait together, libuv gives the data and an end; the reset
 * is found by the next write, which needs no bytes to fail.
 */
function unlessReset(plain: net.Socket, then: () => void): void {
  if (!plain.writable) then()
  else if (plain.writableLength === 0) plain.write('', error => void (error || then()))
  // What is being written fails in this turn of the event loop, or is no sign of a reset: it may wait for long.
  else setImmediate(() => setImmediate(then))
}

function closed(stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    if (stream.closed) resolve()
    else stream.once('close', () => resolve())
  })
}

const PLAIN_FAILED = { code: 1, text: 'the connection behind this channel was reset' }
const LAST_WORDS_MS = 5000
