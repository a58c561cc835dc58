// Hosts that take something away, or put something of their own in its place: frozen intrinsics, permissions, no compiler, test runners
// whose globals are of another realm.

import { execFile } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HOST_NODE, hostFile, hostMissing, hostProject, ROOT } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'

const run = promisify(execFile)
const missing = hostMissing('node-24')
let folder = ''

test.before(async () => {
  if (missing) return
  folder = await hostProject()
  for (const part of ['page.js', 'sockets.js', 'vitest.test.js', 'jest']) {
    cpSync(join(ROOT, 'test/hosts', part), join(folder, part), { recursive: true })
  }
  writeFileSync(join(folder, 'plain.js'), PROGRAM)
  writeFileSync(join(folder, 'lockdown.js'), `import 'ses'\nlockdown()\n${PROGRAM}`)
})

const PROGRAM = `const { talk } = await import('./page.js')
console.log(await talk())
const { talkOverTcp } = await import('./sockets.js')
console.log(await talkOverTcp())
`
const WORDS = `import { generateKeyPair, ready } from 'nopki'
await ready().catch(error => console.log(error.message))
try { generateKeyPair() } catch (error) { console.log(error.message) }
`
const BOTH = 'hello from a page\nhello over TCP\n'

/** Programs by the arguments that Node is given; in Node of the tests, and in a newer one. */
const PLAIN: Record<string, string[]> = {
  '--frozen-intrinsics': ['--frozen-intrinsics', 'plain.js'],
  'lockdown() of SES': ['lockdown.js'],
}
for (const [name, args] of Object.entries(PLAIN)) {
  for (const node of [process.execPath, HOST_NODE]) {
    const title = `${name}, ${node === HOST_NODE ? 'Node 24' : 'Node of the tests'}`
    if (missing) skipped(title, missing)
    else test(title, async () => assert.is((await program(node, args)).stdout, BOTH))
  }
}

if (missing) skipped('--permission', missing)
else {
  test('--permission, with the project’s folder to read', async () => {
    const { stdout } = await program(HOST_NODE, ['--permission', `--allow-fs-read=${folder}`, 'plain.js'])
    assert.is(stdout, BOTH)
  })
}

test('--jitless has no WebAssembly, and the error says so', async () => {
  const file = join(ROOT, 'build', `jitless-${process.pid}.mjs`)
  writeFileSync(file, WORDS)
  const { stdout } = await run(process.execPath, ['--jitless', file])
  const lines = stdout.trim().split('\n')
  assert.is(lines.length, 2)
  for (const line of lines) assert.match(line, /^USE_NO_WASM: this engine has no WebAssembly; .*--jitless/)
})

for (const environment of ['node', 'jsdom']) {
  if (missing) skipped(`jest, ${environment}`, missing)
  else {
    test(`jest, ${environment}`, async () => {
      const args = [hostFile('jest', 'bin/jest.js'), '--rootDir', 'jest', '-c', `jest/${environment}.json`]
      const { stderr } = await program(HOST_NODE, ['--experimental-vm-modules', ...args])
      assert.match(stderr, /Tests: +2 passed, 2 total/)
    })
  }
  if (missing) skipped(`vitest, ${environment}`, missing)
  else {
    test(`vitest, ${environment}`, async () => {
      const args = [hostFile('vitest', 'vitest.mjs'), 'run', '--environment', environment, 'vitest.test.js']
      const { stdout } = await program(HOST_NODE, args)
      assert.match(stdout, /Tests +2 passed/)
    })
  }
}

function program(node: string, args: string[]) {
  return run(node, args, { cwd: folder, timeout: 60_000, env: { ...process.env, NO_COLOR: '1' } })
}

test.run()
