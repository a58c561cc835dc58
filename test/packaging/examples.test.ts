// The programs in examples/, run as their readers run them, in a project that has installed the package.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connectWebSocket, encodePublicKey, encodeSecretKey, generateKeyPair } from 'nopki'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { findRuntime, type RuntimeName } from '../runtimes/binaries.js'
import { openPage } from '../runtimes/browser.js'
import { ROOT, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { bundleWorker, startWorkerd } from '../runtimes/worker.js'

const children: ChildProcess[] = []
let folder = ''

test.before(async () => {
  ;({ folder } = await scratchProject('ws'))
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true })
})
test.after.each(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

example('a Worker talks to a Node server through connect()', ['workerd'], async paths => {
  const server = await address(run('node', paths, 'worker-to-node', 'server.js'))
  const out = await bundled('worker-to-node', 'worker.js')
  const workerd = await startWorkerd(paths.workerd, join(out, '../worker.capnp'), { SERVER: server })
  try {
    const answer = await get(workerd.port, '/?name=Ada')
    assert.match(answer, /^hello Ada, your key is pk_[\w-]{43}\n$/)
    const wrong = encodePublicKey(generateKeyPair().publicKey)
    const other = await startWorkerd(paths.workerd, join(out, '../worker.capnp'), {
      SERVER: server.replace(/pk_[\w-]{43}/, wrong),
    })
    assert.match(await get(other.port, '/'), /^PEER_KEY_MISMATCH: /)
    await other.close()
  } finally {
    await workerd.close()
  }
})

example('a page talks to a Node server over a WebSocket', ['chromium'], async paths => {
  const url = await address(run('node', paths, 'browser-to-node', 'server.js'))
  const { browser, page, errors } = await openPage(paths.chromium, url)
  try {
    await page.waitForFunction("document.querySelector('#answer').value === 'egap bew a ot lennahc a'")
    await page.fill('#text', 'stressed')
    await page.waitForFunction("document.querySelector('#answer').value === 'desserts'")
    assert.equal(errors, [])
  } finally {
    await browser.close()
  }
})

example('a Bun client talks to a Deno server', ['deno', 'bun'], async paths => {
  const server = await address(run('deno', paths, 'bun-to-deno', 'server.js'))
  const client = run('bun', paths, 'bun-to-deno', 'client.js', server, 'some', 'words')
  assert.is(await address(client), 'SOME WORDS')
  const [code] = client.exitCode === null ? await once(client, 'exit') : [client.exitCode]
  assert.is(code, 0)
})

example('a Worker talks to another Worker’s Durable Object', ['workerd'], async paths => {
  const { publicKey, secretKey } = generateKeyPair()
  const out = await bundled('two-workers', 'client.js')
  await bundled('two-workers', 'server.js')
  const workerd = await startWorkerd(paths.workerd, join(out, '../workers.capnp'), {
    SERVER_KEY: encodePublicKey(publicKey),
    SECRET_KEY: encodeSecretKey(secretKey),
  })
  try {
    for (const [path, visit] of ['/one', '/one', '/other'].map((path, at) => [path, [1, 2, 1][at]])) {
      assert.is(await get(workerd.port, String(path)), `visit ${visit}\n`)
    }
  } finally {
    await workerd.close()
  }
})

example('a Durable Object sleeps behind the Worker where channels end', ['workerd'], async paths => {
  const keys = generateKeyPair()
  const out = await bundled('sleeping-object', 'worker.js')
  const config = join(out, '../sleeps.capnp')
  writeFileSync(join(out, 'front.js'), PUTS_TO_SLEEP)
  writeFileSync(config, withSleep(readFileSync(join(out, '../worker.capnp'), 'utf8')))
  const env = { SECRET_KEY: encodeSecretKey(keys.secretKey) }
  // For the module that can put an Object to sleep.
  const workerd = await startWorkerd(paths.workerd, config, env, '--experimental')
  const sleep = () => get(workerd.port, '/sleep')
  const enter = async () => {
    const keyPair = generateKeyPair()
    const socket = new WebSocket(`ws://127.0.0.1:${workerd.port}/`)
    const channel = await connectWebSocket(socket, { serverKey: keys.publicKey, keyPair })
    const messages = channel.messages()
    const hears = async () => new TextDecoder().decode((await messages.next()).value as Uint8Array)
    const says = (text: string) => channel.send(new TextEncoder().encode(text))
    const name = encodePublicKey(keyPair.publicKey)
    // Then it has its seat.
    await says('here')
    assert.is(await hears(), `${name}: here`)
    return { name, channel, hears, says }
  }
  try {
    const [ada, bob] = [await enter(), await enter()]
    assert.is(await ada.hears(), `${bob.name}: here`)
    await ada.says('one')
    for (const it of [ada, bob]) assert.is(await it.hears(), `${ada.name}: one`)
    assert.is(await sleep(), 'sleeps')
    assert.match(await sleep(), /not currently running/)
    await bob.says('two')
    for (const it of [ada, bob]) assert.is(await it.hears(), `${bob.name}: two`)
    await ada.channel.close()
    assert.is(await sleep(), 'sleeps')
    await bob.says('three')
    assert.is(await bob.hears(), `${bob.name}: three`)
  } finally {
    await workerd.close()
  }
})

/** In front of the Worker: has its room sleep when it is told to, as the platform has it after ten idle seconds. */
const PUTS_TO_SLEEP = `
  import unsafe from 'workerd:unsafe'
  export default {
    async fetch(request, { WORKER, ROOMS }) {
      if (!request.url.endsWith('/sleep')) return WORKER.fetch(request)
      const room = ROOMS.get(ROOMS.idFromName('lobby'))
      return new Response(await unsafe.evict(room).then(() => 'sleeps', error => error.message))
    },
  }`

function withSleep(config: string): string {
  const service = `services = [
    (name = "front", worker = (
      modules = [(name = "front.js", esModule = embed "build/front.js")],
      bindings = [
        (name = "WORKER", service = "worker"),
        (name = "ROOMS", durableObjectNamespace = (className = "Room", serviceName = "worker")),
      ],
      compatibilityDate = "2025-06-01",
      compatibilityFlags = ["unsafe_module"],
    )),`
  return config
    .replace('services = [', service)
    .replace('http = (), service = "worker"', 'http = (), service = "front"')
}

test('each is under 60 lines', () => {
  const files = readdirSync(join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' })
  const programs = files.filter(it => /\.(?:js|html|capnp)$/.test(it))
  assert.ok(programs.length >= 10)
  for (const file of programs) {
    const lines = readFileSync(join(ROOT, 'examples', file), 'utf8').split('\n').length
    assert.ok(lines < 60, `${file} has ${lines} lines`)
  }
})

type Paths = Record<RuntimeName, string>

/** A test that runs where all runtimes are that it needs. */
function example(name: string, needs: RuntimeName[], use: (paths: Paths) => Promise<void>): void {
  const found = needs.map(findRuntime)
  const missing = found.find(it => typeof it === 'string')
  if (typeof missing === 'string') return skipped(name, missing)
  const paths = Object.fromEntries(
    found.map(it => [typeof it === 'string' ? '' : it.name, typeof it === 'string' ? '' : it.path]),
  )
  test(name, () => use({ ...paths, node: process.execPath } as Paths))
}

function run(runtime: 'node' | 'deno' | 'bun', paths: Paths, example: string, ...args: string[]): ChildProcess {
  const flags = runtime === 'deno' ? ['run', '--allow-net', '--allow-read'] : []
  const child = spawn(paths[runtime], [...flags, ...args], {
    cwd: join(folder, 'examples', example),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

/** The first line that a program prints. */
async function address(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('this program has no output')
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'close').then(() => ['the program ended without a word']),
  ])
  return line
}

async function bundled(example: string, script: string): Promise<string> {
  const out = join(folder, 'examples', example, 'build')
  await bundleWorker(folder, join(folder, 'examples', example, script), out)
  return out
}

async function get(port: number, path: string): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
}

test.run()
