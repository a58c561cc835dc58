import type { WasmSource } from '../load/compile.js'
import { loadModule, moduleNow } from '../load/load.js'
import { Core, type WasmModule } from '../wasm/instance.js'
import { nativePrimitives } from './native.js'
import { pooledRandom } from './random.js'
import * as host from './wasm.js'

let shared: Core | undefined

/**
 * Loads channel.wasm, unless it is loaded already. All calls do this by themselves: call it to say where channel.wasm is (the first call
 * counts), as in a bundle.
 *
 * @param source channel.wasm’s path, URL, bytes, response or compiled module; by default the package’s own
 * @throws ChannelError USE_NO_WASM; a later call tries again
 */
export async function ready(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  await loadModule(host, source)
  nodeCore()
}

/**
 * The one instance of channel.wasm that all channels of this process use; loaded at first use. With NOPKI_NATIVE=0 in the environment
 * none of them uses the platform's own ciphers. @throws ChannelError USE_NO_WASM
 */
export function nodeCore(): Core {
  // A file is found at once.
  shared ??= new Core(moduleNow(host) as WasmModule, pooledRandom(), mayUseNative() ? nativePrimitives() : undefined)
  return shared
}

/** Deno asks its user for every variable that is read, or stops the program: there it counts only where it may be read anyway. */
function mayUseNative(): boolean {
  const { Deno } = globalThis as { Deno?: { permissions: { querySync(of: object): { state: string } } } }
  const state = Deno?.permissions.querySync({ name: 'env', variable: 'NOPKI_NATIVE' }).state ?? 'granted'
  return state !== 'granted' || process.env.NOPKI_NATIVE !== '0'
}
