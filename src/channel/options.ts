import {
  CLIENT_OPTIONS,
  type ClientEngineOptions,
  checkPinned,
  SERVER_OPTIONS,
  type ServerEngineOptions,
} from '../engine/options.js'
import {
  badOption,
  type Check,
  integer,
  method,
  missing,
  type OptionTable,
  snapshot,
  yesOrNo,
} from '../engine/snapshot.js'
import { ChannelError } from '../errors.js'
import type { KeyPair } from '../keys/pair.js'

/** What every channel can be told, besides what its engine takes. Times are in milliseconds; 0 turns one off. */
export interface ChannelOptions {
  /** For connecting, the handshake and `authorize` together: default 10,000. */
  handshakeTimeout?: number
  /** Without a byte from the peer for so long, it is told so (alert 5), and the channel fails with LINK_TIMEOUT. Default 0. */
  idleTimeout?: number
  /**
   * After so long without a byte to the peer, a record that its application never sees. Default 0. In version 2, a peer that says that it
   * does so too (`heartbeat` at its end) fails the channel with LINK_TIMEOUT when it is silent three times as long, and 5 s at least.
   */
  heartbeat?: number
  /** Whether the channel’s `memory` can be looked at, with `memoryMap` of `nopki/inspect`: it shows secrets. Default false. */
  inspect?: boolean
  /** Destroys the channel, at any time. For a server: stops it, and what has not yet connected. */
  signal?: AbortSignal
}

export type ClientOptions = ClientEngineOptions &
  ChannelOptions & {
    /**
     * Whether to wait, within `handshakeTimeout`, until the server has shown that it serves this client: then connecting fails with
     * PEER_NOT_AUTHORIZED where it does not. Default false. Not in version 1, whose servers say nothing of it.
     */
    waitForAccept?: boolean
  }

/** A client may have no long-term key: then it gets a fresh one, and servers see a stranger. */
export type ConnectOptions = WithoutKey<ClientOptions> & { keyPair?: KeyPair }
type WithoutKey<T> = T extends unknown ? Omit<T, 'keyPair'> : never

/** A channel whose client is served, for who has let it in and may end it later. */
export interface ServedChannel {
  /** Settles when the channel is over. */
  readonly closed: Promise<unknown>
  /** Ends it with an alert: code 3 not authorized, 4 shutting down. Resolves when the client has closed its end. */
  alert(code: number, text: string): Promise<void>
  /** Ends it at once. */
  destroy(reason: unknown): void
}

/** Who has proved to be at the other end, for `authorize` to decide on. */
export interface Peer {
  /** The client’s long-term public key, 32 bytes, proved. */
  publicKey: Uint8Array
  /** The same as text, `pk_…`. */
  publicKeyText: string
  /** Which of the server’s own keys the client has asked for, and got a proof of. */
  localPublicKey: Uint8Array
  /** The protocol’s. */
  version: 1 | 2
  /** Version 2: the session’s public name. */
  handshakeHash?: Uint8Array
  /** Where the connection comes from, where the transport knows it. */
  remoteAddress?: string
  /** The port there. */
  remotePort?: number
  /** Aborted when the client is gone, or the handshake’s time is over. */
  signal: AbortSignal
  /**
   * `tell` is called with the channel if this client is served, whatever else `authorize` attaches to it: to end it later. If it is served
   * already, at once. What `tell` throws is reported as an exception that nobody has caught.
   * @throws ChannelError USE_BAD_OPTION
   */
  whenServed(tell: (channel: ServedChannel) => void): void
}

/** What `authorize` may say of a client. */
export type Answer = boolean | object | undefined

export type Authorize<A extends Answer = Answer> = (peer: Peer) => A | Promise<A>

/** A channel whose client was let in by such an answer: `authorization` is the object; undefined if the answer was true. */
export interface Authorized<A extends Answer = Answer> {
  readonly authorization: Extract<A, object> | ([Extract<A, true>] extends [never] ? never : undefined)
}

export type ServerOptions<A extends Answer = Answer> = ServerEngineOptions &
  ChannelOptions & {
    /**
     * Decides whether a client is served, when it has proved who it is. True lets it in; so does an object, which becomes the
     * channel’s `authorization`. Anything else refuses it with alert 3; so does a throw. The client is told the reason of a
     * ChannelError PEER_NOT_AUTHORIZED that is thrown, and of no other error. `'anyone'` serves every client that proves a key,
     * whoever it is. One secret key proves several public keys: allow by key, never deny, ban or count by key alone. In version 1
     * a client may not hold the key (docs/protocol.md, "What version 1 does not give"); that is warned of once a process.
     */
    authorize: Authorize<A> | 'anyone'
  }

/** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION, for an absent `serverKey` too */
export function clientOptions(options: unknown): Readonly<ConnectOptions> {
  return checkClient(snapshot<ConnectOptions>(CLIENT, options))
}

/** @throws ChannelError USE_BAD_OPTION unless it is said whom to talk to; USE_VERSION */
export function checkClient<T extends Partial<ConnectOptions>>(options: T): T {
  if (options.waitForAccept && options.version === 1) {
    throw new ChannelError('USE_VERSION', 'a server of version 1 does not say that it serves a client')
  }
  return checkPinned(options)
}

/** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION, for an absent `authorize` too */
export function serverOptions<T extends ServerOptions = ServerOptions>(options: unknown, table = SERVER): Readonly<T> {
  const read = snapshot<T>(table, options)
  if (read.authorize === undefined) throw missing('authorize', AUTHORIZE)
  return read
}

/** One of this realm or another, or of a package that brings its own. */
const checkSignal: Check = (value, name) => {
  const signal = value as AbortSignal | null
  if (typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function') return signal
  throw badOption(name, value, 'an AbortSignal')
}

const checkAuthorize: Check = (value, name, source) => {
  if (value === null) throw missing(name, AUTHORIZE)
  if (value === 'anyone') return value
  if (typeof value !== 'function') throw badOption(name, value, AUTHORIZE)
  return method(value, name, source)
}

const AUTHORIZE = "a function that decides who is served, or 'anyone' to serve every client"

export const HANDSHAKE_TIMEOUT_MS = 10_000
/** How long a peer has to take the last words and close its end. */
export const LINGER_MS = 30_000
/** The same of a stranger: one that was refused, or whose handshake has failed. */
export const REFUSED_LINGER_MS = 2000
// What a timer can count: 2^31 - 1 ms.
export const LONGEST_TIMER = 2_147_483_647

/** What carries it may have such an option: there, the table of its level takes it. */
const noKeepAlive: Check = (value, name) => {
  throw badOption(name, value, `none here: TCP has it; the channel’s own is \`heartbeat\`, in milliseconds`)
}

const time = integer(0, LONGEST_TIMER)
const CHANNEL: OptionTable = {
  handshakeTimeout: time,
  idleTimeout: time,
  heartbeat: time,
  keepAlive: noKeepAlive,
  inspect: yesOrNo,
  signal: checkSignal,
}

export const CLIENT: OptionTable = { ...CLIENT_OPTIONS, ...CHANNEL, waitForAccept: yesOrNo }
export const SERVER: OptionTable = { ...SERVER_OPTIONS, ...CHANNEL, authorize: checkAuthorize }
