// npm test: every test file in a process of its own, two at a time. The last line says how many tests passed and failed.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../build/test/', import.meta.url))
const AT_ONCE = 2
// One that hangs fails. The slowest takes a minute, and three on a machine that is busy.
const TIMEOUT_MS = 400_000

const wanted = process.argv.slice(2)
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
  file => file.endsWith('.test.js') && (!wanted.length || wanted.some(it => file.includes(it))),
)
const totals = { passed: 0, failed: 0, skipped: 0 }

await Promise.all(Array.from({ length: AT_ONCE }, work))
const skipped = totals.skipped ? `, ${totals.skipped} skipped` : ''
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`)
process.exitCode = totals.failed || !totals.passed ? 1 : 0

async function work() {
  for (let next = files.shift(); next; next = files.shift()) await run(next)
}

/** @param {string} file */
async function run(file) {
  const started = performance.now()
  const { output, code } = await outputOf(file)
  const count = (/** @type {string} */ name) => Number(output.match(new RegExp(`${name}:\\s+(\\d+)`))?.[1] ?? 0)
  const passed = count('Passed')
  const skipped = count('Skipped')
  // A file that dies, or that ends without uvu’s summary, has failed even where no test of it did.
  const failed = Math.max(count('Total') - passed - skipped, code === 0 && passed + skipped > 0 ? 0 : 1)
  totals.passed += passed
  totals.failed += failed
  totals.skipped += skipped
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${failed ? 'FAIL' : 'ok  '} ${file.padEnd(28)} ${passed} passed, ${failed} failed, ${seconds} s`)
  for (const line of output.match(/^skipped: .*/gm) ?? []) console.log(`     ${line}`)
  if (failed) console.log(output)
}

/** @param {string} file @returns {Promise<{ output: string, code: number | null }>} */
function outputOf(file) {
  return new Promise(resolve => {
    const child = spawn(process.execPath, ['--expose-gc', FOLDER + file], { stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      // What it has started may still hold them open.
      child.stdout.destroy()
      child.stderr.destroy()
    }, TIMEOUT_MS)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
    child.on('close', code => {
      clearTimeout(timer)
      resolve({ output, code })
    })
  })
}
