import type { DuplexOptions } from 'node:stream'
import { memoryOf } from '../channel/inspect.js'
import type { Engine } from '../engine/engine.js'
import { SocketFacts } from './facts.js'

/** The part of a socket that says who is at the other end, and what the two ends have agreed on. */
export abstract class SocketIdentity extends SocketFacts {
  /** The protocol’s version. */
  readonly version: 1 | 2
  /** What the server’s `authorize` attached to this client. */
  readonly authorization: object | undefined
  /** As of tls.TLSSocket. */
  readonly encrypted = true
  #engine: Engine
  #inspect: boolean
  #remotePublicKey: Uint8Array | undefined
  #localPublicKey: Uint8Array | undefined
  #handshakeHash: Uint8Array | undefined

  constructor(engine: Engine, options: DuplexOptions, authorization: object | undefined, inspect = false) {
    super(options)
    this.#engine = engine
    this.#inspect = inspect
    this.version = engine.version ?? 2
    this.authorization = authorization
  }

  /** Whose primitives are used beside libsodium’s wasm, such as `node:crypto`; undefined where nobody’s are. */
  get accelerated(): string | undefined {
    return this.#engine.accelerated
  }

  /** The peer’s long-term public key, 32 bytes, proved. @throws ChannelError USE_NOT_CONNECTED before 'secureConnect' */
  get remotePublicKey(): Uint8Array {
    this.#remotePublicKey ??= this.#engine.remotePublicKey
    return this.#remotePublicKey
  }

  /** This end’s own long-term public key, 32 bytes: of a server’s several, the one that the client has asked for. */
  get localPublicKey(): Uint8Array {
    this.#localPublicKey ??= this.#engine.localPublicKey
    return this.#localPublicKey
  }

  /** Version 2: a public name of 32 bytes for this session, the same at both ends, for logs and channel binding. Never a key. */
  get handshakeHash(): Uint8Array | undefined {
    if (this.version === 2) this.#handshakeHash ??= this.#engine.handshakeHash
    return this.#handshakeHash
  }

  /**
   * Derives a key of `length` (16 to 64, default 32) bytes for the application, the same at both ends.
   * @throws ChannelError USE_VERSION in version 1, USE_CLOSED after the socket has closed, USE_BAD_OPTION
   */
  exportKey(label: string, context: Uint8Array | string = '', length = 32): Uint8Array {
    return this.#engine.exportKey(label, context, length)
  }

  /**
   * Where this channel lies in linear memory, its secrets included: for `memoryMap` of `nopki/inspect`.
   * @throws ChannelError USE_BAD_OPTION unless the socket was made with `inspect: true`
   */
  get memory(): Engine['memory'] {
    return memoryOf(this.#engine, { inspect: this.#inspect })
  }
}
