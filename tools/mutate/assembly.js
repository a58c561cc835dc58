// npm run mutate:core: builds the core with each of the changes in assembly-changes.js, one at a time, and runs the tests of the core.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { CHANGES } from './assembly-changes.js'
import { makeSandbox, runTest } from './run.js'

// The quickest first. None of them compares the binary itself, for which every change is one.
const TESTS = [
  ...['vectors', 'attack', 'published', 'router', 'wiping', 'engine', 'peer', 'simd', 'tamper', 'native', 'credit'],
  ...['simd-poly1305', 'simd-linked'],
].map(name => `${name}.test.js`)
const LIMIT_MS = 180_000

setPriority(19)
const sandbox = makeSandbox()
build()
for (const test of TESTS) {
  const { passed, output } = await runTest(sandbox, test, LIMIT_MS)
  if (!passed) throw new Error(`${test} fails by itself:\n${output}`)
}
const survivors = []
for (const change of CHANGES) if (!(await isCaught(...change))) survivors.push(change)
console.log(`\n${CHANGES.length - survivors.length} of ${CHANGES.length} are caught`)
process.exitCode = survivors.length > 0 ? 1 : 0

/** @param {string} file @param {string} from @param {string} to */
async function isCaught(file, from, to) {
  const path = join(sandbox, 'assembly', file)
  const code = readFileSync(path, 'utf8')
  const parts = code.split(from)
  if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, not once:\n${from}`)
  writeFileSync(path, parts.join(to))
  try {
    build()
    for (const test of TESTS) {
      const { passed, hung } = await runTest(sandbox, test, LIMIT_MS)
      if (passed) continue
      console.log(`caught    ${file}: ${from.split('\n')[0]}: ${test}${hung ? ', which hung' : ''}`)
      return true
    }
    console.log(`SURVIVED  ${file}: ${from}`)
    return false
  } finally {
    writeFileSync(path, code)
  }
}

function build() {
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build:wasm'], { cwd: sandbox, encoding: 'utf8' })
  if (status !== 0) throw new Error(stdout + stderr)
}
