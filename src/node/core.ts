import { Core } from '../core/core.js'
import { findWasm } from './wasm.js'

let shared: Core | undefined

/** The one instance of channel.wasm that all channels of this process use; loaded at first use. @throws ChannelError USE_NO_WASM */
export function nodeCore(): Core {
  shared ??= new Core(findWasm())
  return shared
}
