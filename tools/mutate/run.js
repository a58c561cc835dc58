// A copy of the clone to change, and test files that run in it.

import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
 * Runs a test file as `npm test` does. One that takes too long is killed, with all that it has started.
 * @param {string} sandbox @param {string} file @param {number} limit in ms @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<{ passed: boolean, hung: boolean, seconds: number, output: string }>}
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
    }, limit)
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
    child.on('exit', code => {
      clearTimeout(timer)
      stop()
      const passed = code === 0 && /Passed:\s+[1-9]/.test(output)
      resolve({ passed, hung, seconds: (performance.now() - started) / 1000, output })
    })
  })
}

/** What ends a test that runs. @type {Set<() => void>} */
const stops = new Set()
process.once('exit', () => {
  for (const stop of stops) stop()
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
