import net from 'node:net'
import { REFUSED_LINGER_MS } from '../../channel/options.js'
import type { Hello, Router } from '../../engine/index.js'
import { ChannelError, encodePublicKey } from '../../node/index.js'
import { Pending, pendingLimits } from '../../node/pending.js'
import { isProxyHeader } from '../../node/proxy-header.js'
import { reset } from '../../node/reset.js'
import { addressOf } from '../../tunnel/address.js'
import { guarded, guardListeners } from '../../tunnel/guard.js'
import { Counter, type Limits } from '../../tunnel/limits.js'
import { acceptsPipes } from '../../tunnel/plain.js'
import { refusedEntry } from '../../tunnel/tunnel.js'
import { REJECT_BACKEND_UNREACHABLE, REJECT_NO_ROUTE } from '../../wire/stream.js'
import type { ListenPlace } from '../frame/place.js'
import type { PendingOptions } from '../service/options.js'
import type { Service } from '../service/service.js'
import { Throttle } from '../service/throttle.js'
import type { Backends } from './backends.js'
import { Route } from './connection.js'
import type { Table } from './table.js'

export interface MiddleboxOptions extends PendingOptions {
  router: Router
  backends: Backends
  /** The table as it stands now. */
  table(): Table
  limits: Limits
  /** TCP's own, in ms; 0 is never. */
  keepAlive: number
  /** For one connection, in ms; 0 is for ever. */
  lifetime: number
}

interface Arrival {
  /** Whether it came over a Unix socket. */
  pipe: boolean
  /** When its time for the hello is over, by performance.now(). */
  until: number
}

/**
 * Accepts connections, reads their hellos, and joins them to the servers that these name. A connection whose hello is not for this
 * middlebox, or is none, gets no answer, and is closed when the time for a hello is over: so is one that never says anything, and
 * nobody who does not know the middlebox's key can tell these apart.
 */
export class Middlebox {
  readonly server: net.Server
  #service: Service
  #options: MiddleboxOptions
  #counter: Counter
  /** Connections whose hello has not come whole, or was not for this middlebox; and those that were refused. */
  #pending: Pending<net.Socket>
  #timers = new Map<net.Socket, NodeJS.Timeout | undefined>()
  /** What is to be called when it is known what becomes of one of them. */
  #awaited = new Map<net.Socket, () => void>()
  #throttle = new Throttle()

