import { Core } from '../wasm/instance.js'
import { nativePrimitives } from './native.js'
import { pooledRandom } from './random.js'
import { findWasm } from './wasm.js'

let shared: Core | undefined

/**
 * The one instance of channel.wasm that all channels of this process use; loaded at first use. With NOPKI_NATIVE=0 in the environment
 * none of them uses the platform's own ciphers. @throws ChannelError USE_NO_WASM
 */
export function nodeCore(): Core {
  shared ??= new Core(findWasm(), pooledRandom(), mayUseNative() ? nativePrimitives() : undefined)
  return shared
}

/** Deno asks its user for every variable that is read, or stops the program: there it counts only where it may be read anyway. */
function mayUseNative(): boolean {
  const { Deno } = globalThis as { Deno?: { permissions: { querySync(of: object): { state: string } } } }
  const state = Deno?.permissions.querySync({ name: 'env', variable: 'NOPKI_NATIVE' }).state ?? 'granted'
  return state !== 'granted' || process.env.NOPKI_NATIVE !== '0'
}
