// A copy of the clone to change, and test files that run in it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** All of the clone but what is installed, which is linked, as is ../shared. Removed when the process ends. */
export function makeSandbox() {
  const folder = mkdtempSync(join(tmpdir(), 'nopki-mutate-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  // Tests have other users look into it.
  chmodSync(folder, 0o755)
  const sandbox = join(folder, 'clone')
  mkdirSync(sandbox)
  if (existsSync(join(ROOT, '../shared'))) symlinkSync(join(ROOT, '../shared'), join(folder, 'shared'))
  for (const name of readdirSync(ROOT)) {
    if (name === '.git') continue
    if (name === 'node_modules') symlinkSync(join(ROOT, name), join(sandbox, name))
    else cpSync(join(ROOT, name), join(sandbox, name), { recursive: true })
  }
  return sandbox
}

/**
 * @typedef {{ passed: boolean, hung: boolean, seconds: number, silence: number, output: string }} Run
 *   `silence`: the longest time that its test cases left between two words of theirs, in s
 */

/**
 * Runs a test file as `npm test` does, until its first test case fails. One that says nothing for too long is killed, with all that it
 * has started.
 * @param {string} sandbox @param {string} file @param {number} limit of silence, in s @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Run>}
 */
export function runTest(sandbox, file, limit, env = {}) {
  const started = performance.now()
  return new Promise(resolve => {
    const child = spawn(process.execPath, ['--expose-gc', join(sandbox, 'build/test', file)], {
      cwd: sandbox,
      // A group of its own.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    let hung = false
    let output = ''
    let silence = 0
    let last = started
    const stop = () => {
      stops.delete(stop)
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL')
      } catch {
        // All have ended.
      }
    }
    stops.add(stop)
    const timer = setTimeout(() => {
      hung = true
      stop()
    }, limit * 1000)
    const heard = () => {
      silence = Math.max(silence, (performance.now() - last) / 1000)
      last = performance.now()
      timer.refresh()
    }
    child.stderr.on('data', chunk => (output += chunk))
    child.stdout.on('data', chunk => {
      heard()
      output += chunk
      // The rest would not tell more.
      if (output.includes(FAILED)) stop()
    })
    child.on('exit', async code => {
      heard()
      clearTimeout(timer)
      const seconds = (performance.now() - started) / 1000
      stop()
      // Its last words may still be on their way; what it has started, and left to itself, may keep the pipe open.
      await Promise.race([once(child, 'close'), delay(1000)])
      resolve({ passed: code === 0 && /Passed:\s+[1-9]/.test(output), hung, seconds, silence, output })
    })
  })
}

/**
 * Whether a test file fails, and does so again: what fails by itself now and then notices nothing. One that is silent is given twice the
 * time then, for the machine may be busy.
 * @param {string} sandbox @param {string} file @param {number} limit of silence, in s
 * @returns {Promise<'passes' | 'fails' | 'hangs'>}
 */
export async function outcomeOf(sandbox, file, limit) {
  const first = await runTest(sandbox, file, limit)
  if (first.passed) return 'passes'
  const { passed, hung } = await runTest(sandbox, file, 2 * limit)
  if (passed) return 'passes'
  return hung ? 'hangs' : 'fails'
}

/** What uvu says of a test case that failed. */
const FAILED = '✘ '

/** What ends a test that runs. @type {Set<() => void>} */
const stops = new Set()
process.once('exit', () => {
  for (const stop of stops) stop()
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
