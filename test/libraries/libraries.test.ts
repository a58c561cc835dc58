// The libraries of docs/libraries.md, and the recipes with them, as they are written there, with real servers. Each is a program of its own.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { installed, run, skippedWithout } from '../support/command.js'
import { installLibraries, LIBRARIES } from '../support/libraries.js'
import { guarded } from '../support/sockets.js'
import { addressOf, needsOf, stopServices } from './services.js'

const RECIPES = new URL('../../../docs/recipes/', import.meta.url)
const PROGRAMS = new URL('../../../test/libraries/programs/', import.meta.url)
const TABLE = new URL('../../../docs/libraries.md', import.meta.url)

interface Program {
  library: string
  service: string
  code: string
  prints: string
}

const place = join(LIBRARIES, `run-${process.pid}`)
const programs: Program[] = [...readdirSync(RECIPES).flatMap(inRecipe), ...readdirSync(PROGRAMS).map(inFile)]
const rows = [...readFileSync(TABLE, 'utf8').matchAll(/^\| (.*?) \| (works|needs|does not) \|/gm)].map(
  ([, it = '']) => it,
)
// Services stay from one test to the next.
const folder = mkdtempSync(join(tmpdir(), 'nopki-libraries-'))
test.after(async () => {
  await stopServices()
  for (const it of [folder, place]) rmSync(it, { recursive: true, force: true })
})

function inRecipe(file: string): Program[] {
  const blocks = /<!-- run: (\S+) ?(\S*) -->\n```js\n(.*?)```\n+```text\n(.*?)```/gs
  return [...readFileSync(new URL(file, RECIPES), 'utf8').matchAll(blocks)].map(
    ([, library = '', service = '', code = '', prints = '']) => ({ library, service, code, prints }),
  )
}

function inFile(file: string): Program {
  const code = readFileSync(new URL(file, PROGRAMS), 'utf8')
  const [, library = '', service = '', prints = ''] = /^\/\/ (.*?)(?:, with (\w+))?; prints (.*)$/m.exec(code) ?? []
  return { library, service, code, prints }
}

test('every row of the table is run, and whatever is run has a row', () => {
  assert.ok(rows.length >= 25)
  assert.equal(rows.slice().sort(), programs.map(it => it.library).sort())
})

test('a recipe is under 20 lines', () => {
  for (const file of readdirSync(RECIPES)) {
    for (const { library, code } of inRecipe(file)) assert.ok(code.trim().split('\n').length < 20, library)
  }
})

const trouble = await installLibraries()
for (const program of programs) {
  const missing = await missingFor(program.service)
  const why = trouble ?? (missing.length > 0 ? missing.join(', ') : undefined)
  const check = why === undefined ? guarded : skippedWithout(why)
  check(test, program.library, () => follow(program), 60_000)
}

async function missingFor(service: string): Promise<string[]> {
  const found = await Promise.all(needsOf(service).map(async it => ((await installed(it)) ? '' : it)))
  return found.filter(it => it !== '')
}

async function follow({ library, service, code, prints }: Program): Promise<void> {
  mkdirSync(place, { recursive: true })
  const file = join(place, `${library.replace(/\W+/g, '-')}.mjs`)
  writeFileSync(file, code)
  const env = service ? { ADDRESS: await addressOf(service, folder) } : {}
  const { code: exit, out, err } = await run(process.execPath, [file], { env: { ...process.env, ...env } })
  assert.is(exit, 0, err)
  assert.ok(String(out).includes(prints.trim()), `${out}${err}`)
}

test.run()
