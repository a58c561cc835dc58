// The wall clock is set while the command runs: times that it counts stay what they are, and expired keys are out.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nopki, type Running, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { cleanUpAfter, guarded, plainServer } from '../support/sockets.js'
import { tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const path = (name: string) => join(folder, name)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 40_000)

// In the command’s process: SIGWINCH sets its clock to what the file says.
writeFileSync(
  path('clock.mjs'),
  `import { readFileSync } from 'node:fs'
  const Real = Date
  let by = 0
  globalThis.Date = class extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() + by) }
    static now() { return Real.now() + by }
  }
  process.on('SIGWINCH', () => { by = Number(readFileSync(${JSON.stringify(path('by'))})); console.error('clock set') })`,
)

async function startExpose(target: number | string, args: string[]): Promise<{ expose: Running; address: string }> {
  const all = ['expose', '127.0.0.1:0', String(target), '-k', keys.server.file, '-a', keys.authorized, ...args]
  const expose = startNopki(all, { env: { NODE_OPTIONS: `--import ${path('clock.mjs')}` } })
  const [, place] = await expose.shows(/exposing \S+ on (\S+) as/)
  return { expose, address: `nopki://${keys.server.publicKey}@${place}` }
}

let settings = 0

/** @param by ms beside the real time */
async function setClock(expose: Running, by: number): Promise<void> {
  writeFileSync(path('by'), String(by))
  const times = expose.err.split('clock set').length
  expose.child.kill('SIGWINCH')
  await expose.shows(new RegExp(`(?:clock set[^]*){${times}}`))
  settings += 1
}

const connecting = (address: string) => startNopki(['connect', address, '-k', keys.alice.file])

check('set back: how long a connection was open, and how long a service is waited for', async () => {
  const service = await plainServer(socket => socket.on('end', () => socket.end()).write('in'))
  const { expose, address } = await startExpose(service, ['--access-log', path('log')])
  const client = connecting(address)
  await client.shows(/in/)
  await setClock(expose, -HOUR)
  client.child.stdin?.end()
  await client.ended
  await expose.stop()
  const { milliseconds } = JSON.parse(readFileSync(path('log'), 'utf8'))
  assert.ok(milliseconds >= 0 && milliseconds < HOUR, `${milliseconds} ms`)

  const waiting = await startExpose(await freePort(), ['--retry', '2s'])
  const late = connecting(waiting.address)
  await new Promise(resolve => setTimeout(resolve, 500))
  await setClock(waiting.expose, -HOUR)
  assert.match((await late.ended).err, /cannot be reached/)
})

check('set on, and back again: a key that has expired is out, also who is inside', async () => {
  const service = await plainServer(socket => socket.on('end', () => socket.end()).write('in'))
  const expires = `${new Date(Date.now() + HOUR).toISOString().slice(0, 19)}Z`
  writeFileSync(keys.authorized, `${keys.alice.publicKey} alice expires=${expires}\n`)
  const { expose, address } = await startExpose(service, [])
  for (const round of [1, 2]) {
    const inside = connecting(address)
    await inside.shows(/in/)
    await setClock(expose, 2 * HOUR)
    assert.match((await inside.ended).err, /PEER_NOT_AUTHORIZED: .*this key has expired/, `round ${round}`)
    assert.match((await nopki(['connect', address, '-k', keys.alice.file])).err, /this key has expired/)
    await setClock(expose, 0)
  }
})

test('the clocks were set', () => assert.is(settings, 6))

const HOUR = 3_600_000

test.run()
