// The compiled channel.wasm of this process: sockets and Web Streams have an instance of it each.

import { isBytes } from '../keys/given.js'
import { noWasm } from '../wasm/failure.js'
import { checkVersion, compiled, isModule, type WasmModule } from '../wasm/instance.js'
import { compile, type ReadFile, type WasmSource } from './compile.js'

/** What only the runtime knows. */
export interface WasmHost {
  /** Where the package has channel.wasm. What it throws says why it is not there. */
  findWasm(): WasmSource
  readFile?: ReadFile | undefined
}

let kept: WasmModule | undefined
let loading: Promise<WasmModule> | undefined
let inside: (() => Uint8Array) | undefined

/** For `nopki/inline`: bytes to take if nothing else is said. They are made when they are used. */
export function offerWasm(bytes: () => Uint8Array): void {
  inside = bytes
}

/**
 * Loads channel.wasm, unless that is done or under way.
 *
 * @param source by default what `nopki/inline` offers, else the package’s own
 * @throws ChannelError USE_NO_WASM; a later call tries again
 */
export function loadModule(host: WasmHost, source?: WasmSource | Promise<WasmSource>): Promise<WasmModule> {
  loading ??= load(host, source).finally(() => {
    loading = undefined
  })
  return loading
}

async function load(host: WasmHost, source?: WasmSource | Promise<WasmSource>): Promise<WasmModule> {
  kept ??= checkVersion(await compile(await (source ?? find(host)), host.readFile))
  return kept
}

/** At once; undefined where it has to be fetched first. @throws ChannelError USE_NO_WASM */
export function moduleNow(host: WasmHost): WasmModule | undefined {
  if (kept) return kept
  const found = find(host)
  if (!isModule(found) && !isBytes(found)) return undefined
  kept = checkVersion(compiled(found as WasmModule))
  return kept
}

function find({ findWasm }: WasmHost): WasmSource {
  try {
    return inside?.() ?? findWasm()
  } catch (cause) {
    // A bundler that has taken the file’s own URL away.
    throw noWasm(`where it is cannot be told: ${(cause as Error).message}`, cause, IN_A_BUNDLE)
  }
}

/** What to do where this package’s code was moved, and channel.wasm was not. */
export const IN_A_BUNDLE =
  'import `nopki/inline` first, which has it inside, or copy the package’s channel.wasm and say with `await ready(url)` where it is'
