// Many channels of one core at once, in Node, Bun and Deno, and through the command's tunnels. A seed that failed is given again by
// `node build/test/interleaved/main.js SEED CONNECTIONS AT_ONCE [CARRIER …]`.

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CARRIERS } from '../interleaved/draw.js'
import { Checker, stamped } from '../interleaved/stamp.js'
import { findRuntime, type RuntimeName } from '../runtimes/binaries.js'
import { makeKey, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { cleanUpAfter, guarded, plainServer, readAll, track, until } from '../support/sockets.js'
import { dialPlain, startExpose, startForward, tunnelKeys } from '../support/tunnel.js'

const test = suite('interleaved')
cleanUpAfter(test)
const folder = workFolder(test)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 200_000)
const PROGRAM = fileURLToPath(new URL('../interleaved/main.js', import.meta.url))
// Another one each time; the program prints it.
const ANY = Math.floor(Math.random() * 1e9)

const RUNS: [RuntimeName, string[], NodeJS.ProcessEnv, readonly string[]][] = [
  ['node', [], {}, CARRIERS],
  ['node', [], { NOPKI_NATIVE: '0' }, CARRIERS],
  ['deno', ['run', '-A', '--no-check'], {}, CARRIERS.filter(it => it !== 'websocket')],
  ['bun', [], {}, CARRIERS.filter(it => it !== 'websocket')],
]

for (const [name, args, env, carriers] of RUNS) {
  const runtime = findRuntime(name)
  const title = `${name}${env.NOPKI_NATIVE ? ', with the linked cipher alone' : ''}`
  if (typeof runtime === 'string') {
    console.log(`skipped: ${title}: ${runtime}`)
    continue
  }
  for (const [seed, connections, atOnce] of [
    [1, 300, 300],
    [ANY, 150, 50],
  ] as const) {
    check(`${title}: ${connections} connections, ${atOnce} at once, seed ${seed}`, async () => {
      const all = [...args, PROGRAM, ...[seed, connections, atOnce].map(String), ...carriers]
      const { code, out } = await runProgram(runtime.path, all, env)
      assert.is(code, 0, out)
      assert.match(out, /, 0 violations$/m)
    })
  }
}

test('the checker tells whose bytes they are, and finds what is lost, repeated or moved', () => {
  const all = stamped(5, 1, 0, 1000)
  const wrong = (chunk: Uint8Array, from = 0) => {
    const checker = new Checker(5, 1)
    assert.is(checker.take(all.subarray(0, from)), undefined)
    return checker.take(chunk) ?? 'nothing'
  }
  assert.is(wrong(all), 'nothing')
  assert.is(wrong(all.subarray(333), 333), 'nothing')
  assert.match(wrong(stamped(6, 1, 0, 50)), /of connection 6, direction 1, offset 0/)
  assert.match(wrong(stamped(5, 0, 0, 50)), /of connection 5, direction 0/)
  assert.match(wrong(all.subarray(8), 0), /byte 7 is wrong: of connection 5, direction 1, offset 8/)
  assert.match(wrong(all.subarray(92), 100), /byte 103 is wrong/)
  assert.match(wrong(new Uint8Array(20), 3), /of nobody/)
})

check('through forward, route and expose: each client has its own bytes back, and a line in each log', async () => {
  const keys = await tunnelKeys(folder)
  const router = await makeKey(folder, 'router')
  const path = (name: string) => join(folder, name)
  // The service tells each client what it was sent, and its own stamp.
  const service = await plainServer(async socket => {
    const got = await readAll(socket)
    socket.end(got)
  })
  const logged = (name: string) => ['--access-log', path(name)]
  const { expose, address } = await startExpose(keys, service, logged('expose.log'))
  const [, place = ''] = address.split('@')
  writeFileSync(path('routes'), `${keys.server.publicKey} ${place}\n`)
  const port = await freePort()
  const routing = ['route', `127.0.0.1:${port}`, '-k', router.file, '-t', path('routes'), ...logged('route.log')]
  const route = startNopki(routing)
  await route.shows(/^routing on /m)
  const through = `nopki://${keys.server.publicKey}@127.0.0.1:${port}?middlebox=${router.publicKey}`
  const forward = await startForward(keys, through, logged('forward.log'))

  const sizes = Array.from({ length: 60 }, (_, id) => [0, 1, 8192, 65_536, 200_000][id % 5]! + id)
  await Promise.all(
    sizes.map(async (size, id) => {
      const client = track(dialPlain(forward.port))
      const checker = new Checker(id, 0)
      const done = new Promise((resolve, reject) => {
        client.on('data', chunk => {
          const wrong = checker.take(chunk)
          if (wrong) reject(new Error(`client ${id}: ${wrong}`))
        })
        client.once('end', resolve).once('error', reject)
      })
      for (let at = 0; at < size; at += 30_000) {
        client.write(stamped(id, 0, at, Math.min(30_000, size - at)))
        await new Promise(resolve => setImmediate(resolve))
      }
      client.end()
      await done
      assert.is(checker.received, size, `client ${id}`)
    }),
  )
  const linesOf = (name: string) =>
    readFileSync(path(name), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { received: number; sent: number; ended: string; name: string | null })
  for (const name of ['expose.log', 'forward.log', 'route.log'])
    await until(() => linesOf(name).length === sizes.length)
  const total = (name: string) => linesOf(name).map(it => it.received)
  for (const name of ['expose.log', 'forward.log']) {
    assert.equal(
      total(name).sort((a, b) => a - b),
      sizes.slice().sort((a, b) => a - b),
      name,
    )
    assert.ok(linesOf(name).every(it => it.ended === 'closed' && it.received === it.sent))
  }
  assert.ok(linesOf('expose.log').every(it => it.name === 'alice'))
  for (const it of [forward.forward, route, expose]) assert.is((await it.stop()).code, 0, it.err)
})

function runProgram(path: string, args: string[], env: NodeJS.ProcessEnv): Promise<{ code: number; out: string }> {
  return new Promise(resolve => {
    const options = { env: { ...process.env, ...env }, timeout: 180_000, maxBuffer: 1 << 26 }
    execFile(path, args, options, (error, out, err) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, out: out + err })
    })
  })
}

test.run()
