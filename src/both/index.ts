// The types of `nopki` for a compiler that is not told for which runtime ("moduleResolution": "bundler"): the names of both. What a
// program gets is node's or web's: package.json.

export * from '../node/index.js'
export {
  acceptWebSocket,
  type BunServerWebSocket,
  type ByteStreams,
  type Bytes,
  bunWebSocket,
  connectWebSocket,
  type PortLike,
  portStreams,
  ready,
  type SecureChannel,
  type SecureOptions,
  secure,
  type WasmSource,
  type WebSocketLike,
} from '../web/index.js'
