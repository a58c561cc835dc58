import { FLAG_MESSAGE_END, TYPE_DATA } from '../wire/stream.js'
import type { Core } from './core.js'
import { discard } from './discard.js'
import { HeldBytes, join } from './held.js'
import type { HostPrimitives } from './primitives.js'

/** Bytes to seal, as `Gather` has them. */
interface Source {
  readonly left: number
  cut(length: number): Uint8Array[]
}

/** One channel's records that the host seals and opens: what was sealed goes out ahead of what waits in linear memory. */
export class ChannelRecords {
  #core: Core
  #records: HostPrimitives
  #channel: number
  #held = new HeldBytes()
  /** What the host opened, and was not consumed. */
  #opened: Uint8Array | undefined

  constructor(core: Core, records: HostPrimitives, channel: number) {
    this.#core = core
    this.#records = records
    this.#channel = channel
  }

  /** The first piece of what was sealed. */
  get first(): Uint8Array | undefined {
    return this.#held.first
  }

  /** Drops so many bytes, no more than the first piece has. */
  drop(length: number): void {
    this.#held.drop(length)
  }

  /** All that was sealed, in pieces, which are the caller’s from here on. */
  take(): Uint8Array[] {
    return this.#held.take()
  }

  /** The pieces, which are gone then, and what comes behind them, as one. */
  join(pieces: Uint8Array[], rest: Uint8Array): Uint8Array {
    const joined = join([...pieces, rest])
    for (const piece of pieces) discard(piece)
    return joined
  }

  /**
   * Has the host seal a record of the next bytes, where they are, of at most `room`. Returns its length, or the core's status; 0 where
   * enough is held.
   */
  seal(source: Source, room: number, endOfMessage: boolean): number {
    const { exports } = this.#core
    if (this.#held.length >= HELD_ENOUGH) return 0
    // Its place is behind what waits in linear memory.
    const waiting = this.#core.copy(exports.sendPointer(this.#channel), exports.sendLength(this.#channel))
    if (waiting.length > 0) {
      exports.sent(this.#channel, waiting.length)
      this.#held.add([waiting])
    }
    const length = source.left > room ? this.#records.cipher.fit(room) : source.left
    const type = endOfMessage && length === source.left ? TYPE_DATA | FLAG_MESSAGE_END : TYPE_DATA
    let status = 0
    const parts = source.cut(length)
    const record = this.#records.sealing(parts.length > MOST_PARTS ? [join(parts)] : parts, () => {
      status = exports.sealFromHost(this.#channel, length, type)
    })
    if (status >= 0) this.#held.add(record)
    return status
  }

  /** Takes what the host has just opened, before another channel of the core has it open a record. */
  takeOpened(): void {
    this.#opened ??= this.#records.takeData()
  }

  /** The last `length` bytes of what was opened. */
  dataWindow(length: number): Uint8Array {
    const opened = this.#opened as Uint8Array
    return opened.subarray(opened.length - length)
  }

  /** Whether this is all that was opened, in memory of its own. */
  owns(window: Uint8Array): boolean {
    return this.#opened?.byteOffset === window.byteOffset && this.#opened.buffer === window.buffer
  }

  /** Lets go of what was opened. */
  consumed(): void {
    this.#opened = undefined
  }

  close(): void {
    this.#held.take()
    this.#opened = undefined
  }
}

// Each part is a call of the cipher. Of more than these, it takes less time to copy them together.
const MOST_PARTS = 8
// So much waits at most, and the record that reaches it.
const HELD_ENOUGH = 65_536
