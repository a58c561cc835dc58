import type { AddressInfo } from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'
import { LONGEST_TIMER } from '../channel/options.js'
import { badOption } from '../engine/snapshot.js'
import { ChannelError } from '../errors.js'
import { resetTransport } from './reset.js'

/** What a transport may have of net.Socket, besides being a Duplex. */
type Transport = Duplex & {
  [name in AddressName]?: string | undefined
} & {
  remotePort?: number | undefined
  localPort?: number | undefined
  address?(): AddressInfo | object
  setNoDelay?(noDelay?: boolean): unknown
  setKeepAlive?(enable?: boolean, initialDelay?: number): unknown
  resetAndDestroy?(): unknown
  ref?(): unknown
  unref?(): unknown
}

type AddressName = 'remoteAddress' | 'remoteFamily' | 'localAddress' | 'localFamily'

/**
 * The part of net.Socket’s interface that has nothing to do with a channel: how far the connection below it is, what that knows
 * (undefined if it knows no such thing, or is not there yet), and `setTimeout`.
 */
export abstract class SocketFacts extends Duplex {
  /** As of net.Socket: whether the connection below is still being made. */
  connecting = false
  /** As of net.Socket: 0 if `setTimeout` was not called. */
  timeout = 0
  #transport: Transport | undefined
  /** What was set before there was a connection. */
  #settings: ((transport: Transport) => void)[] | undefined
  #inactivity: NodeJS.Timeout | undefined

  constructor(options: DuplexOptions) {
    super(options)
  }

  /** As of net.Socket: whether there is no connection, because it is still being made, or is over. */
  get pending(): boolean {
    return this.connecting || this.destroyed
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  get remoteAddress(): string | undefined {
    return this.#transport?.remoteAddress
  }

  get remoteFamily(): string | undefined {
    return this.#transport?.remoteFamily
  }

  get remotePort(): number | undefined {
    return this.#transport?.remotePort
  }

  get localAddress(): string | undefined {
    return this.#transport?.localAddress
  }

  get localFamily(): string | undefined {
    return this.#transport?.localFamily
  }

  get localPort(): number | undefined {
    return this.#transport?.localPort
  }

  address(): AddressInfo | object {
    return this.#transport?.address?.() ?? {}
  }

  /** As of net.Socket, where it stands for `writableLength`. */
  get bufferSize(): number {
    return this.writableLength
  }

  /** As of net.Socket: the addresses that were tried are not kept here. */
  get autoSelectFamilyAttemptedAddresses(): string[] {
    return []
  }

  /**
   * For libraries that are given a socket, and call this on it (pg does). It connects to its own target, once, and has begun with it: of
   * what is given here, only a function counts, which is called at 'connect'.
   * @throws ChannelError USE_CLOSED if the socket was connected already, or is closed
   */
  connect(...args: unknown[]): this {
    if (!this.connecting) throw new ChannelError('USE_CLOSED', 'a SecureSocket connects once, to its own target')
    const onConnect = args.find(it => typeof it === 'function')
    if (onConnect) this.once('connect', onConnect as () => void)
    return this
  }

  /** As of net.Socket: resets the TCP connection, if it is one. The peer’s channel fails with LINK_TRUNCATED. */
  resetAndDestroy(): this {
    // A Unix socket cannot be reset, and says so by a throw.
    if (this.#transport?.remoteAddress !== undefined) resetTransport(this.#transport)
    return this.destroy()
  }

  /** Nagle’s algorithm, off by default. */
  setNoDelay(noDelay = true): this {
    return this.#set(it => it.setNoDelay?.(noDelay))
  }

  /** TCP’s own keep-alive probes. The channel’s, which the peer can trust, is the option `heartbeat`. */
  setKeepAlive(enable = false, initialDelay = 0): this {
    return this.#set(it => it.setKeepAlive?.(enable, initialDelay))
  }

  ref(): this {
    return this.#set(it => it.ref?.())
  }

  unref(): this {
    return this.#set(it => it.unref?.())
  }

  /**
   * As of net.Socket: 'timeout' is emitted after so many ms without a byte in either direction, while it connects too. The socket stays
   * open. 0 turns it off.
   */
  setTimeout(timeout: number, callback?: () => void): this {
    if (this.destroyed) return this
    const time = checkTimeout(timeout, 'timeout')
    this.timeout = time
    this.stopTimeout()
    if (time > 0) this.#inactivity = setTimeout(() => this.emit('timeout'), Math.min(time, LONGEST_TIMER)).unref()
    if (callback && time > 0) this.once('timeout', callback)
    else if (callback) this.off('timeout', callback)
    return this
  }

  /** The connection is there. */
  protected haveTransport(transport: Duplex): void {
    this.#transport = transport as Transport
    for (const change of this.#settings ?? []) change(this.#transport)
    this.#settings = undefined
  }

  /** Bytes have come or gone. */
  protected refreshTimeout(): void {
    this.#inactivity?.refresh()
  }

  protected stopTimeout(): void {
    clearTimeout(this.#inactivity)
    this.#inactivity = undefined
  }

  #set(change: (transport: Transport) => void): this {
    if (this.#transport) change(this.#transport)
    else {
      this.#settings ??= []
      this.#settings.push(change)
    }
    return this
  }
}

/** As net takes it: a fraction, and more than a timer can count, which is then as long as it can. @throws ChannelError USE_BAD_OPTION */
export function checkTimeout(value: unknown, name: string): number {
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value
  throw badOption(name, value, 'a number of milliseconds, 0 or more')
}
