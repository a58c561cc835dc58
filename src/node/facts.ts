import type { AddressInfo } from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'
import { LONGEST_TIMER } from '../channel/options.js'
import { checkInteger } from '../engine/options.js'

/** What a transport may have of net.Socket, besides being a Duplex. */
type Transport = Duplex & {
  [name in AddressName]?: string | undefined
} & {
  remotePort?: number | undefined
  localPort?: number | undefined
  address?(): AddressInfo | object
  setNoDelay?(noDelay?: boolean): unknown
  setKeepAlive?(enable?: boolean, initialDelay?: number): unknown
  ref?(): unknown
  unref?(): unknown
}

type AddressName = 'remoteAddress' | 'remoteFamily' | 'localAddress' | 'localFamily'

/**
 * The part of net.Socket’s interface that has nothing to do with a channel: what the connection below it knows, undefined if it knows
 * no such thing; and `setTimeout`.
 */
export abstract class SocketFacts extends Duplex {
  /** As of net.Socket: 0 if `setTimeout` was not called. */
  timeout = 0
  #transport: Transport
  #inactivity: NodeJS.Timeout | undefined

  constructor(transport: Duplex, options: DuplexOptions) {
    super(options)
    this.#transport = transport as Transport
  }

  get remoteAddress(): string | undefined {
    return this.#transport.remoteAddress
  }

  get remoteFamily(): string | undefined {
    return this.#transport.remoteFamily
  }

  get remotePort(): number | undefined {
    return this.#transport.remotePort
  }

  get localAddress(): string | undefined {
    return this.#transport.localAddress
  }

  get localFamily(): string | undefined {
    return this.#transport.localFamily
  }

  get localPort(): number | undefined {
    return this.#transport.localPort
  }

  address(): AddressInfo | object {
    return this.#transport.address?.() ?? {}
  }

  /** Nagle’s algorithm, off by default. */
  setNoDelay(noDelay = true): this {
    this.#transport.setNoDelay?.(noDelay)
    return this
  }

  /** TCP’s own keep-alive probes. The channel’s, which the peer can trust, is the option `keepAlive`. */
  setKeepAlive(enable = false, initialDelay = 0): this {
    this.#transport.setKeepAlive?.(enable, initialDelay)
    return this
  }

  ref(): this {
    this.#transport.ref?.()
    return this
  }

  unref(): this {
    this.#transport.unref?.()
    return this
  }
  /** As of net.Socket: 'timeout' is emitted after so many ms without a byte in either direction. The socket stays open. */
  setTimeout(timeout: number, callback?: () => void): this {
    this.timeout = checkInteger('timeout', timeout, 0, LONGEST_TIMER)
    this.stopTimeout()
    this.#inactivity = timeout > 0 ? setTimeout(() => this.emit('timeout'), timeout).unref() : undefined
    if (callback && timeout > 0) this.once('timeout', callback)
    else if (callback) this.off('timeout', callback)
    return this
  }

  /** Bytes have come or gone. */
  protected refreshTimeout(): void {
    this.#inactivity?.refresh()
  }

  protected stopTimeout(): void {
    clearTimeout(this.#inactivity)
  }
}
