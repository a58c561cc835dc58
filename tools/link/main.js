// build/core.wasm + libsodium's wasm -> build/channel.wasm, which imports nothing but host.*

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { takeLibsodium } from './libsodium.js'
import {
  constantsModule,
  readDataEnd,
  readExports,
  readGlobals,
  readImports,
  readSections,
  readTypes,
  section,
  writeExports,
  writeImports,
  writeSections,
} from './wasm.js'

/** @typedef {import('./wasm.js').Section} Section */

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url))
const SIZE_BUDGET = 144_000
const STACK_BYTES = 64 * 1024
// The features that every supported runtime has, and libsodium and asc use.
const FEATURES = [
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

try {
  await link()
} catch (error) {
  console.error(`error: cannot link build/channel.wasm: ${/** @type {Error} */ (error).message}`)
  process.exit(1)
}

async function link() {
  const core = readSections(readFileSync(join(BUILD, 'core.wasm')))
  const { bytes, names } = await takeLibsodium()
  const sodium = readSections(bytes)
  const layout = readLayout(sodium)
  nameSodium(
    sodium,
    names,
    readImports(core)
      .filter(it => it.module === 'env')
      .map(it => it.base),
  )

  const folder = mkdtempSync(join(tmpdir(), 'nopki-link-'))
  try {
    const path = (/** @type {string} */ file) => join(folder, file)
    writeFileSync(path('sodium.wasm'), writeSections(sodium))
    writeFileSync(path('layout.wasm'), constantsModule(layout))
    binaryen(
      'wasm-merge',
      ...FEATURES,
      path('sodium.wasm'),
      'env',
      path('layout.wasm'),
      'layout',
      join(BUILD, 'core.wasm'),
      'core',
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
    writeFileSync(join(BUILD, 'channel.wasm'), channel)
    console.log(
      `build/channel.wasm: ${channel.length} bytes, of which the core ${readFileSync(join(BUILD, 'core.wasm')).length}`,
    )
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
 * @param {Section[]} sodium @param {Map<string, string>} names @param {string[]} wanted
 */
function nameSodium(sodium, names, wanted) {
  const missing = wanted.filter(name => !names.has(name))
  if (missing.length) throw new Error(`the libsodium package no longer has ${missing.join(', ')}`)
  const byName = new Map(readExports(sodium).map(it => [it.name, it]))
  const exports = wanted.map(name => ({
    .../** @type {any} */ (byName.get(/** @type {string} */ (names.get(name)))),
    name,
  }))
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
  readTypes(channel)
  const foreign = readImports(channel).filter(it => it.module !== 'host')
  if (foreign.length) throw new Error(`it would import ${foreign.map(it => `${it.module}.${it.base}`).join(', ')}`)
  const exports = readExports(channel).map(it => it.name)
  const lost = expected.filter(name => !exports.includes(name))
  if (lost.length || exports.length !== expected.length)
    throw new Error(`it exports ${exports.join(', ')}, without ${lost.join(', ')}`)
  if (size > SIZE_BUDGET) throw new Error(`it has ${size} bytes, over the budget of ${SIZE_BUDGET}`)
}

/** @param {string} tool @param {string[]} args */
function binaryen(tool, ...args) {
  const bin = join(dirname(createRequire(import.meta.url).resolve('binaryen/package.json')), 'bin', tool)
  execFileSync(process.execPath, [bin, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
}
