import type { AddressInfo } from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'

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

/** The part of net.Socket’s interface that belongs to the connection below a channel. Undefined where it knows no such thing. */
export abstract class SocketFacts extends Duplex {
  #transport: Transport

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
}
