import { Core } from '../core/core.js'
import { recordsBy } from '../core/records.js'
import { nativeCipher } from './native.js'
import { findWasm } from './wasm.js'

let shared: Core | undefined

/**
 * The one instance of channel.wasm that all channels of this process use; loaded at first use. With NOPKI_NATIVE=0 in the environment
 * none of them uses the platform's own ciphers. @throws ChannelError USE_NO_WASM
 */
export function nodeCore(): Core {
  shared ??= new Core(findWasm(), undefined, recordsBy(process.env.NOPKI_NATIVE === '0' ? undefined : nativeCipher()))
  return shared
}
