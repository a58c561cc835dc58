// nopki/engine: one end of a channel without I/O, for those who bring their own.

export { Core, type RandomSource } from '../core/core.js'
export { type Alert, ChannelError, type ChannelErrorCode } from '../errors.js'
export { type Control, Engine, type EngineEvent } from './engine.js'
export { RecordOpener } from './opener.js'
export type { ClientEngineOptions, EngineOptions, Padding, ServerEngineOptions, Version } from './options.js'
export { type Hello, Router } from './router.js'
