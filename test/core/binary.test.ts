// What the build has made of the core and libsodium: sections, size, imports and exports; and how the linker fails.

import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VERSION, VERSION_SECTION } from '../../src/wasm/version.js'

interface Section {
  name: string
  body: Uint8Array
}
interface Import {
  module: string
  base: string
  kind: string
  type: string
  tail: number[]
}
interface Libsodium {
  bytes: Uint8Array
  names: Map<string, string>
}

const root = new URL('../../../', import.meta.url)
const tool = (path: string) => import(new URL(`tools/link/${path}`, root).href)
const wasm: {
  readSections(bytes: Uint8Array): Section[]
  writeSections(sections: Section[]): Uint8Array
  readImports(sections: Section[]): Import[]
  writeImports(imports: Import[]): Uint8Array
  readExports(sections: Section[]): { name: string; kind: string; index: number }[]
  readFunctionTypes(sections: Section[]): string[]
  section(sections: Section[], name: string): Section
  withCustomSection(bytes: Uint8Array, name: string, text: string): Uint8Array
} = await tool('wasm.js')
const {
  link,
  SIZE_BUDGET,
}: {
  link(core: Uint8Array, libsodium: Libsodium, cipher?: Uint8Array): Uint8Array
  SIZE_BUDGET: number
} = await tool('link.js')
const {
  takeLibsodium,
  checkHash,
}: { takeLibsodium(): Promise<Libsodium>; checkHash(bytes: Uint8Array, installed: string): void } =
  await tool('libsodium.js')

const core = readFileSync(new URL('build/core.wasm', root))
const cipher = readFileSync(new URL('build/simd.wasm', root))
const channel = readFileSync(new URL('build/channel.wasm', root))
const libsodium = await takeLibsodium()

test('the core has no static data, memory, table or global of its own', () => {
  const names = wasm.readSections(core).map(it => it.name)
  assert.equal(names, ['type', 'import', 'function', 'export', 'code'])
})

test('the cipher has no static data, memory, table or global of its own', () => {
  const sections = wasm.readSections(cipher)
  assert.equal(
    sections.map(it => it.name),
    ['type', 'import', 'function', 'export', 'code'],
  )
  assert.equal(
    wasm.readImports(sections).map(it => `${it.module}.${it.base}`),
    ['layout.stack_base', 'env.memory'],
  )
})

test('the channel keeps to its size and imports from the host alone', () => {
  assert.ok(channel.length <= 144_000, `${channel.length} bytes`)
  assert.is(SIZE_BUDGET, 144_000)
  for (const it of wasm.readImports(wasm.readSections(channel))) assert.is(it.module, 'host', it.base)
})

const GOLDEN = new URL('test/golden/channel.txt', root)
const UPDATE =
  'the ABI has changed: if that is intended, change src/wasm/exports.ts and run node build/test/core/binary.test.js --update'

test("the channel's imports and exports are the golden ones", () => {
  const sections = wasm.readSections(channel)
  const types = wasm.readFunctionTypes(sections)
  const imports = wasm.readImports(sections).map(it => `import ${it.kind} ${it.module}.${it.base}: ${it.type}`)
  const exports = wasm.readExports(sections).map(it => {
    return `export ${it.kind} ${it.name}${it.kind === 'func' ? `: ${types[it.index]}` : ''}`
  })
  const found = `${[...imports.sort(), ...exports.sort()].join('\n')}\n`
  if (process.argv.includes('--update')) writeFileSync(GOLDEN, found)
  assert.fixture(found, readFileSync(GOLDEN, 'utf8'), UPDATE)
})

test("the host's view of the exports has the same names and numbers of parameters", () => {
  const source = readFileSync(new URL('src/wasm/exports.ts', root), 'utf8')
  const declared = [...source.matchAll(/^ {2}(\w+)\(([^)]*)\): (\w+)/gm)].map(([, name, list = '', result]) => {
    const parameters = list.split(',').filter(it => it.trim() !== '').length
    return `${name}: ${parameters} -> ${result === 'void' ? 'nothing' : 'i32'}`
  })
  const sections = wasm.readSections(channel)
  const types = wasm.readFunctionTypes(sections)
  const exported = wasm
    .readExports(sections)
    .filter(it => it.kind === 'func')
    .map(({ name, index }) => {
      const [, list = '', result] = /^\((.*)\) -> (\w+)$/.exec(types[index] ?? '') ?? []
      return `${name}: ${list.split(',').filter(it => it !== '').length} -> ${result}`
    })
  assert.equal(declared.sort(), exported.sort())
})

