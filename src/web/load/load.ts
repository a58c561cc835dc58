import { findWasm } from '#wasm'
import { ChannelError } from '../../errors.js'
import { isBytes, kindOf } from '../../keys/given.js'
import { Core, type WasmModule } from '../../wasm/instance.js'
import { compile, type WasmSource } from './compile.js'

let shared: Core | undefined
let loading: Promise<Core> | undefined

/**
 * Loads channel.wasm, unless it is loaded already. Every promise-returning call does this by itself: call it to have the synchronous
 * ones at hand in a browser, to load early, or to say where channel.wasm is (the first call counts).
 *
 * @param source channel.wasm’s URL, bytes, response or compiled module; by default the package’s own
 * @throws ChannelError USE_NO_WASM; a later call tries again
 */
export async function ready(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  await loadCore(source)
}

export async function loadCore(source?: WasmSource | Promise<WasmSource>): Promise<Core> {
  if (shared) return shared
  const load = async () => {
    shared = new Core(await compile(await (source ?? (findWasm as () => WasmSource)())))
    return shared
  }
  loading ??= load().finally(() => {
    loading = undefined
  })
  return loading
}

/** For the synchronous calls. @throws ChannelError USE_NOT_LOADED where channel.wasm has to be fetched first */
export function loadedCore(): Core {
  if (shared) return shared
  const found = (findWasm as () => WasmSource)()
  if (kindOf(found) !== 'WebAssembly.Module' && !isBytes(found)) throw new ChannelError('USE_NOT_LOADED')
  shared = new Core(found as WasmModule)
  return shared
}
