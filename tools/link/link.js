// libsodium's wasm, the core, and a cipher in libsodium's place become one module, which imports nothing but host.*

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  constantsModule,
  readDataEnd,
  readExports,
  readFunctionTypes,
  readGlobals,
  readImports,
  readSections,
  section,
  writeExports,
  writeImports,
  writeSections,
} from './wasm.js'

/**
 * @typedef {import('./wasm.js').Section} Section
 * @typedef {import('./wasm.js').Import} Import
 * @typedef {import('./wasm.js').Export} Export
 * @typedef {{ bytes: Uint8Array, names: Map<string, string> }} Libsodium its wasm, and C name -> export name
 */

export const SIZE_BUDGET = 144_000
const STACK_BYTES = 64 * 1024
const CIPHER = 'cipher'
// The features that every supported runtime has, and libsodium and asc use.
const FEATURES = [
  '--enable-simd',
  '--enable-bulk-memory',
  '--enable-sign-ext',
  '--enable-nontrapping-float-to-int',
  '--enable-mutable-globals',
]

// libsodium's own imports are told apart by their types: the core supplies them.
const SODIUM_IMPORTS = /** @type {Record<string, string>} */ ({
  '(i32, i32, i32, i32) -> nothing': 'sodiumAssert',
  '() -> nothing': 'sodiumAbort',
  '(i32, i32, i32) -> i32': 'sodiumRandom',
  '(i32) -> i32': 'sodiumGrow',
})

/**
 * Throws an Error that names the cause where the result would not be what it has to be.
 * @param {Uint8Array} coreBytes core.wasm @param {Libsodium} libsodium
 * @param {Uint8Array} [cipherBytes] simd.wasm: what it exports is taken from there instead of from libsodium
 * @returns {Uint8Array} channel.wasm
 */
