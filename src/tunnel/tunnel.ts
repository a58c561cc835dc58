import type { Duplex } from 'node:stream'
import { guarded } from './guard.js'
import { type Ending, reasonOf, type Splice } from './splice.js'

/** A connection that is open, or on its way to be. */
export interface Live {
  /** Cuts it short; the channel's peer is told by an alert. */
  end(ending: Ending, alert: number, text: string): void
  done: Promise<unknown>
}

/** One connection through a tunnel, when it is over. */
export interface TunnelEntry {
  /** When it began, ISO 8601. */
  time: string
  /** The other end of the channel: `pk_…`, or null where none was proved. */
  peer: string | null
  /** Its name: of the command in the file of authorized keys, of `expose` in an `authorization` that has one. */
  name: string | null
  /** The server's key that was wanted: of a server that has several, and of a router, which learns no peer. */
  wanted?: string
  /** Where the connection came from. */
  address: string
  /** Bytes of the application that came over the channel, and that were sent over it. */
  received: number
  sent: number
  milliseconds: number
  /**
   * `closed`, or what cut it short: `channel` or `plain` (that side broke off), `backend` (the other side could not be reached), `lifetime`,
   * `shutdown`; or why it was not let in: `refused` (its key), `limit`; or `failed`, at this end.
   */
  ended: string
  detail: string | null
}

/** A connection that was not let in, or could not be served. */
export type Refusal = Pick<TunnelEntry, 'address'> &
  Partial<Pick<TunnelEntry, 'peer' | 'name'>> & { how: Ending['how']; detail: string }

/** What is said of it. */
export function refusedEntry({ how, detail, address, peer = null, name = null }: Refusal): TunnelEntry {
  const nothing = { received: 0, sent: 0, milliseconds: 0 }
  return { time: new Date().toISOString(), peer, name, address, ...nothing, ended: how, detail }
}

export interface TunnelOptions {
  /** The end that is there already, and which of the two it is. */
  near: Duplex
  side: 'channel' | 'plain'
  /** Connects to the other side, and joins the two. */
  join(signal: AbortSignal): Promise<Splice>
  /** Ends the near end, where it was not joined; tells it so by an alert where it is a channel. */
  abandon(alert: number, text: string): void
  /** In milliseconds; 0 is for ever. */
  lifetime: number
  /** Who is at the other end of the channel, once it is over. */
  facts(): Pick<TunnelEntry, 'peer' | 'name' | 'wanted' | 'address'>
  onEnd(entry: TunnelEntry): void
}

/** One connection through the tunnel, from when its near end has come to when both ends have closed. */
export class Tunnel implements Live {
  readonly done: Promise<void>
  #options: TunnelOptions
  #gone = new AbortController()
  #splice: Splice | undefined
  #ending: Ending | undefined

  constructor(options: TunnelOptions) {
    this.#options = options
    this.done = this.#run()
  }

  end(ending: Ending, alert: number, text: string): void {
    if (this.#splice) return this.#splice.end(ending, alert, text)
    if (this.#ending) return
    this.#ending = ending
    this.#options.abandon(alert, text)
    this.#gone.abort(new Error(text))
  }

  async #run(): Promise<void> {
    const { lifetime, facts, onEnd } = this.#options
    const [time, started] = [new Date().toISOString(), performance.now()]
    const timer = lifetime > 0 ? setTimeout(() => this.end({ how: 'lifetime' }, 1, LIFETIME_OVER), lifetime) : undefined
    const { how, detail = null } = await this.#join()
    clearTimeout(timer)
    onEnd({
      time,
      ...facts(),
      received: this.#splice?.received ?? 0,
      sent: this.#splice?.sent ?? 0,
      milliseconds: Math.round(performance.now() - started),
      ended: how,
      detail,
    })
  }

  async #join(): Promise<Ending> {
    const { near, side, join, abandon } = this.#options
    const whenClosed = new Promise<void>(resolve => near.once('close', resolve))
    const onError = (error: Error) => {
      this.#ending ??= { how: side, detail: reasonOf(error) }
    }
    const onClose = () => {
      this.#ending ??= { how: side, detail: 'it closed before the other side was reached' }
      this.#gone.abort(new Error('nobody is waiting any more'))
    }
    near.once('error', onError)
    near.once('close', onClose)
    try {
      this.#splice = await join(this.#gone.signal)
      near.off('error', onError)
      near.off('close', onClose)
      return await this.#splice.done
    } catch (error) {
      if (!this.#ending) {
        this.#ending = { how: 'backend', detail: reasonOf(error as Error) }
        guarded(
          () => abandon(1, UNREACHABLE),
          () => near.destroy(),
        )
      }
      if (!near.closed) await whenClosed
      return this.#ending
    }
  }
}

/** Drops what was reached too late. */
export function unlessAborted<T extends Duplex>(reached: T, signal: AbortSignal, drop: (it: T) => void): T {
  if (!signal.aborted) return reached
  drop(reached.on('error', () => {}))
  throw signal.reason
}

// What the other end is told: not where the service is.
const UNREACHABLE = 'the service behind this channel cannot be reached'
const LIFETIME_OVER = 'the connection has been open for as long as is allowed'
