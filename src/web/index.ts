// nopki in Workers and browsers, and nopki/web wherever there are Web Streams or WebSockets.

export type {
  ChannelOptions,
  ClientOptions,
  ConnectOptions,
  Peer,
  ServedChannel,
  ServerOptions,
} from '../channel/options.js'
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
export { type BunServerWebSocket, bunWebSocket } from './carriers/bun.js'
export { type PortLike, portStreams } from './carriers/port.js'
export type { WebSocketLike } from './carriers/socket-carrier.js'
export { acceptWebSocket, connectWebSocket } from './carriers/websocket.js'
export type { Bytes, SecureChannel } from './channel.js'
export type { ByteStreams } from './link.js'
export { generateKeyPair, publicKeyOf } from './load/keys.js'
export { ready } from './load/load.js'
export { type SecureOptions, secure } from './secure.js'
