// The recipes in docs/recipes/ work as they are written: their shell blocks are run one after the other, in one shell, and print what
// the text blocks behind them say.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { installed, run, skippedWithout, withCommand, workFolder } from './support/command.js'
import { postgresPrograms, startPostgres } from './support/services.js'
import { guarded } from './support/sockets.js'

const folder = workFolder(test)
const RECIPES = new URL('../../docs/recipes/', import.meta.url)

/** What a recipe takes for granted, and what the shell knows of it. */
const PREPARED: Record<string, () => Promise<NodeJS.ProcessEnv>> = {
  async 'postgresql.md'() {
    const { port } = await startPostgres(postgresPrograms() ?? '', folder)
    return { PGHOST: join(folder, 'postgres'), PGPORT: String(port) }
  },
}

for (const file of readdirSync(RECIPES).sort()) {
  const text = readFileSync(new URL(file, RECIPES), 'utf8')
  const needs = /<!-- needs: (.*) -->/.exec(text)?.[1]?.split(' ') ?? []
  const missing = (await Promise.all(needs.map(async it => ((await installed(it)) ? '' : it)))).filter(it => it !== '')
  const check = missing.length === 0 ? guarded : skippedWithout(missing.join(', '))
  check(test, `recipe: ${file}`, () => follow(file, text), 90_000)
}

async function follow(file: string, text: string): Promise<void> {
  const place = join(folder, file)
  mkdirSync(place)
  const prepared = await PREPARED[file]?.()
  const blocks = [...text.matchAll(/^```(sh|text)\n(.*?)^```$/gms)].map(([, kind, body = '']) => ({ kind, body }))
  assert.ok(
    blocks.some(it => it.kind === 'text'),
    `${file} never says what comes out`,
  )
  // The marks tell what a block has printed from what the others have. What stays behind in the background is ended.
  const script = blocks.map((it, at) => (it.kind === 'sh' ? `echo '=== ${at}'\n${it.body}` : '')).join('\n')
  const shell = `set -eu; exec 2>&1; trap 'kill $(jobs -p) 2> /dev/null || :' EXIT\n${script}`
  const { code, out } = await run('bash', ['-c', shell], { cwd: place, env: { ...withCommand(folder), ...prepared } })
  assert.is(code, 0, String(out))
  const printed = new Map(
    [...String(out).matchAll(/^=== (\d+)\n(.*?)(?=^=== |$(?![\s\S]))/gms)].map(([, at, body = '']) => [
      Number(at),
      body,
    ]),
  )
  for (const [at, { kind, body }] of blocks.entries()) {
    if (kind === 'text')
      assert.ok(printed.get(at - 1)?.includes(body.trim()), `${file}, block ${at}: not “${body}” in:\n${out}`)
  }
}

test.run()
