// npm run mutate:core: builds the core with each of the changes in assembly-changes.js, one at a time, and runs the tests of the core.
// --only 3,7 tries some of them, counted from 0.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CHANGES } from './assembly-changes.js'
import { makeSandbox, outcomeOf } from './run.js'

// The quickest first. None of them compares the binary itself, for which every change is one.
const TESTS = [
  ...[
    'core/vectors',
    'core/proof',
    'core/several-keys',
    'core/counter',
    'core/attack',
    'core/router',
    'core/wiping',
    'core/engine',
    'core/peer',
  ],
  ...['core/simd', 'core/tamper', 'core/native', 'web/credit', 'core/simd-poly1305', 'core/simd-linked'],
].map(name => `${name}.test.js`)
// Which is likely to notice, by the start of the file's name.
const FIRST = {
  reader: ['core/tamper'],
  writer: ['core/wiping', 'core/engine'],
  cipher: ['core/tamper', 'core/counter', 'core/native'],
  memory: ['core/wiping'],
  channel: ['core/wiping'],
  simd: ['core/simd-poly1305', 'core/simd'],
  handshake: ['core/proof', 'core/several-keys', 'core/peer'],
  wire: ['core/several-keys'],
}
/** Of silence, in s. */
const LIMIT = 90

/** As `npm run build:wasm` has them. */
const HALVES = { core: 'asc assembly/index.ts --target core', simd: 'asc assembly/simd/index.ts --target simd' }

setPriority(5)
const sandbox = makeSandbox()
/** The half that was built with the last change. */
let stale = HALVES.core
build(HALVES.core, HALVES.simd)
for (const test of TESTS) {
  if ((await outcomeOf(sandbox, test, LIMIT)) !== 'passes') throw new Error(`${test} fails by itself`)
}
const survivors = []
const { values } = parseArgs({ options: { only: { type: 'string' } } })
const only = values.only?.split(',').map(Number)
const changes = CHANGES.filter((_, at) => only?.includes(at) ?? true)
for (const change of changes) if (!(await isCaught(...change))) survivors.push(change)
console.log(`\n${changes.length - survivors.length} of ${changes.length} are caught`)
process.exitCode = survivors.length > 0 ? 1 : 0

/** @param {string} file @param {string} from @param {string} to */
async function isCaught(file, from, to) {
  const path = join(sandbox, 'assembly', file)
  const code = readFileSync(path, 'utf8')
  const parts = code.split(from)
  if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, not once:\n${from}`)
  writeFileSync(path, parts.join(to))
  try {
    build(halfOf(file), stale)
    stale = halfOf(file)
    for (const test of inOrder(file)) {
      const outcome = await outcomeOf(sandbox, test, LIMIT)
      if (outcome === 'passes') continue
      console.log(`caught    ${file}: ${from.split('\n')[0]}: ${test} ${outcome}`)
      return true
    }
    console.log(`SURVIVED  ${file}: ${from}`)
    return false
  } finally {
    writeFileSync(path, code)
  }
}

/** @param {string} file */
function inOrder(file) {
  const first =
    Object.entries(FIRST)
      .find(([start]) => file.startsWith(start))?.[1]
      .map(it => `${it}.test.js`) ?? []
  return [...first, ...TESTS.filter(it => !first.includes(it))]
}

/** @param {string} file */
function halfOf(file) {
  return file.startsWith('simd/') ? HALVES.simd : HALVES.core
}

/** @param {string[]} halves */
function build(...halves) {
  const command = [...new Set(halves), 'node tools/link/main.js'].join(' && ')
  const { status, stdout, stderr } = spawnSync('npx', ['-c', command], { cwd: sandbox, encoding: 'utf8' })
  if (status !== 0) throw new Error(stdout + stderr)
}
