// Where Workers have channel.wasm: they compile none, but import it compiled.

import module from '../../../channel.wasm'
import type { WasmModule } from '../../wasm/instance.js'

export function findWasm(): WasmModule {
  return module
}

/** There are no files. */
export const readFile = undefined
