import type net from 'node:net'
import { ALERT_SHUTTING_DOWN } from '../wire/stream.js'
import type { PlainPlace } from './patience.js'
import type { Tunnel } from './tunnel.js'

/** Where connections of a tunnel come in. */
export class TunnelListener {
  #server: net.Server
  #open = new Set<Tunnel>()

  /** Users get it from `forward` and `expose`. */
  constructor(server: net.Server) {
    this.#server = server
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

  /**
   * Takes no connection any more, and resolves when those that are open have ended.
   * @param drain how long they may go on, in ms; then channels are told that the service is shutting down, and plain connections reset
   */
  async close(drain = 0): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    const timer = setTimeout(() => this.#endAll(), drain)
    await Promise.all(Array.from(this.#open, it => it.done))
    clearTimeout(timer)
    await closed
  }

  /** A connection has come in. */
  track(tunnel: Tunnel): void {
    this.#open.add(tunnel)
    tunnel.done.finally(() => this.#open.delete(tunnel))
  }

  #endAll(): void {
    for (const it of this.#open) it.end({ how: 'shutdown' }, ALERT_SHUTTING_DOWN, 'the service is shutting down')
  }
}

/** Resolves when it listens. @throws the system’s error, such as EADDRINUSE */
export function listenAt(server: net.Server, place: PlainPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(place, () => {
      server.off('error', reject)
      // One connection that cannot be taken, for want of descriptors, ends nothing.
      server.on('error', () => {})
      resolve()
    })
  })
}

/** `address:port` of the other end, or `unix`. */
export function addressOf({ remoteAddress, remotePort }: Pick<net.Socket, 'remoteAddress' | 'remotePort'>): string {
  if (remoteAddress === undefined) return 'unix'
  const host = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '')
  return `${host.includes(':') ? `[${host}]` : host}:${remotePort}`
}
