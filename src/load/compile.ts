import { kindOf, viewOf } from '../keys/given.js'
import { noWasm } from '../wasm/failure.js'
import { isModule, type WasmModule } from '../wasm/instance.js'

/** What channel.wasm can be given as. */
export type WasmSource = WasmModule | ArrayBuffer | ArrayBufferView | Response | URL | string

/** Reads a file; undefined if this is not the name of one. */
export type ReadFile = (source: string | URL) => Promise<Uint8Array> | undefined

/** @throws ChannelError USE_NO_WASM */
export async function compile(source: WasmSource, readFile?: ReadFile): Promise<WasmModule> {
  const kind = kindOf(source)
  let from = 'what was given'
  try {
    if (isModule(source)) return source as WasmModule
    if (kind === 'String' || kind === 'URL') {
      from = String(source)
      const file = readFile?.(source as string | URL)
      return file ? await compileBytes(await file) : await compileResponse(await fetch(from))
    }
    if (kind === 'Response') return await compileResponse(source as Response)
    return await compileBytes(source as BufferSource)
  } catch (cause) {
    throw noWasm(`${from} gave no WebAssembly: ${(cause as Error).message}`, cause, NEXT)
  }
}

/** Streams, where the server says that it is WebAssembly, and no more than that; else the bytes themselves have to. */
async function compileResponse(response: Response): Promise<WasmModule> {
  if (!response.ok) throw new Error(`status ${response.status}`)
  const type = response.headers.get('content-type') ?? ''
  if (/^application\/wasm$/i.test(type.trim()) && WebAssembly.compileStreaming) {
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
async function compileBytes(source: ArrayBuffer | ArrayBufferView): Promise<WasmModule> {
  const bytes = viewOf(source) ?? new Uint8Array(source as ArrayBuffer)
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== '\0asm') throw new Error('no module')
  return await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>)
}

const NEXT = 'serve the package’s channel.wasm there, or say with `await ready(url)` where it is (`nopki/channel.wasm`)'
