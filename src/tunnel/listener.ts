import type net from 'node:net'
import { LONGEST_TIMER } from '../channel/options.js'
import { checkInteger } from '../engine/snapshot.js'
import type { SecureServer } from '../node/index.js'
import { ALERT_SHUTTING_DOWN } from '../wire/stream.js'
import type { ChannelListener } from './channel-listener.js'
import type { Counter } from './limits.js'
import type { PlainPlace } from './patience.js'
import type { Reachability } from './reachability.js'
import type { Live } from './tunnel.js'

/** Where connections of a tunnel come in. */
export class TunnelListener {
  #server: net.Server
  #counter: Counter
  #reachability: Reachability
  #open = new Set<Live>()
  /** Those that are not through, and have to be over before all is. */
  #others = new Set<Live>()
  #closed = false

  /** Users get it from `forward` and `expose`. */
  constructor(server: net.Server, counter: Counter, reachability: Reachability) {
    this.#server = server
    this.#counter = counter
    this.#reachability = reachability
  }

  /** As of net.Server: where it listens, until it is closed. */
  address(): net.AddressInfo | string | null {
    return this.#server.address()
  }

  /** The port that it listens on; 0 at a Unix socket, and once it is closed. */
  get port(): number {
    const address = this.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#open.size
  }

  /** It takes nobody any more: it was closed, or its signal is aborted. */
  get closed(): boolean {
    return this.#closed || !this.#server.listening
  }

  /**
   * Resolves with why nobody can be served now: the other side cannot be reached, no place is free, or it is closed; with an empty text if
   * all is well. For a health page: if no client has been there for 10 s, or the last one did not get there, the other side is tried now.
   */
  async check(): Promise<string> {
    if (this.closed) return 'it is closed'
    await this.#reachability.check()
    return this.#reachability.trouble || this.#counter.trouble
  }

  /**
   * Takes no connection any more, and resolves when those that are open have ended.
   * @param drain how long they may go on, in ms; then channels are told that the service is shutting down, and plain connections reset
   * @throws ChannelError USE_BAD_OPTION
   */
  async close(drain = 0): Promise<void> {
    checkInteger('drain', drain, 0, LONGEST_TIMER)
    if (drain > 0 && !this.closed) await takeWaiting(this.#server)
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#closed = true
    this.closing()
    const timer = setTimeout(() => this.#endAll(), drain)
    const left = () => [...this.#open, ...this.#others]
    while (left().length > 0) await Promise.allSettled(left().map(it => it.done))
    clearTimeout(timer)
    await closed
  }

  /** A connection has come in. */
  track(tunnel: Live): void {
    keepUntilDone(this.#open, tunnel)
  }

  /** Something else has to be over before all is. */
  hold(live: Live): void {
    keepUntilDone(this.#others, live)
  }

  /** Nobody comes in any more. */
  protected closing(): void {}

  #endAll(): void {
    for (const it of [...this.#open, ...this.#others])
      it.end({ how: 'shutdown' }, ALERT_SHUTTING_DOWN, 'the service is shutting down')
  }
}

/** Where channels come in. */
export class ExposeListener extends TunnelListener {
  #channels: ChannelListener

  /** Users get it from `expose`. */
  constructor(channels: ChannelListener, reachability: Reachability) {
    super(channels.server, channels.counter, reachability)
    this.#channels = channels
  }

  /** As of a SecureServer: how many clients are between connecting and being let in. */
  get pendingHandshakes(): number {
    return this.#channels.secure.pendingHandshakes
  }

  /**
   * Changes the server’s own keys, `keyPair` or `keyPairs` or both, from the next connection on: those that are there stay.
   * @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION; then nothing is changed
   */
  setKeyPairs(keys: Parameters<SecureServer['setKeyPairs']>[0]): void {
    this.#channels.secure.setKeyPairs(keys)
  }

  protected override closing(): void {
    this.#channels.awaitHandshakes()
  }
}

function keepUntilDone(set: Set<Live>, live: Live): void {
  set.add(live)
  live.done.finally(() => set.delete(live))
}

/** Resolves when it listens. @throws the system’s error, such as EADDRINUSE */
export function listenAt(server: net.Server, place: PlainPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      // It leaves its signal.
      server.close()
      reject(error)
    }
    server.once('error', fail)
    server.listen(place, () => {
      server.off('error', fail)
      // One connection that cannot be taken, for want of descriptors, ends nothing.
      server.on('error', () => {})
      resolve()
    })
  })
}

/**
 * Takes those who have connected by now, and wait in the system: closing would reset them. Node takes one in a turn of its loop: the
 * first turn without one has taken the last.
 */
export function takeWaiting(server: net.Server): Promise<void> {
  return new Promise(resolve => {
    let came = true
    let turns = 0
    const onConnection = () => {
      came = true
    }
    const turn = () => {
      if (came && ++turns <= MOST_WAITING) {
        came = false
        setImmediate(turn)
      } else {
        server.off('connection', onConnection)
        resolve()
      }
    }
    server.on('connection', onConnection)
    // The first comes within this turn of the loop.
    setImmediate(turn)
  })
}

/** As many as the system keeps waiting. */
export const MOST_WAITING = 1024
