import { findWasm, readFile, refuseHibernating } from '#wasm'
import { ChannelError } from '../../errors.js'
import type { WasmSource } from '../../load/compile.js'
import { loadModule, moduleNow, type WasmHost } from '../../load/load.js'
import { Core } from '../../wasm/instance.js'

let shared: Core | undefined
const host: WasmHost = { findWasm, readFile }

/**
 * Loads channel.wasm, unless it is loaded already. Every promise-returning call does this by itself: call it to have the synchronous
 * ones at hand in a browser, to load early, or to say where channel.wasm is (the first call counts).
 *
 * @param source channel.wasm’s URL, bytes, response or compiled module, in Node also its path; by default the package’s own
 * @throws ChannelError USE_NO_WASM; a later call tries again
 */
export async function ready(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  await loadCore(source)
}

export async function loadCore(source?: WasmSource | Promise<WasmSource>): Promise<Core> {
  if (shared) return shared
  const module = await loadModule(host, source)
  shared ??= new Core(module)
  return shared
}

/** Why a WebSocket was not accepted. @throws ChannelError USE_BAD_OPTION if it hibernates */
export function notAccepted(cause: unknown): void {
  refuseHibernating(cause)
}

/** For the synchronous calls. @throws ChannelError USE_NOT_LOADED where channel.wasm has to be fetched first */
export function loadedCore(): Core {
  if (shared) return shared
  const module = moduleNow(host)
  if (!module) throw new ChannelError('USE_NOT_LOADED')
  shared = new Core(module)
  return shared
}
