import { ChannelError } from '../../errors.js'
import { kindOf } from '../../keys/given.js'
import type { WasmModule } from '../../wasm/instance.js'
import { simdMissing } from '../../wasm/simd.js'
import { bytesOf } from '../bytes.js'

/** What channel.wasm can be given as. */
export type WasmSource = WasmModule | BufferSource | Response | URL | string

/** @throws ChannelError USE_NO_WASM */
export async function compile(source: WasmSource): Promise<WasmModule> {
  const kind = kindOf(source)
  if (kind === 'WebAssembly.Module') return source as WasmModule
  let from = 'what was given'
  try {
    if (kind === 'String' || kind === 'URL') {
      from = String(source)
      return await compileResponse(await fetch(from))
    }
    if (kind === 'Response') return await compileResponse(source as Response)
    return await compileBytes(source as BufferSource)
  } catch (cause) {
    throw new ChannelError('USE_NO_WASM', `${from} gave no WebAssembly: ${(cause as Error).message}`, {
      next:
        simdMissing() ??
        'serve the package’s channel.wasm there, or say with `await ready(url)` where it is (`nopki/channel.wasm`)',
      cause,
    })
  }
}

/** Streams, where the server says that it is WebAssembly; else the bytes themselves have to. */
async function compileResponse(response: Response): Promise<WasmModule> {
  if (!response.ok) throw new Error(`status ${response.status}`)
  const type = response.headers.get('content-type') ?? ''
  if (/^application\/wasm\b/i.test(type) && WebAssembly.compileStreaming) {
    return await WebAssembly.compileStreaming(response)
  }
  const bytes = await response.arrayBuffer()
  try {
    return await compileBytes(bytes)
  } catch (cause) {
    throw new Error(`${(cause as Error).message} (content-type ${type})`)
  }
}

/** Compilers' words for what is no WebAssembly at all differ. */
async function compileBytes(bytes: BufferSource): Promise<WasmModule> {
  const start = String.fromCharCode(...bytesOf(bytes).subarray(0, 4))
  if (start !== '\0asm') throw new Error('no module')
  return await WebAssembly.compile(bytes)
}
