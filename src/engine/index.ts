// nopki/engine: one end of a channel without I/O, for those who bring their own.

export { type Alert, ChannelError, type ChannelErrorCode } from '../errors.js'
export { Core, type RandomSource } from '../wasm/instance.js'
export { type Control, Engine, type EngineEvent } from './engine.js'
export type { ClientEngineOptions, EngineOptions, Padding, ServerEngineOptions, Version } from './options.js'
export { RecordOpener } from './record-opener.js'
export { type Hello, Router } from './router.js'
export type { WireBytes } from './wire-tap.js'