export function link(coreBytes, { bytes, names }, cipherBytes) {
  const core = readSections(coreBytes)
  const sodium = readSections(bytes)
  const layout = readLayout(sodium)
  if (cipherBytes) bindCipher(core, readSections(cipherBytes))
  nameSodium(
    sodium,
    names,
    readImports(core).filter(it => it.module === 'env'),
  )

  const folder = mkdtempSync(join(tmpdir(), 'nopki-link-'))
  try {
    const path = (/** @type {string} */ file) => join(folder, file)
    const parts = {
      env: writeSections(sodium),
      layout: constantsModule(layout),
      ...(cipherBytes && { [CIPHER]: cipherBytes }),
      core: writeSections(core),
    }
    for (const [name, part] of Object.entries(parts)) writeFileSync(path(`${name}.wasm`), part)
    binaryen(
      'wasm-merge',
      ...FEATURES,
      ...Object.keys(parts).flatMap(name => [path(`${name}.wasm`), name]),
      '--skip-export-conflicts',
      '-o',
      path('merged.wasm'),
    )
    const merged = readSections(readFileSync(path('merged.wasm')))
    const kept = keepExports(core, merged)
    writeFileSync(path('kept.wasm'), writeSections(merged))
    binaryen(
      'wasm-opt',
      ...FEATURES,
      '-O3',
      '--strip-debug',
      '--strip-producers',
      '--strip-target-features',
      path('kept.wasm'),
      '-o',
      path('channel.wasm'),
    )
    const channel = readFileSync(path('channel.wasm'))
    check(readSections(channel), channel.length, kept)
    return channel
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Where libsodium's stack lies: below its stack pointer's start, and above its data. @param {Section[]} sodium */
function readLayout(sodium) {
  const globals = readGlobals(sodium)
  const top = globals[0]
  if (globals.length !== 1 || !top?.mutable)
    throw new Error("libsodium's wasm no longer has its stack pointer as its one global")
  const base = top.value - STACK_BYTES
  const dataEnd = readDataEnd(sodium)
  if (base < dataEnd)
    throw new Error(`libsodium's data ends at ${dataEnd}, inside what was its stack (${base} to ${top.value})`)
  return { stack_base: base, stack_top: top.value }
}

/**
 * Gives libsodium's wasm its C names again, keeping only what the core uses, and points its imports at the core.
 * @param {Section[]} sodium @param {Map<string, string>} names @param {Import[]} wanted what the core imports from it
 */
function nameSodium(sodium, names, wanted) {
  const byName = new Map(readExports(sodium).map(it => [it.name, it]))
  const found = wanted.map(({ base }) => ({ base, export: byName.get(names.get(base) ?? '') }))
  const missing = found.filter(it => !it.export).map(it => it.base)
  if (missing.length) throw new Error(`the libsodium package no longer has ${missing.join(', ')}`)
  const exports = found.map(it => ({ .../** @type {Export} */ (it.export), name: it.base }))
  checkTypes('libsodium', sodium, wanted, exports)

  const imports = readImports(sodium)
  const types = imports.map(it => it.type)
  if (types.slice().sort().join() !== Object.keys(SODIUM_IMPORTS).sort().join()) {
    throw new Error(`libsodium's wasm imports ${types.join('; ')}: the core has no stand-ins for these`)
  }
  section(sodium, 'export').body = writeExports(exports)
  section(sodium, 'import').body = writeImports(
    imports.map(it => ({ ...it, module: 'core', base: /** @type {string} */ (SODIUM_IMPORTS[it.type]) })),
  )
}

/**
 * Has the core import from the cipher what that exports.
 * @param {Section[]} core @param {Section[]} cipher @returns {void}
 */
function bindCipher(core, cipher) {
  const exports = readExports(cipher).filter(it => it.kind === 'func')
  const imports = readImports(core)
  const replaced = exports.map(({ name }) => imports.find(it => it.module === 'env' && it.base === name))
  const unused = exports.filter((_, at) => !replaced[at]).map(it => it.name)
  if (unused.length) throw new Error(`simd.wasm exports ${unused.join(', ')}, which the core does not import`)
  checkTypes('simd.wasm', cipher, /** @type {Import[]} */ (replaced), exports)
  section(core, 'import').body = writeImports(
    imports.map(it => (replaced.includes(it) ? { ...it, module: CIPHER } : it)),
  )
}

/**
 * What assembly/sodium.ts declares has to be what a module has.
 * @param {string} whose @param {Section[]} module @param {Import[]} wanted @param {Export[]} exports
 */
function checkTypes(whose, module, wanted, exports) {
  const types = readFunctionTypes(module)
  exports.forEach(({ name, kind, index }, at) => {
    const type = kind === 'func' ? types[index] : kind
    const declared = wanted[at]?.type
    if (type !== declared) {
      throw new Error(`${whose}'s ${name} is ${type}, and assembly/sodium.ts declares it as ${declared}`)
    }
  })
}

/** Drops libsodium's exports and the core's stand-ins; returns what stays. @param {Section[]} core @param {Section[]} merged */
function keepExports(core, merged) {
  const hooks = Object.values(SODIUM_IMPORTS)
  const names = readExports(core)
    .map(it => it.name)
    .filter(name => !hooks.includes(name))
  const kept = readExports(merged).filter(it => names.includes(it.name))
  section(merged, 'export').body = writeExports(kept)
  return names
}

/** @param {Section[]} channel @param {number} size @param {string[]} expected */
function check(channel, size, expected) {
  const foreign = readImports(channel).filter(it => it.module !== 'host')
  if (foreign.length) throw new Error(`it would import ${foreign.map(it => `${it.module}.${it.base}`).join(', ')}`)
  const exports = readExports(channel).map(it => it.name)
  const lost = expected.filter(name => !exports.includes(name))
  const surplus = exports.filter(name => !expected.includes(name))
  if (lost.length) throw new Error(`it would not export ${lost.join(', ')}`)
  if (surplus.length) throw new Error(`it would also export ${surplus.join(', ')}`)
  if (size > SIZE_BUDGET) throw new Error(`it has ${size} bytes, over the budget of ${SIZE_BUDGET}`)
}

/** @param {string} tool @param {string[]} args */
function binaryen(tool, ...args) {
  const bin = join(dirname(createRequire(import.meta.url).resolve('binaryen/package.json')), 'bin', tool)
  execFileSync(process.execPath, [bin, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
}
