import { discard, inBrowser } from '../../channel/discard.js'
import { withResolvers } from '../../channel/resolvers.js'
import { ChannelError, printable } from '../../errors.js'
import { viewOf } from '../../keys/given.js'
import { type ByteStreams, CarrierFault } from '../link.js'
import { notAccepted } from '../load/load.js'
import { NEXT, type Opening } from '../secure.js'
import { type Brake, ByteQueue } from './queue.js'

/** What is used of a WebSocket: the browser’s, Deno’s, Workers’, Bun’s and that of the package `ws` have it. */
export interface WebSocketLike {
  readonly readyState: number
  readonly bufferedAmount?: number
  binaryType?: string
  send(data: Uint8Array<ArrayBuffer>): unknown
  close(code?: number, reason?: string): void
  // biome-ignore lint/suspicious/noExplicitAny: each runtime has event types of its own
  addEventListener(type: any, listener: (event: any) => void): void
  /** Workers: it does not start before. */
  accept?(): void
  /** `ws`: what comes can be held up. */
  pause?(): void
  resume?(): void
}

/** A WebSocket as a pair of byte streams. Its messages’ limits mean nothing. */
export class SocketCarrier implements Opening {
  readonly streams: ByteStreams
  #socket: WebSocketLike
  #queue: ByteQueue
  #opened = withResolvers<void>()
  #closed = withResolvers<void>()
  #error: unknown
  #left = false

  constructor(socket: WebSocketLike) {
    let last: Uint8Array = new Uint8Array()
    this.#socket = socket
    this.#queue = new ByteQueue(
      reason => this.drop(reason),
      // With a read, the one before it is done with (`Link.read`).
      chunk => {
        discard(last)
        last = chunk
      },
      typeof socket.pause === 'function' && typeof socket.resume === 'function' ? (socket as Brake) : undefined,
    )
    const writable = new WritableStream<Uint8Array>({
      write: chunk => this.#send(chunk as Uint8Array<ArrayBuffer>),
      close: () => this.#close(),
      abort: reason => this.drop(reason),
    })
    this.streams = { readable: this.#queue.readable, writable, pushesBack: false }
    this.#opened.promise.catch(() => {})
    if (socket.binaryType === undefined || socket.binaryType === 'blob') socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => this.#opened.resolve())
    socket.addEventListener('message', event => this.#onMessage(event.data))
    socket.addEventListener('error', event => this.#onError(event))
    socket.addEventListener('close', event => this.#onClose(event))
    accept(socket)
    if (socket.readyState === OPEN) this.#opened.resolve()
    else if (socket.readyState > OPEN) this.#onClose({})
  }

  /** Resolves when the WebSocket is open. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  drop(reason: unknown): void {
    this.#opened.reject(reason)
    this.#queue.drop(reason)
    this.#leave(CLOSE_FAILED)
  }

  #onMessage(data: unknown): void {
    const bytes = viewOf(data)
    if (bytes) return this.#queue.push(bytes)
    this.drop(new CarrierFault(`the peer sent ${typeof data === 'string' ? 'text' : 'no bytes'} over the WebSocket`))
  }

  #onError({ error, message }: { error?: unknown; message?: string }): void {
    this.#error ??= error ?? new Error(message || 'the WebSocket failed')
    // Node 22's says no more than that of one that does not open: it never closes.
    if (this.#socket.readyState === CONNECTING) this.#onClose({})
  }

  #onClose({ code = 1006, reason = '' }: { code?: number; reason?: string }): void {
    const said = `the WebSocket closed with code ${code}${reason && ` (${printable(reason)})`}`
    const closed = (when = '') => new ChannelError('LINK_CLOSED', said + when, { next: NEXT, cause: this.#error })
    this.#opened.reject(closed(' before it was open'))
    if (code === CLOSE_NORMAL || code === CLOSE_WITHOUT_CODE) this.#queue.end()
    else this.#queue.fail(this.#error ?? closed())
    this.#closed.resolve()
    // Workers’ close only when told to.
    this.#leave(CLOSE_NORMAL)
  }

  /** A WebSocket takes all that it is given: this waits until it has sent most of it. */
  async #send(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#socket.readyState !== OPEN) throw this.#error ?? new Error('the WebSocket is closed')
    this.#socket.send(chunk)
    // Others may not have copied it yet.
    if (inBrowser()) discard(chunk)
    for (let pause = 1; (this.#socket.bufferedAmount ?? 0) > BUFFERED_BYTES; pause = Math.min(2 * pause, 16)) {
      await new Promise(resolve => setTimeout(resolve, pause))
      if (this.#socket.readyState !== OPEN) return
    }
  }

  /** What was sent goes out first. */
  async #close(): Promise<void> {
    this.#leave(CLOSE_NORMAL)
    const late = setTimeout(this.#closed.resolve, CLOSE_MS)
    await this.#closed.promise
    clearTimeout(late)
  }

  #leave(code: number): void {
    if (this.#left) return
    this.#left = true
    try {
      this.#socket.close(code)
    } catch {}
  }
}

/**
 * A Workers WebSocket starts when it is accepted; one that was, or does so by itself, says that it cannot be.
 * @throws ChannelError USE_BAD_OPTION for one that hibernates: its messages go to the Durable Object
 */
function accept(socket: WebSocketLike): void {
  try {
    socket.accept?.()
  } catch (cause) {
    notAccepted(cause)
  }
}

const CONNECTING = 0
const OPEN = 1
const CLOSE_NORMAL = 1000
const CLOSE_WITHOUT_CODE = 1005
// Of those that applications may use.
const CLOSE_FAILED = 4000
const CLOSE_MS = 3000
const BUFFERED_BYTES = 262_144
