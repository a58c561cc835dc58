// Transcripts: commands as they are typed, and what they print, in test/transcripts/. To write them anew:
// node build/test/cli/transcripts.test.js --update, and read the difference.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allCommands } from '../../src/cli/commands/list.js'
import { run, withCommand, workFolder } from '../support/command.js'

const folder = workFolder(test)
const TRANSCRIPTS = new URL('../../../test/transcripts/', import.meta.url)
const update = process.argv.includes('--update')

for (const file of readdirSync(TRANSCRIPTS).sort()) {
  test(`transcript: ${file}`, async () => {
    const url = new URL(file, TRANSCRIPTS)
    const expected = readFileSync(url, 'utf8')
    const place = join(folder, file)
    mkdirSync(place)
    const env = { ...withCommand(folder), HOME: place, XDG_CONFIG_HOME: '', NO_COLOR: '1' }
    let actual = expected.slice(0, expected.indexOf('$ '))
    for (const line of expected.split('\n').filter(it => it.startsWith('$ '))) {
      // Without a terminal. Both streams in the order in which a terminal would show them.
      const { code, out } = await run('setsid', ['-w', 'sh', '-c', `exec 2>&1; ${line.slice(2)}`], { cwd: place, env })
      actual += `${line}\n${anonymous(String(out), place)}${code ? `[exit ${code}]\n` : ''}`
    }
    if (update) writeFileSync(url, actual)
    assert.fixture(actual, update ? actual : expected)
  })
}

test('every command’s help: all it takes, and examples that it would take', async () => {
  for (const command of await allCommands()) {
    const { name, args, options, examples } = command
    const { code, out } = await run('sh', ['-c', `nopki ${name} --help`], { env: withCommand(folder) })
    assert.is(code, 0)
    const help = String(out)
    for (const argument of args) assert.ok(help.includes(`  ${argument.name}  `), `${name}: ${argument.name}`)
    for (const option of Object.keys(options)) assert.ok(help.includes(`--${option}`), `${name}: --${option}`)
    assert.ok(examples.length > 0, `${name} has no example`)
    for (const line of help.split('\n')) assert.ok(line.length <= 100 || line.includes('nopki '), line)
    for (const { line } of examples) {
      assert.ok(help.includes(line.split('\n')[0] ?? ''), line)
      for (const option of line.matchAll(/(?<=\s)--([a-z-]+)/g)) {
        assert.ok((option[1] ?? '') in options, `${name}: --${option[1]} in an example`)
      }
    }
  }
})

/** What differs from run to run. */
function anonymous(text: string, place: string): string {
  return text
    .replaceAll(place, 'FOLDER')
    .replace(/(salt|nonce|box)=[\w-]+/g, '$1=…')
    .replace(/pk_[\w-]{43}/g, 'pk_…')
    .replace(/sk_[\w-]{43}/g, 'sk_…')
    .replace(/(127\.0\.0\.1|\[::1\]|localhost):\d{4,5}/g, '$1:PORT')
    .replace(/\d{4}-\d\d-\d\d/g, 'YYYY-MM-DD')
}

test.run()
