import type { Duplex } from 'node:stream'
import type {
  ClientOptions as CommonClientOptions,
  ConnectOptions as CommonConnectOptions,
  ChannelOptions as CommonOptions,
  ServerOptions as CommonServerOptions,
} from '../channel/options.js'

interface SocketOptions {
  /** As for net.Socket: whether this direction stays open when the peer’s has ended. Default false. */
  allowHalfOpen?: boolean
}

/** What every channel over a socket can be told, besides what its engine takes. */
export type ChannelOptions = CommonOptions & SocketOptions
export type ClientOptions = CommonClientOptions & SocketOptions
export type ConnectOptions = CommonConnectOptions & SocketOptions

export type ServerOptions = CommonServerOptions &
  SocketOptions & {
    /** How many clients may be between connecting and being let in: default 1,024. More are dropped. */
    maxPendingHandshakes?: number
  }

/** Where there is no key pair, see ConnectOptions. */
export interface Carrier {
  /** The byte stream to use in place of a new socket. */
  stream: Duplex
}
