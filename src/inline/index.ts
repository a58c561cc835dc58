// nopki/inline: channel.wasm inside a module, for where no file is beside the program: bundles, single executables, pages from file:.
// Importing it is enough, and does no work yet.

import { offerWasm } from '../load/load.js'
import { BASE64 } from './base64.js'

/** channel.wasm’s bytes, as `ready` and the `Core` of `nopki/engine` take them. */
export function wasm(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(BASE64), it => it.charCodeAt(0))
}

offerWasm(wasm)
