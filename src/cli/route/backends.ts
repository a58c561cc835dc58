import type net from 'node:net'
import { connectPlain } from '../channels/backend.js'
import { type Place, placeText } from '../frame/place.js'
import { awaitAnswer, fallsShort, probe } from './ask.js'

/** A server that connections are routed to, as all routes to it share it. */
export interface Backend {
  readonly place: Place
  /** As it is written. */
  readonly name: string
  /** Connections to it, those being opened included. */
  active: number
  /**
   * - `up`: nothing is known against it
   * - `doubted`: it gave a client no answer, and is being asked why
   * - `down`: it cannot be reached, or gives no answer to the router either; it is probed until it does
   */
  state: 'up' | 'doubted' | 'down'
}

export interface BackendEvents {
  onDown(backend: Backend, reason: string): void
  onUp(backend: Backend): void
}

/** What a client has said, and a backend is to hear. */
export interface Request {
  version: 1 | 2
  /** The public key of the server, 32 bytes. */
  wanted: Uint8Array
  /** The hello, and what came with it. */
  received: Uint8Array
}

/** All backends by name, with what is known of their health. Outlives the tables that name them. */
export class Backends {
  #known = new Map<string, Backend>()
  #probes = new Map<Backend, NodeJS.Timeout>()
  #middleboxKey: Uint8Array
  #timeout: number
  #events: BackendEvents

  /**
   * @param middleboxKey the router's public key
   * @param timeout for connecting, and again for the answer, in ms
   */
  constructor(middleboxKey: Uint8Array, timeout: number, events: BackendEvents) {
    this.#middleboxKey = middleboxKey
    this.#timeout = timeout
    this.#events = events
  }

  /** Forgets those that no route names any more. Their connections go on, and one that is named again later starts afresh. */
  retain(places: Iterable<Place>): void {
    const names = new Set(Array.from(places, placeText))
    for (const [name, backend] of this.#known) {
      if (names.has(name)) continue
      this.#stopProbing(backend)
      this.#known.delete(name)
    }
  }

  /**
   * A connection to the backend that has the fewest, among those that are up: it was told what the client has said, and has begun to
   * answer, which is unread. One that cannot be reached, or gives no answer, has the next one tried. Those that are down are tried
   * last, for they may be back. Undefined if none answers, or the signal is aborted.
   */
  async connect(
    places: readonly Place[],
    request: Request,
    signal: AbortSignal,
  ): Promise<{ backend: Backend; socket: net.Socket } | undefined> {
    const deadline = performance.now() + 2 * this.#timeout
    // By lot among equals: many routers with one table would else all begin with the same one.
    const left = shuffled(new Set(places.map(place => this.#find(place))))
    while (left.length > 0 && !signal.aborted) {
      const backend = left.sort(byPreference).shift() as Backend
      const time = deadline - performance.now()
      if (time <= 0) return undefined
      // The last one may use up the time: nobody else would.
      const socket = await this.#attempt(backend, request, left.length === 0 ? time : this.#timeout, signal)
      if (socket) return { backend, socket }
    }
    return undefined
  }

  /** A connection to this backend is over. If it gave less than a challenge, the backend is asked why. */
  ended(backend: Backend, request: Request, socket: net.Socket): void {
    if (fallsShort(request.version, socket.bytesRead)) this.#doubt(backend, request.wanted)
    else this.#found(backend)
  }

  /** Which are down, by name. */
  get down(): string[] {
    return [...this.#known.values()].filter(it => it.state === 'down').map(it => it.name)
  }

  close(): void {
    for (const backend of this.#probes.keys()) this.#stopProbing(backend)
  }

  #find(place: Place): Backend {
    const name = placeText(place)
    const known = this.#known.get(name) ?? { place, name, active: 0, state: 'up' }
    this.#known.set(name, known)
    return known
  }

  /** @param time for all, in ms; connecting has no more than its own */
  async #attempt(
    backend: Backend,
    request: Request,
    time: number,
    signal: AbortSignal,
  ): Promise<net.Socket | undefined> {
    backend.active += 1
    const end = performance.now() + time
    let socket: net.Socket
    try {
      const timeout = Math.min(time, this.#timeout)
      socket = await connectPlain(backend.place, { timeout, retry: 0, signal })
    } catch (error) {
      backend.active -= 1
      if (!signal.aborted) this.#lost(backend, request.wanted, (error as Error).message)
      return undefined
    }
    socket.once('close', () => {
      backend.active -= 1
    })
    // Those that come meanwhile go elsewhere.
    const slow = setTimeout(() => this.#doubt(backend, request.wanted), this.#timeout / 3)
    const failure = await awaitAnswer(socket, request.received, end - performance.now(), signal)
    clearTimeout(slow)
    if (failure === undefined) return socket
    this.#doubt(backend, request.wanted)
    return undefined
  }

  #found(backend: Backend): void {
    this.#stopProbing(backend)
    const { state } = backend
    backend.state = 'up'
    if (state === 'down') this.#events.onUp(backend)
  }

  /** The client's hello may be to blame: anybody can send one that no server answers. So the router sends its own. */
  #doubt(backend: Backend, wanted: Uint8Array): void {
    if (backend.state !== 'up' || this.#known.get(backend.name) !== backend) return
    backend.state = 'doubted'
    this.#probe(backend, wanted, 0)
  }

  #lost(backend: Backend, wanted: Uint8Array, reason: string): void {
    if (this.#known.get(backend.name) !== backend) return
    if (!this.#probes.has(backend)) this.#probe(backend, wanted, PROBE_FIRST_MS)
    if (backend.state === 'down') return
    backend.state = 'down'
    this.#events.onDown(backend, reason)
  }

  /** Asks a backend, ever more seldom, until it answers. */
  #probe(backend: Backend, wanted: Uint8Array, wait: number): void {
    const timer = setTimeout(async () => {
      const failure = await probe(backend.place, wanted, this.#middleboxKey, this.#timeout)
      if (this.#probes.get(backend) !== timer) return
      if (failure === undefined) return this.#found(backend)
      const next = Math.min(Math.max(2 * wait, PROBE_FIRST_MS), PROBE_LAST_MS)
      this.#probe(backend, wanted, next)
      this.#lost(backend, wanted, `${backend.name} gives no answer: ${failure}`)
    }, wait).unref()
    this.#probes.set(backend, timer)
  }

  #stopProbing(backend: Backend): void {
    clearTimeout(this.#probes.get(backend))
    this.#probes.delete(backend)
  }
}

function byPreference(a: Backend, b: Backend): number {
  return STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.active - b.active
}

/** In an order drawn by lot (Fisher and Yates). */
function shuffled<T>(items: Iterable<T>): T[] {
  const all = [...items]
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[all[at], all[other]] = [all[other] as T, all[at] as T]
  }
  return all
}

const STATES = ['up', 'doubted', 'down']
const PROBE_FIRST_MS = 250
const PROBE_LAST_MS = 5000
