import type net from 'node:net'
import type { Hello } from '../../engine/index.js'
import { encodePublicKey } from '../../node/index.js'
import { reset } from '../../node/reset.js'
import { addressOf } from '../../tunnel/address.js'
import { type Ending, reasonOf } from '../../tunnel/splice.js'
import type { AccessEntry } from '../service/access-log.js'
import type { Live } from '../service/service.js'
import type { Backend } from './backends.js'
import { relay } from './relay.js'

export interface RouteOptions {
  client: net.Socket
  /** Whether it came over a Unix socket. */
  pipe: boolean
  hello: Hello
  /** In ms; 0 is for ever. */
  lifetime: number
  /** A backend that has heard the hello and answers; undefined if there is no route, or none answers. */
  connect(signal: AbortSignal): Promise<{ backend: Backend; socket: net.Socket } | undefined>
  /** The connection to the backend is over. */
  left(backend: Backend, socket: net.Socket): void
  /** The answer then, and what the log calls it. */
  reject(): Uint8Array
  refusal: string
  /** How long the client may stay to read it, in ms. */
  linger(): number
  onEnd(entry: AccessEntry): void
}

/** One connection, from when its hello was read to when both sides have closed. */
export class Route implements Live {
  readonly done: Promise<void>
  #options: RouteOptions
  #gone = new AbortController()
  #ending: Ending | undefined

  constructor(options: RouteOptions) {
    this.#options = options
    options.client.once('close', () => this.#gone.abort())
    this.done = this.#run()
  }

  /** There is no way to tell the two ends, who would not believe a middlebox: both are reset. */
  end(ending: Ending): void {
    if (this.#options.client.destroyed) return
    this.#ending ??= ending
    reset(this.#options.client)
  }

  async #run(): Promise<void> {
    const { client, hello, lifetime, onEnd } = this.#options
    const [time, started] = [new Date().toISOString(), performance.now()]
    const address = addressOf(client)
    const timer = lifetime > 0 ? setTimeout(() => this.end({ how: 'lifetime' }), lifetime) : undefined
    const { backend, ended, detail } = await this.#join().catch(error => this.#failed(error))
    clearTimeout(timer)
    onEnd({
      time,
      peer: null,
      name: null,
      wanted: encodePublicKey(hello.wanted),
      backend,
      address,
      received: client.bytesRead,
      sent: client.bytesWritten,
      milliseconds: Math.round(performance.now() - started),
      ended: this.#ending?.how ?? ended,
      detail: this.#ending?.detail ?? detail,
    })
  }

  async #join(): Promise<{ backend: string | null; ended: string; detail: string | null }> {
    const { client, pipe, connect, left, refusal } = this.#options
    const found = await connect(this.#gone.signal)
    if (!found) {
      await this.#refuse()
      return { backend: null, ended: 'refused', detail: refusal }
    }
    const { socket, backend } = found
    const broken = await relay(client, socket, { client: pipe, backend: 'path' in backend.place })
    left(backend, socket)
    const detail = broken ? `the ${broken} broke off` : null
    return { backend: backend.name, ended: broken ?? 'closed', detail }
  }

  #failed(error: Error): { backend: null; ended: string; detail: string } {
    reset(this.#options.client)
    return { backend: null, ended: 'failed', detail: reasonOf(error) }
  }

  /** "Reject": sealed in version 2; version 1 knows no other than closing. */
  #refuse(): Promise<void> {
    const { client, reject, linger } = this.#options
    return new Promise(resolve => {
      if (client.destroyed) return resolve()
      // Closing at once could take the answer back, where bytes of the client are unread.
      client.end(reject())
      client.resume()
      const timer = setTimeout(() => client.destroy(), linger())
      client.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}
