// nopki/node: channels over node:net, in Node, Deno and Bun.

import { derivePublicKey, drawKeyPair, type KeyPair } from '../keys/pair.js'
import { nodeCore } from './load.js'

export type { Peer, ServedChannel } from '../channel/options.js'
export {
  type Address,
  type Alert,
  ChannelError,
  type ChannelErrorCode,
  decodeBareKey,
  decodePublicKey,
  decodeSecretKey,
  encodePublicKey,
  encodeSecretKey,
  formatAddress,
  type KeyPair,
  parseAddress,
  type WireBytes,
} from '../index.js'
export type { WasmSource } from '../load/compile.js'
export { type ConnectTarget, connect, connectSocket } from './connect.js'
export type { DiagnosticsMessage } from './diagnostics.js'
export {
  type AuthorizedClient,
  type AuthorizedKeysFile,
  type AuthorizedKeysOptions,
  authorizedKeys,
  type KnownServers,
  knownServers,
  type ReadKeyOptions,
  readKeyPair,
} from './files/index.js'
export { ready } from './load.js'
export type { ChannelOptions, ClientOptions, ConnectOptions, ServerOptions } from './options.js'
export { createServer, type SecureServer, type ServeOptions } from './server.js'
export { SecureSocket } from './socket.js'

/** Draws a long-term key pair. */
export function generateKeyPair(): KeyPair {
  return drawKeyPair(nodeCore())
}

/** The public key of a secret key. @throws ChannelError USE_BAD_KEY unless it is 32 bytes */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return derivePublicKey(nodeCore(), secretKey)
}
