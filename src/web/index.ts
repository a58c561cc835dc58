// nopki in Workers and browsers, and wherever there are Web Streams or WebSockets.

export type { ChannelOptions, ClientOptions, ConnectOptions, Peer, ServerOptions } from '../channel/options.js'
export * from '../index.js'
export { type BunServerWebSocket, bunWebSocket } from './bun.js'
export type { Bytes, SecureChannel } from './channel.js'
export type { WasmSource } from './compile.js'
export { ready } from './core.js'
export { generateKeyPair, publicKeyOf } from './keys.js'
export type { ByteStreams } from './link.js'
export { type PortLike, portStreams } from './port.js'
export { type SecureOptions, secure } from './secure.js'
export type { WebSocketLike } from './socket-carrier.js'
export { acceptWebSocket, connectWebSocket } from './websocket.js'
