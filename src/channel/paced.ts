import type { Engine } from '../engine/engine.js'
import { STREAM_HEADER_BYTES } from '../wire/layout.js'

/** How a carrier sends: `write` calls back when it has taken the bytes, `soon` when what else waits has had its turn. */
export interface PacedCarrier {
  write(bytes: Uint8Array, callback: (error?: unknown) => void): void
  soon(callback: () => void): void
}

/**
 * Version 1’s way of sending, for the sake of the published program, which loses bytes that share a read with what is before them
 * ("The published program"): one message, header or record a write, one after the other, with a pause before and behind the stream
 * header.
 */
export class PacedSender {
  #carrier: PacedCarrier
  #engine: Engine
  #onDrain: () => void
  #busy = false
  #stopped = false
  #held: ReturnType<typeof setTimeout> | undefined
  #headerSent = false

  constructor(carrier: PacedCarrier, engine: Engine, onDrain: () => void) {
    this.#carrier = carrier
    this.#engine = engine
    this.#onDrain = onDrain
  }

  /** Sends what the engine has. False: not all of it has gone out, and `onDrain` is called when it has. */
  send(): boolean {
    if (!this.#busy) this.#next()
    return !this.#busy
  }

  /** A server does not speak before the client’s first record has come, or a short while has passed. */
  hold(): void {
    this.#held = setTimeout(() => this.release(), HOLD_MS)
  }

  /** The client’s first record has come. */
  release(): void {
    if (!this.#held) return
    clearTimeout(this.#held)
    this.#held = undefined
    if (this.#busy) this.#next()
  }

  /** Sends what the engine has, and holds nothing back any more; calls back behind it, unless the carrier fails. */
  finish(done: () => void): void {
    const resting = !this.#busy || this.#held !== undefined
    clearTimeout(this.#held)
    this.#held = undefined
    this.#onDrain = done
    this.#busy = true
    if (resting) this.#next()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#held)
    this.#held = undefined
  }

  /** Sends the next unit; `#busy` while there is one, sent or held back. */
  #next = (): void => {
    if (this.#stopped) return
    const wasBusy = this.#busy
    this.#busy = this.#engine.sendWindow().length > 0
    if (!this.#busy) {
      if (wasBusy) this.#onDrain()
      return
    }
    if (this.#held) return
    const unit = this.#engine.take()
    // The client's response, and the header itself.
    const pause = this.#engine.connected && !this.#headerSent
    if (pause && unit.length === STREAM_HEADER_BYTES) this.#headerSent = true
    this.#carrier.write(unit, error => {
      if (error) this.stop()
      else if (pause) setTimeout(this.#next, HEADER_PAUSE_MS)
      else this.#carrier.soon(this.#next)
    })
  }
}

const HOLD_MS = 50
const HEADER_PAUSE_MS = 10
