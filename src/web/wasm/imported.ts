// Where Workers have channel.wasm: they compile none, but import it compiled.

import module from '../../../channel.wasm'

export function findWasm(): WebAssembly.Module {
  return module
}