  constructor(service: Service, options: MiddleboxOptions) {
    const { keepAlive, limits } = options
    this.#service = service
    this.#options = options
    this.#counter = new Counter(limits)
    const { maxPendingHandshakes, maxPendingPerAddress } = options
    this.#pending = new Pending(pendingLimits(maxPendingHandshakes, maxPendingPerAddress), it => this.#giveWay(it))
    service.countPending({
      pending: () => this.#pending.size - this.#pending.refused,
      refused: () => this.#pending.refused,
    })
    this.server = net.createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: keepAlive > 0,
      keepAliveInitialDelay: keepAlive,
    })
    this.server.on('connection', socket => {
      const fail = (error: Error) => {
        service.fault(error)
        reset(socket)
      }
      guardListeners(socket, fail)
      guarded(() => this.#accept(socket), fail)
    })
    service.onClosing(() => this.#awaitPending())
    service.onHealth(() => this.#counter.trouble, true)
  }

  /** @returns where it listens */
  async open(place: ListenPlace): Promise<string> {
    return await this.#service.listen(this.server, place)
  }

  #accept(socket: net.Socket): void {
    // Whatever happens to it shows in its 'close'.
    socket.on('error', () => {})
    if (!this.#admit(socket)) return
    const { handshakeTimeout } = this.#options
    const until = handshakeTimeout > 0 ? performance.now() + handshakeTimeout : Number.POSITIVE_INFINITY
    const arrival = { pipe: acceptsPipes(this.server), until }
    let received: Buffer = NOTHING
    const onData = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const hello = this.#read(socket, received)
      if (hello === undefined) return
      socket.off('data', onData)
      // Nothing that it says will be answered; it stays until its time is over.
      if (hello === 'ignored') return void socket.resume()
      socket.pause()
      this.#settle(socket)
      this.#route(socket, arrival, received, hello)
    }
    socket.on('data', onData)
    // Who says no more has not said whom it wants, and never will.
    socket.once('end', () => this.#pending.has(socket) && socket.destroy())
  }

  /** Undefined: more bytes are needed. */
  #read(socket: net.Socket, received: Buffer): Hello | 'ignored' | undefined {
    try {
      return this.#options.router.open(received)
    } catch (error) {
      const stranger = strangerOf(received, error)
      this.#service.ignored(stranger)
      this.#throttle.say(`ignored ${addressOf(socket)}: ${STRANGERS[stranger]}`)
      return 'ignored'
    }
  }

  #route(socket: net.Socket, { pipe, until }: Arrival, received: Buffer, hello: Hello): void {
    const { table, backends, router, lifetime, keepAlive } = this.#options
    const places = table().get(encodePublicKey(hello.wanted))
    // One that will be refused takes no place of a connection.
    const limit = places && this.#counter.admit(socket)
    if (limit !== undefined) return this.#refuse(socket, limit)
    const request = { ...hello, received }
    const route = new Route({
      client: socket,
      pipe,
      hello,
      lifetime,
      connect: async signal => {
        const found = places && (await backends.connect(places, request, signal))
        if (!found) return undefined
        guardListeners(found.socket, error => {
          this.#service.fault(error)
          reset(found.socket)
        })
        if (keepAlive > 0) found.socket.setKeepAlive(true, keepAlive)
        return found
      },
      left: (backend, link) => backends.ended(backend, request, link),
      reject: () => router.reject(received, hello, places ? REJECT_BACKEND_UNREACHABLE : REJECT_NO_ROUTE),
      linger: () => this.#linger(socket, until),
      refusal: places ? 'backend unreachable' : 'no route',
      onEnd: entry => this.#service.record(entry),
    })
    this.#service.track(route)
  }

  /** Whether there is room for one connection more; then it is counted, and its time runs. */
  #admit(socket: net.Socket): boolean {
    const refusal = this.#counter.refusal(socket)
    if (refusal !== undefined) {
      this.#refuse(socket, refusal)
      return false
    }
    const { handshakeTimeout } = this.#options
    const timer = handshakeTimeout > 0 ? setTimeout(() => socket.destroy(), handshakeTimeout) : undefined
    this.#timers.set(socket, timer)
    socket.once('close', () => this.#settle(socket))
    this.#pending.add(socket, () => socket.remoteAddress)
    return !socket.destroyed
  }

  /** Clients that have just connected keep their time for a hello; then those that are joined are waited for like all others. */
  #awaitPending(): void {
    for (const socket of this.#pending.keys()) {
      const done = new Promise<void>(resolve => this.#awaited.set(socket, resolve))
      this.#service.hold({ end: () => socket.destroy(), done })
    }
  }

  #giveWay(socket: net.Socket): void {
    if (this.#timers.has(socket)) this.#refuse(socket, `${this.#options.maxPendingHandshakes} hellos are awaited`)
    else socket.destroy()
    this.#settle(socket)
  }

  /** One that was told that it is refused has a place for as long as it may stay: so many ms. */
  #linger(socket: net.Socket, until: number): number {
    this.#pending.add(socket, () => socket.remoteAddress, 'refused')
    return Math.max(0, Math.min(until - performance.now(), REFUSED_LINGER_MS))
  }

  #refuse(socket: net.Socket, detail: string): void {
    const address = addressOf(socket)
    socket.destroy()
    this.#throttle.say(`refused ${address}: ${detail}`)
    this.#service.record(refusedEntry({ how: 'limit', detail, address }))
  }

  /** It is known what becomes of the connection. */
  #settle(socket: net.Socket): void {
    clearTimeout(this.#timers.get(socket))
    this.#timers.delete(socket)
    this.#pending.delete(socket)
    this.#awaited.get(socket)?.()
    this.#awaited.delete(socket)
  }
}

function strangerOf(received: Buffer, error: unknown): Stranger {
  if (isProxyHeader(received)) return 'proxy-header'
  return error instanceof ChannelError && error.code === 'PEER_NOT_ADDRESSED' ? 'not-addressed' : 'no-hello'
}

type Stranger = keyof typeof STRANGERS

const NOTHING = Buffer.alloc(0)
/** Why a connection is ignored, for the metrics; and for the log. */
const STRANGERS = {
  'not-addressed': 'its hello is not for this router’s key, or was changed on its way',
  'no-hello': 'it does not begin with a hello',
  'proxy-header': 'it begins with a header of the PROXY protocol, which the load balancer must not send to a router',
}