test('linking again gives the same bytes', () => {
  assert.ok(channel.equals(wasm.withCustomSection(link(core, libsodium, cipher), VERSION_SECTION, VERSION)))
})

test('the channel says its version, which is the package’s', () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  assert.is(VERSION, version)
  const { body } = wasm.section(wasm.readSections(channel), 'custom')
  assert.is(Buffer.from(body.subarray(1)).toString(), VERSION_SECTION + version)
})

// The core, or libsodium, with its imports changed.
function withImports(bytes: Uint8Array, change: (it: Import) => Import): Uint8Array {
  const sections = wasm.readSections(bytes)
  wasm.section(sections, 'import').body = wasm.writeImports(wasm.readImports(sections).map(change))
  return wasm.writeSections(sections)
}

test('the linker names what libsodium no longer has', () => {
  const names = new Map(libsodium.names)
  names.delete('crypto_kem_mlkem768_dec')
  assert.throws(
    () => link(core, { ...libsodium, names }),
    /^the libsodium package no longer has crypto_kem_mlkem768_dec$/,
  )
  // Named by the package's script, but not exported by its wasm.
  names.set('crypto_kem_mlkem768_dec', 'no such export')
  assert.throws(() => link(core, { ...libsodium, names }), 'no longer has crypto_kem_mlkem768_dec')
})

test('the linker names imports of libsodium that it has no stand-in for', () => {
  const [first, second] = wasm.readImports(wasm.readSections(libsodium.bytes))
  const bytes = withImports(libsodium.bytes, it => (it.base === first!.base ? { ...it, tail: second!.tail } : it))
  assert.throws(
    () => link(core, { ...libsodium, bytes }),
    (error: Error) =>
      error.message.startsWith("libsodium's wasm imports (i32, i32, i32) -> i32; (i32, i32, i32) -> i32;") &&
      error.message.endsWith('the core has no stand-ins for these'),
  )
})

test('the linker names a function that is not what the core takes it for', () => {
  const names = new Map(libsodium.names).set('crypto_scalarmult_base', libsodium.names.get('crypto_scalarmult')!)
  assert.throws(
    () => link(core, { ...libsodium, names }),
    "libsodium's crypto_scalarmult_base is (i32, i32, i32) -> i32, and assembly/sodium.ts declares it as (i32, i32) -> i32",
  )
})

test('the linker names what the cipher has and the core has no use for, or takes for something else', () => {
  const other = withImports(core, it => (it.base === ENCRYPT ? { ...it, base: 'other' } : it))
  assert.throws(() => link(other, libsodium, cipher), `simd.wasm exports ${ENCRYPT}, which the core does not import`)
  const sections = wasm.readSections(core)
  const random = wasm.readImports(sections).find(it => it.base === 'random')!
  const wrong = withImports(core, it => (it.base === ENCRYPT ? { ...it, tail: random.tail } : it))
  assert.throws(() => link(wrong, libsodium, cipher), `simd.wasm's ${ENCRYPT} is (i32, i32,`)
})

const ENCRYPT = 'crypto_aead_chacha20poly1305_ietf_encrypt'

test('the linker names an import that the host would not supply', () => {
  const foreign = withImports(core, it => (it.module === 'host' ? { ...it, module: 'other' } : it))
  assert.throws(() => link(foreign, libsodium), 'it would import other.random')
})

test('the linker takes only the libsodium that it was checked against', () => {
  checkHash(libsodium.bytes, '0.8.4')
  const changed = libsodium.bytes.slice()
  changed[changed.length - 1]! ^= 1
  assert.throws(
    () => checkHash(changed, '9.9.9'),
    (error: Error) =>
      /^libsodium 9\.9\.9 carries a wasm with SHA-256 [0-9a-f]{64}, but the linker was checked against/.test(
        error.message,
      ),
  )
})

test.run()
