import type { Control, Engine } from '../engine/engine.js'
import { ChannelError } from '../errors.js'
import { CREDIT_BYTES, CREDIT_HEEDS, CREDIT_LIMIT } from '../wire/layout.js'
import {
  CONTROL_CREDIT,
  CONTROL_DATA_END,
  CREDIT_FIRST,
  CREDIT_MESSAGE_END,
  CREDIT_NONE,
  CREDIT_WINDOW,
} from '../wire/stream.js'

/**
 * Both sides of "Credit" at one end of a channel: how much it may send, and how much it takes. Bytes are counted from the start of
 * their direction. No I/O: `seal` says when a credit record is to be sent.
 *
 *     the peer   this end may send              it becomes
 *     unknown    CREDIT_FIRST, if this end      `speaks` by its first credit record; `silent` by any other record, or after 2 s
 *                offers credit; else all        without one
 *     silent     all                            `speaks` by its first credit record
 *     speaks     up to the limit it granted     all, by its final record
 */
export class Credit {
  #engine: Engine
  /** Whether this end begins: it does where what carries the channel cannot push back. */
  #offers: boolean
  /** What is known of the peer. */
  #peer: 'unknown' | 'silent' | 'speaks' = 'unknown'
  #due = false
  // Sending
  #limit = 0
  #sent = 0
  #freed = false
  // Receiving
  #window = CREDIT_FIRST
  #granted = CREDIT_FIRST
  #opened = 0
  #taken = 0
  /** Where the peer began to keep to the limit. */
  #heededAt: number | undefined
  #dataEnded = false

  constructor(engine: Engine, offers: boolean) {
    this.#engine = engine
    this.#offers = offers
  }

  /** The stream is open. */
  begin(): void {
    if (this.#engine.version === 1) this.#peer = 'silent'
    else this.#due = this.#offers
  }

  /** Whether all that comes is to be taken at once, for credit may come behind it: what the peer may send is bounded then. */
  get readsAhead(): boolean {
    return this.#peer === 'speaks' && !this.#engine.writeEnded
  }

  /** Whether the peer's data has ended. */
  get dataEnded(): boolean {
    return this.#dataEnded
  }

  /** Whether the peer may yet say so. */
  get open(): boolean {
    return this.#peer === 'speaks' || (this.#offers && this.#peer === 'unknown')
  }

  /** Whether this end waits to hear whether the peer knows credit. */
  get waits(): boolean {
    return this.#offers && this.#peer === 'unknown'
  }

  /** How many bytes may be sent now. */
  get room(): number {
    if (this.#freed) return Number.POSITIVE_INFINITY
    if (this.#peer === 'speaks') return Math.max(0, this.#limit - this.#sent)
    return this.waits ? Math.max(0, CREDIT_FIRST - this.#sent) : Number.POSITIVE_INFINITY
  }

  sent(bytes: number): void {
    this.#sent += bytes
  }

  /** The final record has come: the peer cannot grant any more. */
  ended(): void {
    this.#freed = true
    this.#dataEnded = true
  }

  /** The peer's first record was another, or none came for too long: it seems not to know credit. */
  assumeNoCredit(): void {
    if (this.#peer === 'unknown') this.#peer = 'silent'
  }

  /** A control record of the peer: what it means here. @throws ChannelError PEER_MALFORMED */
  received({ code, payload }: Control): 'credit' | 'end of data' | 'nothing' {
    if (code === CONTROL_CREDIT) {
      this.#grantedBy(payload)
      return 'credit'
    }
    // A peer that has not said that it knows credit means something else.
    if (code !== CONTROL_DATA_END || this.#peer !== 'speaks') return 'nothing'
    if (payload.length > 0) throw new ChannelError('PEER_MALFORMED', 'the peer sent an end of data with a payload')
    this.#dataEnded = true
    return 'end of data'
  }

  #grantedBy({ buffer, byteOffset, byteLength }: Uint8Array): void {
    if (byteLength !== CREDIT_BYTES) throw malformed(`of ${byteLength} bytes`)
    const view = new DataView(buffer, byteOffset)
    // More than a number holds exactly is as good as no limit.
    const limit = Math.min(Number(view.getBigUint64(CREDIT_LIMIT, true)), Number.MAX_SAFE_INTEGER)
    if (limit < this.#limit) throw malformed('that takes back what was granted')
    if (this.#peer !== 'speaks') this.#due = true
    this.#peer = 'speaks'
    this.#limit = limit
    if (view.getBigUint64(CREDIT_HEEDS, true)) this.#heededAt ??= this.#opened
  }

  /** So many bytes were opened, and wait to be read. @throws ChannelError PEER_OVERRUN, PEER_AFTER_END */
  opened(bytes: number): void {
    if (bytes > 0 && this.#dataEnded) throw new ChannelError('PEER_AFTER_END')
    this.#opened += bytes
    const strict = this.#heededAt !== undefined && !this.#engine.writeEnded
    if (strict && this.#opened > Math.max(this.#heededAt ?? 0, this.#granted)) {
      throw new ChannelError(
        'PEER_OVERRUN',
        `the peer sent ${this.#opened - this.#granted} bytes more than were granted`,
      )
    }
    if (this.#opened - this.#taken > CREDIT_NONE) {
      throw new ChannelError('PEER_OVERRUN', `the peer has more than ${CREDIT_NONE} bytes unread here`)
    }
  }

  /** So many bytes were read. */
  taken(bytes: number): void {
    this.#taken += bytes
    if (this.#taken + this.#window - this.#granted >= this.#window / 4) this.#due = true
  }

  /** The application has the channel. */
  widen(): void {
    this.#window = CREDIT_WINDOW
    this.taken(0)
  }

  /** Seals a credit record, where one is due. @throws ChannelError USE_SEND_FULL where there is no room: it is still due then */
  seal(): void {
    if (!this.#due || !this.open || this.#engine.writeEnded) return
    this.#granted = Math.max(this.#granted, this.#taken + this.#window)
    const view = new DataView(new ArrayBuffer(CREDIT_BYTES))
    view.setBigUint64(CREDIT_LIMIT, BigInt(this.#granted), true)
    view.setBigUint64(CREDIT_HEEDS, BigInt(this.#limit), true)
    this.#engine.control(CONTROL_CREDIT, new Uint8Array(view.buffer))
    this.#due = false
  }
}

/** What so many bytes of a message, or of the stream, count for. */
export function costOf(bytes: number, endOfMessage: boolean): number {
  return endOfMessage ? bytes + CREDIT_MESSAGE_END : bytes
}

function malformed(what: string): ChannelError {
  return new ChannelError('PEER_MALFORMED', `the peer sent a credit record ${what}`)
}
