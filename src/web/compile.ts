import { ChannelError } from '../errors.js'

/** What channel.wasm can be given as. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string

/** @throws ChannelError USE_NO_WASM */
export async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source
  if (typeof source === 'string' || source instanceof URL)
    return await compileResponse(await get(source), String(source))
  if (source instanceof Response) return await compileResponse(source, source.url || 'the response')
  return await compileBytes(source, 'the bytes given')
}

async function get(url: string | URL): Promise<Response> {
  try {
    return await fetch(url, { credentials: 'same-origin' })
  } catch (cause) {
    throw noWasm(`${url} could not be fetched`, cause)
  }
}

/** Streams, where the server says that it is WebAssembly; else the bytes themselves have to. */
async function compileResponse(response: Response, from: string): Promise<WebAssembly.Module> {
  if (!response.ok) throw noWasm(`${from} answered with status ${response.status}`)
  const type = response.headers.get('content-type') ?? ''
  try {
    if (/^application\/wasm\b/i.test(type) && WebAssembly.compileStreaming) {
      return await WebAssembly.compileStreaming(response)
    }
  } catch (cause) {
    throw noWasm(`what ${from} answered does not compile`, cause)
  }
  let bytes: ArrayBuffer
  try {
    bytes = await response.arrayBuffer()
  } catch (cause) {
    throw noWasm(`${from} broke off`, cause)
  }
  return await compileBytes(bytes, `${from} (${type || 'of no type'})`)
}

async function compileBytes(bytes: BufferSource, from: string): Promise<WebAssembly.Module> {
  const start = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes)
  if (MAGIC.some((byte, at) => start[at] !== byte)) throw noWasm(`${from} is not WebAssembly`)
  try {
    return await WebAssembly.compile(bytes)
  } catch (cause) {
    throw noWasm(`${from} does not compile`, cause)
  }
}

function noWasm(reason: string, cause?: unknown): ChannelError {
  return new ChannelError('USE_NO_WASM', reason, {
    next: 'serve the package’s channel.wasm there, or say with `await ready(url)` where it is (`nopki/channel.wasm`)',
    cause,
  })
}

// "\0asm"
const MAGIC = [0x00, 0x61, 0x73, 0x6d]
