import { ChannelError } from '../errors.js'

/** The error of what did not become channel.wasm; where the engine lacks something, it says that. */
export function noWasm(reason: string, cause: unknown, next?: string): ChannelError {
  if (cause instanceof ChannelError) return cause
  const [what, advice] = missing(reason) ?? [reason, next]
  return new ChannelError('USE_NO_WASM', what, { ...(advice && { next: advice }), cause })
}

/** What this engine lacks of what channel.wasm needs, and what to do about it. */
function missing(reason: string): [string, string] | undefined {
  if (typeof WebAssembly === 'undefined') {
    return [
      'this engine has no WebAssembly',
      'nopki needs it: Node has it without --jitless; Hermes, and browsers in lockdown mode, have none',
    ]
  }
  // A module with the type of a function that returns a vector.
  const vector = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123)
  if (!WebAssembly.validate(vector)) {
    return [reason, 'channel.wasm needs WebAssembly SIMD, as engines have since 2023 (Safari 16.4)']
  }
  try {
    new WebAssembly.Module(vector)
    return undefined
  } catch {
    return [
      'this host compiles no WebAssembly',
      'import channel.wasm as a compiled module, for `await ready(module)`, or allow it (`wasm-unsafe-eval` in a page)',
    ]
  }
}
