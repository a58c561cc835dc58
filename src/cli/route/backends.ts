import type net from 'node:net'
import { type Place, placeText } from '../frame/place.js'
import { connectPlain } from '../tunnel/backend.js'

/** A server that connections are routed to, as all routes to it share it. */
export interface Backend {
  readonly place: Place
  /** As it is written. */
  readonly name: string
  /** Connections to it, those being opened included. */
  active: number
  /** The last attempt to connect has failed. It is probed until one succeeds. */
  down: boolean
  /** When it was last chosen: a count, not a time. */
  chosen: number
}

export interface BackendEvents {
  onDown(backend: Backend, reason: string): void
  onUp(backend: Backend): void
}

/** All backends by name, with what is known of their health. Outlives the tables that name them. */
export class Backends {
  #known = new Map<string, Backend>()
  #probes = new Map<Backend, NodeJS.Timeout>()
  #connectTimeout: number
  #events: BackendEvents
  #choices = 0

  /** @param connectTimeout for one attempt, in ms */
  constructor(connectTimeout: number, events: BackendEvents) {
    this.#connectTimeout = connectTimeout
    this.#events = events
  }

  /** Forgets those that no route names any more, and connections neither. */
  retain(places: Iterable<Place>): void {
    const names = new Set(Array.from(places, placeText))
    for (const [name, backend] of this.#known) {
      if (names.has(name)) continue
      this.#stopProbing(backend)
      if (backend.active === 0) this.#known.delete(name)
    }
  }

  /**
   * A connection to the one that has the fewest, among those that are up; where it cannot be reached, to the next. Those that are down
   * are tried last, for they may be back. Undefined where none can be reached, or the signal is aborted.
   */
  async connect(
    places: readonly Place[],
    signal: AbortSignal,
  ): Promise<{ backend: Backend; socket: net.Socket } | undefined> {
    const deadline = performance.now() + 2 * this.#connectTimeout
    const left = new Set(places.map(place => this.#find(place)))
    while (left.size > 0 && !signal.aborted) {
      const backend = [...left].sort(byPreference)[0] as Backend
      left.delete(backend)
      const time = Math.min(this.#connectTimeout, deadline - performance.now())
      if (time <= 0) return undefined
      const socket = await this.#attempt(backend, time, signal)
      if (socket) return { backend, socket }
    }
    return undefined
  }

  /** Which are down, by name. */
  get down(): string[] {
    return [...this.#known.values()].filter(it => it.down).map(it => it.name)
  }

  close(): void {
    for (const backend of this.#probes.keys()) this.#stopProbing(backend)
  }

  #find(place: Place): Backend {
    const name = placeText(place)
    const known = this.#known.get(name) ?? { place, name, active: 0, down: false, chosen: 0 }
    this.#known.set(name, known)
    return known
  }

  async #attempt(backend: Backend, time: number, signal: AbortSignal): Promise<net.Socket | undefined> {
    backend.active += 1
    backend.chosen = ++this.#choices
    try {
      const socket = await connectPlain(backend.place, { timeout: time, retry: 0, signal })
      socket.once('close', () => {
        backend.active -= 1
      })
      this.#found(backend)
      return socket
    } catch (error) {
      backend.active -= 1
      if (!signal.aborted) this.#lost(backend, (error as Error).message)
      return undefined
    }
  }

  #found(backend: Backend): void {
    this.#stopProbing(backend)
    if (!backend.down) return
    backend.down = false
    this.#events.onUp(backend)
  }

  #lost(backend: Backend, reason: string): void {
    if (!this.#probes.has(backend)) this.#probe(backend, PROBE_FIRST_MS)
    if (backend.down) return
    backend.down = true
    this.#events.onDown(backend, reason)
  }

  /** Asks a backend that is down, ever more seldom, whether it is back: a connection that is closed at once. */
  #probe(backend: Backend, wait: number): void {
    const timer = setTimeout(async () => {
      const socket = await this.#ask(backend)
      socket?.destroy()
      if (this.#probes.get(backend) !== timer) return
      if (socket) this.#found(backend)
      else this.#probe(backend, Math.min(2 * wait, PROBE_LAST_MS))
    }, wait).unref()
    this.#probes.set(backend, timer)
  }

  #ask({ place }: Backend): Promise<net.Socket | undefined> {
    const { signal } = new AbortController()
    return connectPlain(place, { timeout: this.#connectTimeout, retry: 0, signal }).catch(() => undefined)
  }

  #stopProbing(backend: Backend): void {
    clearTimeout(this.#probes.get(backend))
    this.#probes.delete(backend)
  }
}

function byPreference(a: Backend, b: Backend): number {
  return Number(a.down) - Number(b.down) || a.active - b.active || a.chosen - b.chosen
}

const PROBE_FIRST_MS = 250
const PROBE_LAST_MS = 5000
