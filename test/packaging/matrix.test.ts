// Every client runtime against every server runtime, from the packed package; and that docs/runtimes.md says so.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRuntime, RUNTIMES, type Runtime } from '../runtimes/binaries.js'
import { type Matrix, type Outcome, PAIRINGS, type Pairing, runMatrix } from '../runtimes/matrix.js'
import { ROOT, suiteProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'

interface Tool {
  matrixTables(outcomes: readonly Outcome[]): Record<string, () => string>
}

const { matrixTables }: Tool = await import(new URL('tools/matrix.js', `file://${ROOT}`).href)
const { withTables } = await import(new URL('tools/tables.js', `file://${ROOT}`).href)

const found = new Map(RUNTIMES.map(name => [name, findRuntime(name)]))
let matrix: Matrix

test.before(async () => {
  matrix = await runMatrix(await suiteProject())
})

for (const pairing of PAIRINGS) {
  const name = nameOf(pairing)
  const missing = [pairing.client, pairing.server].map(it => found.get(it)).find(it => typeof it === 'string')
  if (missing) skipped(name, missing as string)
  else {
    test(name, () => {
      const outcome = matrix.outcomes.find(it => nameOf(it) === name)
      assert.is(typeof outcome?.ms, 'number', 'this pair has not been run')
      if (outcome?.error) throw new Error(outcome.error)
    })
  }
}

test('all runtimes load the same channel.wasm', () => {
  const built = createHash('sha256')
    .update(readFileSync(join(ROOT, 'build/channel.wasm')))
    .digest('hex')
  console.log(`  channel.wasm ${built}`)
  for (const { name } of matrix.runtimes) assert.equal(matrix.wasm.get(name), [built], name)
})

test('docs/runtimes.md has all pairs, all green, and the runtimes that are installed', () => {
  const page = readFileSync(join(ROOT, 'docs/runtimes.md'), 'utf8')
  const green = PAIRINGS.map(it => ({ ...it, ms: 1 }))
  assert.fixture(page, withTables(page, matrixTables(green)), 'run npm run matrix -- --write')
  for (const name of ['deno', 'bun', 'workerd'] as const) {
    const runtime = found.get(name) as Runtime | string
    if (typeof runtime !== 'string')
      assert.ok(page.includes(`| ${name} | ${runtime.version} |`), `${name} is another version`)
  }
})

function nameOf({ over, client, server, version }: Pairing): string {
  return `${over}: ${client} client, ${server} server, version ${version}`
}

test.run()
