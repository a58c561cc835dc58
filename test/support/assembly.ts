// AssemblyScript that a test compiles, to call what channel.wasm does not export; and the build's own parts, linked anew.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from 'assemblyscript/asc'

const root = new URL('../../../', import.meta.url)
const SOURCE = 'assembly/of-a-test.ts'

interface Libsodium {
  bytes: Uint8Array
  names: Map<string, string | number>
}

type Bytes = Uint8Array<ArrayBuffer>

const { link }: { link(core: Uint8Array, libsodium: Libsodium, cipher?: Uint8Array): Bytes } = await import(
  new URL('tools/link/link.js', root).href
)
const { takeLibsodium }: { takeLibsodium(): Promise<Libsodium> } = await import(
  new URL('tools/link/libsodium.js', root).href
)
const { withCustomSection }: { withCustomSection(bytes: Uint8Array, name: string, text: string): Bytes } = await import(
  new URL('tools/link/wasm.js', root).href
)

export { link, withCustomSection }

/** What the build has made, and links. */
export const coreBytes = readFileSync(new URL('build/core.wasm', root))
export const cipherBytes = readFileSync(new URL('build/simd.wasm', root))
export const libsodium = await takeLibsodium()

/** Compiles source that stands in `assembly/`, as the build compiles the core or the cipher. */
export async function compile(source: string, target: 'core' | 'simd'): Promise<Bytes> {
  let wasm: Bytes | undefined
  const { error, stderr } = await main([SOURCE, '--target', target, '--outFile', 'of-a-test.wasm'], {
    readFile(name, folder) {
      if (name === SOURCE) return source
      try {
        return readFileSync(join(folder === '.' ? fileURLToPath(root) : folder, name), 'utf8')
      } catch {
        return null
      }
    },
    writeFile(_name, contents) {
      if (typeof contents !== 'string') wasm = new Uint8Array(contents)
    },
    listFiles: () => [],
  })
  if (error || !wasm) throw new Error(`${error?.message}: ${stderr}`)
  return wasm
}

export interface Instance {
  /** All of its linear memory, valid until it grows. */
  bytes(): Buffer
  call: Record<string, (...values: number[]) => number>
}

/** An instance with memory of its own, or, of the cipher and what it has, with `pages` of a test's; its scratch is at `scratch` then. */
export function instantiate(wasm: Uint8Array, pages = 0, scratch = 0): Instance {
  const ours = pages > 0 && new WebAssembly.Memory({ initial: pages })
  const imports = ours ? { env: { memory: ours }, layout: { stack_base: scratch } } : {}
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), imports)
  const memory = ours || exports.memory
  return { bytes: () => Buffer.from(memory.buffer), call: exports }
}

// biome-ignore lint/suspicious/noExplicitAny: tests are compiled without the types of browsers, which have it
const { WebAssembly } = globalThis as any
