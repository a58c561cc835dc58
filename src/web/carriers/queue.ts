import { CREDIT_NONE } from '../../wire/stream.js'
import { Chunks } from '../chunks.js'
import { Gate } from '../gate.js'
import { CarrierFault } from '../link.js'

/** What tells the sender to stop and to go on, where there is such a thing. */
export interface Brake {
  pause(): void
  resume(): void
}

/** The readable of what comes by events: it waits here until it is read. */
export class ByteQueue {
  readonly readable: ReadableStream<Uint8Array>
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #chunks = new Chunks()
  #arrived = new Gate()
  #ended = false
  #failure: { error: unknown } | undefined
  #onRead: (chunk: Uint8Array) => void
  #brake: Brake | undefined
  #braked = false

  constructor(onCancel: (reason: unknown) => void, onRead: (chunk: Uint8Array) => void, brake?: Brake) {
    this.#onRead = onRead
    this.#brake = brake
    this.readable = new ReadableStream(
      {
        start: controller => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: reason => {
          this.drop(reason)
          onCancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
  }

  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return
    this.#chunks.append(bytes as Uint8Array<ArrayBuffer>)
    this.#arrived.open()
    if (this.#chunks.size < BRAKE_BYTES) return
    if (this.#brake && !this.#braked) {
      this.#braked = true
      this.#brake.pause()
    } else if (!this.#brake && this.#chunks.size > CREDIT_NONE) {
      this.drop(new CarrierFault(`the peer has more than ${CREDIT_NONE} bytes unread here`, 'PEER_OVERRUN'))
    }
  }

  end(): void {
    this.#finish(undefined)
  }

  /** What has come before is read first. */
  fail(error: unknown): void {
    this.#finish({ error })
  }

  /** Throws away what has come, and what still comes. */
  drop(error: unknown): void {
    this.#chunks = new Chunks()
    this.#ease()
    this.#finish({ error })
  }

  #finish(failure: { error: unknown } | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    if (failure && this.#chunks.size === 0) this.#controller.error(failure.error)
    this.#arrived.open()
  }

  async #pull(): Promise<void> {
    if (this.#chunks.size === 0 && !this.#ended) await this.#arrived.wait()
    if (this.#chunks.size === 0) return this.#settle()
    const chunk = this.#chunks.shift()
    if (this.#chunks.size < BRAKE_BYTES) this.#ease()
    this.#onRead(chunk)
    this.#controller.enqueue(chunk)
  }

  #ease(): void {
    if (!this.#braked) return
    this.#braked = false
    this.#brake?.resume()
  }

  #settle(): void {
    if (this.#failure) this.#controller.error(this.#failure.error)
    else if (this.#ended) this.#controller.close()
  }
}

const BRAKE_BYTES = 262_144
