// The recipes in docs/recipes/, and docs/first-service.md, work as they are written: their shell blocks are run one after the other, in one shell, and print what
// the text blocks behind them say.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { generateKeyPair } from '../../src/node/index.js'
import { startServer } from '../published/standin.js'
import { ROOT } from '../runtimes/scratch.js'
import { installed, run, skippedWithout, withCommand, workFolder } from '../support/command.js'
import { postgresPrograms, startPostgres } from '../support/services.js'
import { cleanUpAfter, guarded, plainServer } from '../support/sockets.js'

cleanUpAfter(test)
const folder = workFolder(test)
const RECIPES = new URL('../../../docs/recipes/', import.meta.url)
const CLIENT = fileURLToPath(new URL('../published/client.js', import.meta.url))

let stopServer = () => {}
test.after(() => stopServer())

/** What a recipe takes for granted, and what the shell knows of it; `place` is the folder that it runs in. */
const PREPARED: Record<string, (place: string) => Promise<NodeJS.ProcessEnv>> = {
  async 'postgresql.md'() {
    const { port } = await startPostgres(postgresPrograms() ?? '', folder)
    return { PGHOST: join(folder, 'postgres'), PGPORT: String(port) }
  },
  async 'rolling-keys.md'() {
    const program = fileURLToPath(new URL('../support/rolling-clients.js', import.meta.url))
    writeFileSync(join(folder, 'clients'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 })
    const echo = await plainServer(socket => socket.pipe(socket))
    return { SERVICE_PORT: String(echo) }
  },
  async '../first-service.md'(place) {
    // What the page has npm do.
    const programs = join(place, 'node_modules', '.bin')
    mkdirSync(programs, { recursive: true })
    symlinkSync(ROOT, join(place, 'node_modules', 'nopki'))
    symlinkSync(join(folder, 'nopki'), join(programs, 'nopki'))
    writeFileSync(join(place, 'package.json'), '{ "type": "module" }')
    return {}
  },
  async 'published-program.md'(place) {
    const [server, client] = [generateKeyPair(), generateKeyPair()]
    const { port, stop } = await startServer(server, ['say hi there'])
    stopServer = stop
    // The code in it is that of somebody who has installed the package.
    mkdirSync(join(place, 'node_modules'))
    symlinkSync(ROOT, join(place, 'node_modules', 'nopki'))
    const call = `node ${CLIENT} ${base64(client.secretKey)} "$@"`
    writeFileSync(join(folder, 'published-client'), `#!/bin/sh\nexec ${call}\n`, { mode: 0o755 })
    return {
      PUBLISHED_PORT: String(port),
      PUBLISHED_KEY: base64(server.publicKey),
      PUBLISHED_CLIENT_KEY: base64(client.publicKey),
    }
  },
}

for (const file of [...readdirSync(RECIPES).sort(), '../first-service.md']) {
  const text = readFileSync(new URL(file, RECIPES), 'utf8')
  // Those with libraries are run by test/libraries/libraries.test.ts.
  if (!text.includes('```sh\n')) continue
  const needs = /<!-- needs: (.*) -->/.exec(text)?.[1]?.split(' ') ?? []
  const missing = (await Promise.all(needs.map(async it => ((await installed(it)) ? '' : it)))).filter(it => it !== '')
  const check = missing.length === 0 ? guarded : skippedWithout(missing.join(', '))
  check(test, `recipe: ${file}`, () => follow(file, text), 90_000)
}

/** As the published program writes keys. */
function base64(key: Uint8Array): string {
  return Buffer.from(key).toString('base64url')
}

async function follow(file: string, text: string): Promise<void> {
  const place = join(folder, basename(file))
  mkdirSync(place)
  // Code that has a name is in a file of that name.
  for (const [, code = '', name = ''] of text.matchAll(/^```js\n(\/\/ (\S+\.js)\n.*?)^```$/gms)) {
    writeFileSync(join(place, name), code)
  }
  const prepared = await PREPARED[file]?.(place)
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
      assert.ok(hasLines(printed.get(at - 1) ?? '', body.trim()), `${file}, block ${at}: not “${body}” in:\n${out}`)
  }
}

/** Whether these lines were printed, in this order: what runs in the background may say something between them. */
function hasLines(printed: string, lines: string): boolean {
  const said = printed.split('\n')
  return lines.split('\n').every(line => {
    const at = said.findIndex(it => it.includes(line))
    return at >= 0 && said.splice(0, at + 1).length > 0
  })
}

test.run()
