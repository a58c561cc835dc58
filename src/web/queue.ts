import { ChannelError } from '../errors.js'
import { CREDIT_NONE } from '../wire/stream.js'

/** What tells the sender to stop and to go on, where there is such a thing. */
export interface Brake {
  pause(): void
  resume(): void
}

/** The readable of what comes by events: it waits here until it is read. */
export class ByteQueue {
  readonly readable: ReadableStream<Uint8Array>
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #chunks: Uint8Array[] = []
  #size = 0
  #asked: (() => void) | undefined
  #ended = false
  #brake: Brake | undefined
  #braked = false

  constructor(onCancel: (reason: unknown) => void, brake?: Brake) {
    this.#brake = brake
    this.readable = new ReadableStream(
      {
        start: controller => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: onCancel,
      },
      { highWaterMark: 0 },
    )
  }

  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#size += bytes.length
    this.#asked?.()
    if (this.#size < BRAKE_BYTES) return
    if (this.#brake && !this.#braked) {
      this.#braked = true
      this.#brake.pause()
    } else if (!this.#brake && this.#size > CREDIT_NONE) {
      this.fail(new ChannelError('PEER_OVERRUN', `the peer has more than ${CREDIT_NONE} bytes unread here`))
    }
  }

  end(): void {
    this.#ended = true
    this.#asked?.()
  }

  /** What waits is lost. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#chunks = []
    this.#controller.error(error)
    this.#asked?.()
  }

  async #pull(): Promise<void> {
    if (this.#chunks.length === 0 && !this.#ended) {
      await new Promise<void>(resolve => {
        this.#asked = resolve
      })
      this.#asked = undefined
    }
    const chunk = this.#chunks.shift()
    if (!chunk) return this.#ended ? close(this.#controller) : undefined
    this.#size -= chunk.length
    if (this.#braked && this.#size < BRAKE_BYTES) {
      this.#braked = false
      this.#brake?.resume()
    }
    this.#controller.enqueue(chunk)
  }
}

/** It may have been cancelled, or have failed. */
function close(controller: ReadableStreamDefaultController): void {
  try {
    controller.close()
  } catch {}
}

const BRAKE_BYTES = 262_144
