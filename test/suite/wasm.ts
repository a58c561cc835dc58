import { sha256 } from './bytes.js'

type Source = BufferSource | Response | PromiseLike<Response> | WebAssembly.Module

/**
 * From here on, notes what this runtime compiles. Returns a function that gives the SHA-256 of each binary. A Worker’s is compiled
 * before its code runs: there it gives none.
 */
export function watchWasm(): () => Promise<string[]> {
  const seen: Promise<ArrayBuffer | Uint8Array<ArrayBuffer>>[] = []
  const note = (source: Source): void => {
    if (source instanceof ArrayBuffer) seen.push(Promise.resolve(source.slice()))
    else if (ArrayBuffer.isView(source)) {
      seen.push(Promise.resolve(new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice()))
    } else if (source instanceof Response) seen.push(source.clone().arrayBuffer())
  }
  const { Module } = WebAssembly
  WebAssembly.Module = new Proxy(Module, {
    construct(target, args) {
      note(args[0])
      return Reflect.construct(target, args)
    },
  })
  for (const name of ['compile', 'instantiate', 'compileStreaming', 'instantiateStreaming'] as const) {
    const original = WebAssembly[name] as ((...args: [Source]) => Promise<never>) | undefined
    if (!original) continue
    const watched = async (...[source, ...others]: [Source]) => {
      const ready = await source
      note(ready)
      return original.call(WebAssembly, ready, ...(others as []))
    }
    Object.assign(WebAssembly, { [name]: watched })
  }
  return async () => Promise.all(seen.map(async it => sha256(new Uint8Array(await it))))
}
