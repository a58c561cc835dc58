import { badOption, type ClientEngineOptions, checkInteger, type ServerEngineOptions } from '../engine/options.js'
import type { KeyPair } from '../keys/pair.js'

/** What every channel can be told, besides what its engine takes. Times are in milliseconds; 0 turns one off. */
export interface ChannelOptions {
  /** For connecting, the handshake and `authorize` together: default 10,000. */
  handshakeTimeout?: number
  /** Without a byte from the peer for so long, it is told so (alert 5), and the channel fails with LINK_TIMEOUT. Default 0. */
  idleTimeout?: number
  /** After so long without a byte to the peer, a record that its application never sees. Default 0. */
  keepAlive?: number
  /** Destroys the channel, at any time. For a server: stops it, and what has not yet connected. */
  signal?: AbortSignal
}

export type ClientOptions = ClientEngineOptions & ChannelOptions

/** A client may have no long-term key: then it gets a fresh one, and servers see a stranger. */
export type ConnectOptions = Omit<ClientOptions, 'keyPair'> & { keyPair?: KeyPair }

/** Who has proved to be at the other end, for `authorize` to decide on. */
export interface Peer {
  /** The client’s long-term public key, 32 bytes, proved. */
  publicKey: Uint8Array
  /** The same as text, `pk_…`. */
  publicKeyText: string
  version: 1 | 2
  /** Version 2: the session’s public name. */
  handshakeHash?: Uint8Array
  /** Where the connection comes from, where the transport knows it. */
  remoteAddress?: string
  remotePort?: number
  /** Aborted when the client is gone, or the handshake’s time is over. */
  signal: AbortSignal
}

export type ServerOptions = ServerEngineOptions &
  ChannelOptions & {
    /**
     * Decides whether a client is served, when it has proved who it is. True lets it in; so does an object, which becomes the
     * channel’s `authorization`. Anything else refuses it with alert 3; so does a throw. The client is told the reason of a
     * ChannelError PEER_NOT_AUTHORIZED that is thrown, and of no other error. Without `authorize`, every client is served.
     */
    authorize?(peer: Peer): boolean | object | undefined | Promise<boolean | object | undefined>
  }

/** @throws ChannelError USE_BAD_OPTION */
export function checkChannelOptions(options: ChannelOptions): void {
  const { handshakeTimeout = 0, idleTimeout = 0, keepAlive = 0, signal } = options
  checkInteger('handshakeTimeout', handshakeTimeout, 0, LONGEST_TIMER)
  checkInteger('idleTimeout', idleTimeout, 0, LONGEST_TIMER)
  checkInteger('keepAlive', keepAlive, 0, LONGEST_TIMER)
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw badOption('signal', signal, 'an AbortSignal')
}

export const HANDSHAKE_TIMEOUT_MS = 10_000
/** How long a peer has to take the last words and close its end. */
export const LINGER_MS = 30_000
// What a timer can count: 2^31 - 1 ms.
export const LONGEST_TIMER = 2_147_483_647
