// What Workers forbid: random numbers and timers before the first request; and what they do not have: Node’s API.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRuntime } from '../runtimes/binaries.js'
import { ROOT, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { bundleWorker, startWorkerd, writeConfig } from '../runtimes/worker.js'

const workerd = findRuntime('workerd')
const check = typeof workerd === 'string' ? (name: string) => skipped(name, workerd) : test
let folder = ''

test.before(async () => {
  ;({ folder } = await scratchProject())
})

check('importing the package uses no random numbers and no timers', async () => {
  const names = JSON.parse(await answer('imports', "import * as nopki from 'nopki'", 'Object.keys(nopki)'))
  for (const name of ['acceptWebSocket', 'connectWebSocket', 'generateKeyPair', 'secure'])
    assert.ok(names.includes(name))
})

check('which this runtime would not have let pass', async () => {
  for (const [index, code] of ['crypto.getRandomValues(new Uint8Array(1))', 'setTimeout(() => {}, 1)'].entries()) {
    const error = await answer(
      `forbidden-${index}`,
      `import * as nopki from 'nopki'\n${code}`,
      'Object.keys(nopki)',
    ).catch(it => it)
    assert.instance(error, Error)
    assert.match(error.message, /global scope/)
  }
})

check('the first call may draw them', async () => {
  const length = await answer('draws', "import { generateKeyPair } from 'nopki'", 'generateKeyPair().publicKey.length')
  assert.is(length, '32')
})

check('there is nothing of Node in the bundle, and no flag brings it', async () => {
  await answer('bundle', "import * as nopki from 'nopki'", 'Object.keys(nopki)')
  const bundle = readFileSync(join(folder, 'bundle', 'out', 'worker.js'), 'utf8')
  assert.not.match(bundle, /from\s*["']node:|require\(|\bprocess\.|\bBuffer\b/)
  const examples = readdirSync(join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' })
  const configs = examples.filter(it => it.endsWith('.capnp')).map(it => join(ROOT, 'examples', it))
  assert.is(configs.length, 3)
  for (const config of [...configs, join(folder, 'bundle', 'out', 'config.capnp')]) {
    assert.not.match(readFileSync(config, 'utf8'), /compatibilityFlags|nodejs_compat/, config)
  }
})

check('a WebSocket that hibernates is refused at once, with the reason', async () => {
  const object = `import { acceptWebSocket, generateKeyPair } from 'nopki'
    export class Room {
      constructor(state) { this.state = state }
      async fetch() {
        const [theirs, ours] = Object.values(new WebSocketPair())
        this.state.acceptWebSocket(ours)
        const options = { keyPair: generateKeyPair(), authorize: 'anyone', handshakeTimeout: 0 }
        const error = await acceptWebSocket(ours, options).catch(it => it)
        return new Response(error.message)
      }
    }`
  const asked = "await env.ROOM.get(env.ROOM.idFromName('one')).fetch(request).then(it => it.text())"
  const rooms = `bindings = [(name = "ROOM", durableObjectNamespace = "Room")],
    durableObjectNamespaces = [(className = "Room", uniqueKey = "room")], durableObjectStorage = (inMemory = void),`
  assert.match(
    await answer('hibernates', object, asked, rooms),
    /USE_BAD_OPTION: socket is one that hibernates, .*; do not give .* end the channel in a Worker in front/,
  )
})

/** What an expression is in a Worker that begins with this code. */
async function answer(name: string, code: string, expression: string, config = ''): Promise<string> {
  if (typeof workerd === 'string') throw new Error(workerd)
  const entry = join(folder, name, 'worker.js')
  mkdirSync(join(folder, name))
  writeFileSync(entry, `${code}\nexport default { fetch: async (request, env) => Response.json(${expression}) }\n`)
  await bundleWorker(folder, entry, join(folder, name, 'out'))
  const running = await startWorkerd(workerd.path, writeConfig(join(folder, name, 'out'), 'worker.js', config))
  try {
    return await (await fetch(`http://127.0.0.1:${running.port}/`)).text()
  } finally {
    await running.close()
  }
}

test.run()
