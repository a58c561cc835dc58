import type { Duplex } from 'node:stream'
import {
  type Answer,
  CLIENT,
  type ClientOptions as CommonClientOptions,
  type ConnectOptions as CommonConnectOptions,
  type ChannelOptions as CommonOptions,
  type ServerOptions as CommonServerOptions,
  SERVER,
} from '../channel/options.js'
import { badOption, type Check, integer, type OptionTable, yesOrNo } from '../engine/snapshot.js'
import { bare, given } from '../keys/given.js'
import { checkTimeout } from './facts.js'

interface SocketOptions {
  /** As for net.Socket: whether this direction stays open when the peer’s has ended. Default false. */
  allowHalfOpen?: boolean
  /** As of net: whether the system probes if the other end of an idle TCP connection is still there. Default false. See `heartbeat`. */
  keepAlive?: boolean
  /** As of net: how long it is idle before the first probe, in ms. Default 0: as the system has it. */
  keepAliveInitialDelay?: number
}

/** What every channel over a socket can be told, besides what its engine takes. */
export type ChannelOptions = CommonOptions & SocketOptions
/** What a client over a socket can be told, if it has a long-term key. */
export type ClientOptions = CommonClientOptions & SocketOptions
/** The same, if it may have none. */
export type ConnectOptions = CommonConnectOptions &
  SocketOptions & {
    /** As of net.connect: what `setTimeout` of the socket is called with, from the start. Default 0. */
    timeout?: number
  }

/** What a server over sockets can be told, besides net.createServer’s own options. */
export type ServerOptions<A extends Answer = Answer> = CommonServerOptions<A> &
  SocketOptions & {
    /**
     * How many clients may be between connecting and being let in: default 1,024. One more has the oldest dropped that has not sent a
     * whole hello (LINK_LIMIT), and of an address first that holds more than its share.
     */
    maxPendingHandshakes?: number
    /** How many of these places are one address' share (of IPv6, one network of 64 bits) when they are short: default a quarter. */
    maxPendingPerAddress?: number
  }

export interface Carrier {
  /** The byte stream to use in place of a new socket. */
  stream: Duplex
}

const checkStream: Check = (value, name) => {
  const it = value as Duplex | null
  if (typeof it?.write === 'function' && typeof it.on === 'function' && typeof it.resume === 'function') return it
  throw badOption(name, value, 'a Duplex')
}

const checkKeepAlive: Check = (value, name) => {
  if (typeof value === 'boolean') return value
  throw badOption(name, value, 'true or false, for TCP’s own; the channel’s own is `heartbeat`, in milliseconds')
}

const SOCKET: OptionTable = {
  allowHalfOpen: yesOrNo,
  keepAlive: checkKeepAlive,
  keepAliveInitialDelay: checkTimeout,
}

export const CONNECT: OptionTable = { ...CLIENT, ...SOCKET, timeout: checkTimeout, stream: checkStream }

export const SERVE: OptionTable = {
  ...SERVER,
  ...SOCKET,
  maxPendingHandshakes: integer(1, Number.MAX_SAFE_INTEGER),
  maxPendingPerAddress: integer(1, Number.MAX_SAFE_INTEGER),
}

/**
 * What is not ours, for net: all that the caller's object has of its own, and by their names what its class may have. It inherits
 * nothing, as what is ours.
 */
export function forNet(ours: OptionTable, names: readonly string[], options: object): object {
  const read = bare<Record<string, unknown>>()
  for (const name of new Set([...Object.keys(options), ...names])) {
    const value = Object.hasOwn(ours, name) ? undefined : given(options, name)
    if (value !== undefined) read[name] = value
  }
  return read
}
