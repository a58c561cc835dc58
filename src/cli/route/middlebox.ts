import net from 'node:net'
import type { Hello, Router } from '../../engine/index.js'
import { encodePublicKey } from '../../node/index.js'
import { REJECT_BACKEND_UNREACHABLE, REJECT_NO_ROUTE } from '../../wire/stream.js'
import type { Backends } from './backends.js'
import { reset, type SpliceEnd, splice } from './splice.js'
import type { Table } from './table.js'

export interface MiddleboxOptions {
  router: Router
  backends: Backends
  /** The table as it stands now. */
  table(): Table
  /** From connecting to a whole hello, in ms. */
  handshakeTimeout: number
  /** Connections whose hello has not come whole, or was not for this middlebox. */
  maxPending: number
  maxConnections: number
  maxPerAddress: number
  /** A connection that was routed, or refused, has closed. */
  onClosed(route: Route): void
}

/** What can be told of a connection. */
export interface Route {
  /** The server that was wanted. */
  key: string
  version: 1 | 2
  address: string | undefined
  /** Undefined where it was refused. */
  backend: string | undefined
  end: SpliceEnd | 'no route' | 'backend unreachable'
  /** Bytes that came from the client and from the backend. */
  received: number
  sent: number
  milliseconds: number
}

/**
 * Accepts connections, reads their hellos, and joins them to the servers that these name. A connection whose hello is not for this
 * middlebox, or is none, gets no answer, and is closed when the time for a hello is over: so is one that never says anything, and
 * nobody who does not know the middlebox's key can tell these apart.
 */
export class Middlebox {
  readonly server: net.Server
  /** How many connections were closed without an answer, or because of a limit. */
  readonly dropped = { silent: 0, limit: 0 }
  #options: MiddleboxOptions
  #open = new Set<net.Socket>()
  /** Connections that have not said whom they want, the oldest first. */
  #pending = new Map<net.Socket, NodeJS.Timeout>()
  /** Those of them that will not be answered. */
  #ignored = new Set<net.Socket>()
  #perAddress = new Map<string, number>()

  constructor(options: MiddleboxOptions) {
    this.#options = options
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, socket => this.#accept(socket))
  }

  /** How many connections are being routed, refused or waited for. */
  get connections(): number {
    return this.#open.size
  }

  /** Takes nothing new; resolves when the last connection has closed. */
  async drain(): Promise<void> {
    for (const socket of this.#pending.keys()) socket.destroy()
    await new Promise<void>(resolve => this.server.close(() => resolve()))
  }

  /** Resets what is still open. */
  stop(): void {
    for (const socket of this.#open) reset(socket)
  }

  #accept(socket: net.Socket): void {
    // Whatever happens to it shows in its 'close'.
    socket.on('error', () => {})
    if (!this.#admit(socket)) {
      this.dropped.limit += 1
      socket.destroy()
      return
    }
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    const timer = setTimeout(() => this.#giveUp(socket), this.#options.handshakeTimeout)
    this.#pending.set(socket, timer)
    let received: Buffer = NOTHING
    const onData = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const hello = this.#read(received)
      if (hello === undefined) return
      socket.off('data', onData)
      if (hello === 'ignored') return this.#ignore(socket)
      socket.pause()
      this.#settle(socket)
      void this.#route(socket, received, hello)
    }
    socket.on('data', onData)
  }

  /** Undefined: more bytes are needed. */
  #read(received: Buffer): Hello | 'ignored' | undefined {
    try {
      return this.#options.router.open(received)
    } catch {
      return 'ignored'
    }
  }

  async #route(socket: net.Socket, received: Buffer, hello: Hello): Promise<void> {
    const started = performance.now()
    const { table, backends, onClosed } = this.#options
    const key = encodePublicKey(hello.wanted)
    const { remoteAddress: address } = socket
    const gone = new AbortController()
    socket.once('close', () => gone.abort())
    const places = table().get(key)
    const found = places && (await backends.connect(places, gone.signal))
    let end: Route['end']
    if (found) {
      found.socket.on('error', () => {})
      found.socket.setKeepAlive(true, KEEP_ALIVE_MS)
      found.socket.write(received)
      end = await splice(socket, found.socket)
    } else {
      end = places ? 'backend unreachable' : 'no route'
      await this.#refuse(socket, received, hello, places ? REJECT_BACKEND_UNREACHABLE : REJECT_NO_ROUTE)
    }
    onClosed({
      key,
      version: hello.version,
      address,
      backend: found?.backend.name,
      end,
      received: socket.bytesRead,
      sent: socket.bytesWritten,
      milliseconds: Math.round(performance.now() - started),
    })
  }

  /** "Reject": sealed in version 2; version 1 knows no other than closing. */
  #refuse(socket: net.Socket, received: Buffer, hello: Hello, code: number): Promise<void> {
    return new Promise(resolve => {
      if (socket.destroyed) return resolve()
      // Closing at once could take the answer back, where bytes of the client are unread.
      const timer = setTimeout(() => socket.destroy(), LINGER_MS)
      socket.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.end(this.#options.router.reject(received, hello, code))
      socket.resume()
    })
  }

  /** Whether there is room for one connection more; then it is counted. */
  #admit(socket: net.Socket): boolean {
    const { maxConnections, maxPending, maxPerAddress } = this.#options
    const address = socket.remoteAddress
    const ofAddress = address === undefined ? 0 : (this.#perAddress.get(address) ?? 0)
    if (this.#open.size >= maxConnections || ofAddress >= maxPerAddress) return false
    if (this.#pending.size >= maxPending) {
      // Those that are not waited for make room; an honest client's does not.
      const [oldest] = this.#ignored
      if (!oldest) return false
      this.#settle(oldest)
      oldest.destroy()
    }
    this.#open.add(socket)
    if (address !== undefined) this.#perAddress.set(address, ofAddress + 1)
    socket.once('close', () => {
      this.#settle(socket)
      this.#open.delete(socket)
      if (address !== undefined) this.#leave(address)
    })
    return true
  }

  #leave(address: string): void {
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left > 0) this.#perAddress.set(address, left)
    else this.#perAddress.delete(address)
  }

  #ignore(socket: net.Socket): void {
    this.#ignored.add(socket)
    socket.resume()
  }

  #giveUp(socket: net.Socket): void {
    this.dropped.silent += 1
    socket.destroy()
  }

  /** It is known what becomes of the connection. */
  #settle(socket: net.Socket): void {
    clearTimeout(this.#pending.get(socket))
    this.#pending.delete(socket)
    this.#ignored.delete(socket)
  }
}

const NOTHING = Buffer.alloc(0)
const KEEP_ALIVE_MS = 60_000
const LINGER_MS = 5000
