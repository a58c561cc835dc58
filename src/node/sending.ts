import { cutShort } from '../channel/failures.js'
import { ChannelError } from '../errors.js'
import type { SocketCredit } from './credit.js'
import type { Link } from './link.js'
import { type Outgoing, partsOf } from './outgoing.js'

/** The most that a socket's stream gathers by itself, in bytes. */
export const HIGH_WATER_MARK = 64 * 1024

export type Callback = (error?: Error | null) => void

/** A write that is under way. */
interface Write {
  /** What is not sealed yet. */
  parts: Outgoing[]
  large: boolean
  callback: Callback
}

/** A socket's own direction: what was written is sealed as the transport takes it, and as the peer grants it. */
export class Sending {
  /** How many bytes of the application were sealed. */
  bytes = 0
  /** Undefined as long as the peer has not begun with it. */
  credit: SocketCredit | undefined
  /** Undefined until what is written goes out. */
  #link: Link | undefined
  #onceOpen: (() => void) | undefined
  /** Of the write, or the end, that waits: for the start, the transport, or credit. */
  #waiting: Callback | undefined
  #rekeyDue = false
  /** Whether the last bytes of a large write may wait in the engine, to go with what is written in this turn. */
  #mayWait = false
  /** What ends of messages have counted for. */
  #messageEnds = 0
  /** Made when there are messages: most sockets have none, and many are idle. */
  #messages: WeakSet<Uint8Array> | undefined
  #fail: (error: Error) => void

  /** @param fail is told if bytes are lost whose write has been called back */
  constructor(fail: (error: Error) => void) {
    this.#fail = fail
  }

  /** What was written goes out from here on. */
  open(link: Link): void {
    this.#link = link
    const go = this.#onceOpen
    this.#onceOpen = undefined
    go?.()
  }

  /** What was sealed, as credit counts it. */
  get sealed(): number {
    return this.bytes + this.#messageEnds
  }

  /** Whether a write, or the end, waits. */
  get waits(): boolean {
    return this.#waiting !== undefined
  }

  /** Who waits is told. It is made only if somebody does. */
  fail(reason: () => Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(reason())
  }

  /** This chunk, when it is written, is a message. */
  markMessage(chunk: Uint8Array): void {
    this.#messages ??= new WeakSet()
    this.#messages.add(chunk)
  }

  /** Has what waits for more go out, if something does. */
  sealRest(): void {
    const link = this.#link
    if (!link || !this.#mayWait) return
    this.#mayWait = false
    try {
      link.engine.sealWaiting()
      link.flush()
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  /** Turns the key over now; if there is no room for it, ahead of what is written next. */
  rekey(): void {
    this.#rekeyDue = true
    if (!this.#link) return
    this.#sealRekey(this.#link)
    this.#link.flush()
  }

  /**
   * Seals all of the chunks, in as few records as hold them, waiting for the transport and for credit. Of a large write, the last bytes
   * wait for the rest of this turn, and go in one record with what is written meanwhile.
   *
   * @param mayWait whether they may: if no callback and no 'drain' can come before this turn is over
   */
  write(chunks: Uint8Array[], callback: Callback, mayWait: boolean): void {
    const link = this.#link
    if (!link) return this.whenOpen(callback, () => this.write(chunks, callback, false))
    const parts = partsOf(chunks, this.#messages)
    const large = parts.reduce((total, { source }) => total + source.left, 0) >= HIGH_WATER_MARK
    this.#go(link, { parts, large, callback }, large && mayWait)
  }

  #go(link: Link, write: Write, mayWait: boolean): void {
    let waitsFor: 'nothing' | 'credit' | 'transport'
    try {
      waitsFor = this.#sealParts(link, write.parts, mayWait)
    } catch (error) {
      return write.callback(error as Error)
    }
    if (waitsFor === 'nothing') return this.#done(write)
    const goOn = (error?: Error | null) => (error ? write.callback(error) : this.#go(link, write, false))
    if (waitsFor === 'credit') this.#whenGranted(goOn)
    else this.#whenWritable(link, goOn)
  }

  #done({ large, callback }: Write): void {
    // For every one: the stream calls back several writes at once, in place of the first.
    if (large) process.nextTick(sealRestOf, this)
    callback()
  }

  /** Goes on when what is written goes out. @param callback is told if it never does */
  whenOpen(callback: Callback, go: () => void): void {
    this.#waiting = callback
    this.#onceOpen = () => {
      this.#waiting = undefined
      go()
    }
  }

  /** Calls back when the transport has taken what was sealed. */
  flushed(link: Link, callback: Callback): void {
    if (link.flush()) callback()
    else this.#whenWritable(link, callback)
  }

  /** @param mayWait whether what does not fill a record waits for the rest of this turn */
  #sealParts(link: Link, parts: Outgoing[], mayWait: boolean): 'nothing' | 'credit' | 'transport' {
    if (this.#rekeyDue) this.#sealRekey(link)
    for (let part = parts[0]; part; part = parts[0]) {
      const waitsFor = this.#sealFrom(link, part, mayWait)
      if (part.source.left === 0 && part.end === 0) parts.shift()
      if (waitsFor !== 'nothing') return waitsFor
    }
    return 'nothing'
  }

  #sealFrom(link: Link, part: Outgoing, mayWait: boolean): 'nothing' | 'credit' | 'transport' {
    const { source } = part
    const { engine } = link
    while (source.left > 0 || part.end > 0) {
      const room = this.credit?.room ?? Number.POSITIVE_INFINITY
      if (room < (source.left > 0 ? 1 : part.end)) return 'credit'
      // A message ends with its last byte, if credit lets it.
      const ends = part.end > 0 && source.left + part.end <= room
      const more = mayWait && part.end === 0 && source.left <= room
      if (more) this.#mayWait = true
      let written = 0
      if (source.left > 0) written = engine.writeFrom(source, ends, Math.min(source.left, room), more)
      else {
        link.makeRoom()
        engine.write(NOTHING, 0, true)
      }
      const end = ends && source.left === 0 ? part.end : 0
      this.bytes += written
      this.#messageEnds += end
      this.credit?.sent(written + end)
      part.end -= end
      if (!link.flush()) return 'transport'
    }
    return 'nothing'
  }

  #sealRekey({ engine }: Link): void {
    try {
      engine.rekey()
      this.#rekeyDue = false
    } catch (error) {
      // If the engine has failed, who reads finds out.
      this.#rekeyDue = error instanceof ChannelError && error.code === 'USE_SEND_FULL'
    }
  }

  #whenWritable(link: Link, callback: Callback): void {
    if (link.transport.destroyed) return callback(cutShort(link.transportError))
    this.#waiting = callback
    link.whenWritable(() => {
      this.#waiting = undefined
      callback()
    })
  }

  #whenGranted(callback: Callback): void {
    this.#waiting = callback
    this.credit?.whenGranted(() => {
      if (this.#waiting !== callback) return
      this.#waiting = undefined
      callback()
    })
  }
}

/** Ahead of the turn's callbacks: when they are called, all that was written is on its way. */
function sealRestOf(sending: Sending): void {
  sending.sealRest()
}

const NOTHING = new Uint8Array()
