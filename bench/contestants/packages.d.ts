// What the contestants use of packages that bench/contestants/package.json installs, and that bring no types or are not there at build time.

declare module '@hyperswarm/secret-stream' {
  import type { EventEmitter } from 'node:events'
  import type { Duplex } from 'node:stream'

  export interface StreamKeys {
    publicKey: Uint8Array
    secretKey: Uint8Array
  }
  export default class SecretStream extends EventEmitter {
    static keyPair(): StreamKeys
    remotePublicKey: Uint8Array
    constructor(isInitiator: boolean, raw: Duplex, options: { keyPair: StreamKeys })
    write(chunk: Buffer): boolean
    destroy(): void
  }
}

declare module 'chloride' {
  export interface SignKeys {
    publicKey: Uint8Array
    secretKey: Uint8Array
  }
  const sodium: { crypto_sign_keypair(): SignKeys }
  export default sodium
}

declare module 'pull-stream' {
  export type Read = (end: unknown, callback: (end: unknown, chunk?: Buffer) => void) => void
  export type Sink = (read: Read) => void
  export interface PullDuplex {
    source: Read
    sink: Sink
  }
  const pull: {
    (...parts: (Read | Sink | PullDuplex)[]): void
    drain(each: (chunk: Buffer) => void, done: (end: unknown) => void): Sink
  }
  export default pull
}

declare module 'stream-to-pull-stream' {
  import type { Duplex } from 'node:stream'
  import type { PullDuplex } from 'pull-stream'

  const toPull: { duplex(stream: Duplex): PullDuplex }
  export default toPull
}

declare module 'secret-handshake' {
  import type { SignKeys } from 'chloride'
  import type { PullDuplex } from 'pull-stream'

  type Done = (error: unknown, plain: PullDuplex) => void
  type Authorize = (key: Buffer, callback: (error: null, allowed: boolean) => void) => void
  const secretHandshake: {
    createServer(keys: SignKeys, authorize: Authorize, network: Buffer): (done: Done) => PullDuplex
    createClient(keys: SignKeys, network: Buffer): (serverKey: Buffer, done: Done) => PullDuplex
  }
  export default secretHandshake
}

declare module '@libp2p/crypto/keys' {
  export interface PrivateKey {
    publicKey: unknown
  }
  export function generateKeyPair(type: 'Ed25519'): Promise<PrivateKey>
  export function privateKeyFromProtobuf(bytes: Uint8Array): PrivateKey
  export function privateKeyToProtobuf(key: PrivateKey): Uint8Array
}

declare module '@libp2p/peer-id' {
  import type { PrivateKey } from '@libp2p/crypto/keys'

  export type PeerId = { readonly [Symbol.toStringTag]: string }
  export function peerIdFromPrivateKey(key: PrivateKey): PeerId
}

declare module '@libp2p/logger' {
  export function defaultLogger(): object
}

declare module '@multiformats/multiaddr' {
  export interface Multiaddr {
    toString(): string
  }
  export function multiaddr(text: string): Multiaddr
}

declare module '@libp2p/tcp' {
  import type { MessageStream } from '@chainsafe/libp2p-noise'
  import type { Multiaddr } from '@multiformats/multiaddr'

  interface Listener {
    listen(address: Multiaddr): Promise<void>
    getAddrs(): Multiaddr[]
  }
  interface Transport {
    createListener(options: { upgrader: { upgradeInbound(it: MessageStream): Promise<void> } }): Listener
    dial<T>(
      address: Multiaddr,
      options: { signal: AbortSignal; upgrader: { upgradeOutbound(it: MessageStream): Promise<T> } },
    ): Promise<T>
  }
  export function tcp(options: object): (components: object) => Transport
}

declare module '@chainsafe/libp2p-noise' {
  import type { PeerId } from '@libp2p/peer-id'

  export interface MessageStream {
    send(data: Uint8Array): boolean
    abort(error: Error): void
    addEventListener(type: 'message', listener: (event: { data: Uint8Array | Iterable<Uint8Array> }) => void): void
    addEventListener(type: 'drain' | 'close', listener: () => void): void
  }
  export interface Secured {
    connection: MessageStream
  }
  interface Options {
    remotePeer: PeerId
    skipStreamMuxerNegotiation: boolean
  }
  export function noise(): (components: object) => {
    secureInbound(connection: MessageStream, options: Options): Promise<Secured>
    secureOutbound(connection: MessageStream, options: Options): Promise<Secured>
  }
}
