import type { Engine } from '../engine/engine.js'
import { STREAM_HEADER_BYTES } from '../wire/layout.js'
import { RECORD_LIMIT_1 } from '../wire/stream.js'

/** How a carrier sends: it calls back, never within the call, when it has taken the bytes. */
export type PacedWrite = (bytes: Uint8Array, callback: (error?: unknown) => void) => void

/*
 * Version 1's pace, for the sake of the published program ("The published program"): bytes that it reads together with its peer's stream
 * header are lost, and so is what it reads together with a shorter record before it.
 *
 *     client                                server
 *     hello ───────────────────────────────▶
 *           ◀─────────────────────────────── challenge
 *     response, header (one write) ────────▶
 *           ◀─────────────────────────────── header            (at once)
 *       the server reads the client's header                     the client reads the server's
 *       now: SETTLE_MS
 *     record ──────────────────────────────▶                   from here on the server sends records too
 *       LONG_GAP_MS behind a short record; GAP_MS if the peer has sent since, and so is awake
 *     record, record, … ───────────────────▶                   none behind a full one
 *
 * Whoever hears nothing of the other end's waits HOLD_MS behind its own header, and twice the handshake's round trip: a link that
 * delivers in lumps delivers at least one in that time.
 */

/** Sends what the engine has, one message, header or record a write, one after the other, and when it is time. */
export class PacedSender {
  /** Called when all has gone out. */
  onDrain: () => void
  #write: PacedWrite
  #engine: Engine
  #state: 'idle' | 'writing' | 'waiting' | 'stopped' = 'idle'
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the last message of the handshake went out, and before when no record does: as of `performance.now()`. */
  #messageAt = 0
  #notBefore = 0
  /** When the last record went out, if it was a short one. */
  #shortAt: number | undefined
  #headerSent = false
  #peerIsReady = false

  constructor(write: PacedWrite, engine: Engine, onDrain: () => void) {
    this.#write = write
    this.#engine = engine
    this.onDrain = onDrain
  }

  /** Sends what the engine has. False: not all of it has gone out, and `onDrain` is called when it has. */
  send(): boolean {
    if (this.#state === 'idle') this.#next()
    return this.#state === 'idle'
  }

  /** Whether bytes are on their way, or wait for their time. */
  get busy(): boolean {
    return this.#state === 'writing' || this.#state === 'waiting'
  }

  /** Bytes have come: for a client that has sent its header, they are the server's. */
  received(): void {
    if (this.#engine.role === 'client' && this.#headerSent) this.#onPeerReady(SETTLE_MS)
  }

  /** A record of the peer's has come: it has read this end's header, and is awake. */
  opened(): void {
    this.#onPeerReady(0)
    if (this.#shortAt !== undefined) this.#wait(Math.min(this.#notBefore, this.#shortAt + GAP_MS))
  }

  stop(): void {
    this.#state = 'stopped'
    clearTimeout(this.#timer)
  }

  #onPeerReady(settle: number): void {
    if (this.#peerIsReady) return
    this.#peerIsReady = true
    // A peer that speaks first may not have read the header yet.
    this.#wait(Math.max(performance.now() + settle, this.#messageAt + GAP_MS))
  }

  /** The next record goes out then, whatever it had to wait for. */
  #wait(until: number): void {
    if (this.#notBefore === until) return
    this.#notBefore = until
    if (this.#state !== 'waiting') return
    clearTimeout(this.#timer)
    this.#next()
  }

  #next = (): void => {
    if (this.#state === 'stopped') return
    if (this.#engine.sendWindow().length === 0) return this.#rest()
    const wait = this.#headerSent ? this.#notBefore - performance.now() : 0
    if (wait > 0) {
      this.#state = 'waiting'
      // A timer may fire early by a millisecond, or by as much as its process was busy: then this is asked once more.
      this.#timer = setTimeout(this.#next, Math.ceil(wait))
      return
    }
    this.#state = 'writing'
    const isRecord = this.#headerSent
    const unit = isRecord ? this.#engine.take() : this.#takeMessage()
    this.#write(unit, error => {
      if (error) return this.stop()
      if (isRecord) this.#leaveGap(unit.length)
      this.#next()
    })
  }

  #leaveGap(length: number): void {
    this.#shortAt = length < RECORD_LIMIT_1 ? performance.now() : undefined
    if (this.#shortAt !== undefined) this.#notBefore = this.#shortAt + LONG_GAP_MS
  }

  #rest(): void {
    if (this.#state === 'idle') return
    this.#state = 'idle'
    this.onDrain()
  }

  /** A message of the handshake, or the stream header; a client's goes with its response, so that it never leaves without it. */
  #takeMessage(): Uint8Array {
    const now = performance.now()
    const message = this.#engine.take()
    const header = this.#engine.role === 'client' && this.#engine.connected ? this.#engine.take() : undefined
    this.#headerSent = header !== undefined || message.length === STREAM_HEADER_BYTES
    if (this.#headerSent) this.#notBefore = now + Math.min(HOLD_MS + 2 * (now - this.#messageAt), MOST_HOLD_MS)
    this.#messageAt = now
    return header ? joined(message, header) : message
  }
}

/** Sends what the engine has, then calls back, and nothing is sent any more. It calls back never, where the carrier fails. */
export function finish(sender: PacedSender, done: () => void): void {
  const last = () => {
    sender.stop()
    done()
  }
  sender.onDrain = last
  if (sender.send()) last()
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

const HOLD_MS = 50
const MOST_HOLD_MS = 1000
const SETTLE_MS = 5
const GAP_MS = 3
const LONG_GAP_MS = 8
