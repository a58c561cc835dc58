// What channels hold, and that they let go of it. Real sockets, real processes.

import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, createServer, generateKeyPair, type SecureSocket } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { collect } from '../support/collect.js'

const MiB = 1024 * 1024
const COLLECT_EVERY = 16 * MiB
const keyPair = generateKeyPair()
const core = nodeCore()

test('10,000 connections that sent 4 bytes of a hello hold under 2 KiB of core memory each, and no record buffer', async () => {
  const COUNT = 10_000
  const server = createServer({ keyPair, authorize: 'anyone', maxPendingHandshakes: COUNT + 1, handshakeTimeout: 0 })
  const port = await listen(server)
  const used = core.bytesInUse
  const flood = run('flood.js', port, COUNT)
  const [opened] = (await once(flood, 'message')) as [number]
  assert.is(opened, COUNT)
  while (server.pendingHandshakes < COUNT) await new Promise(resolve => setTimeout(resolve, 20))
  const each = (core.bytesInUse - used) / COUNT
  console.log(`${each} bytes of core memory each`)
  assert.ok(each < 2048, `${each} bytes each`)
  assert.is(core.buffersInUse, 0)
  // In the midst of them, a client is served.
  const socket = await connect({ host: '127.0.0.1', port, serverKey: keyPair.publicKey })
  socket.destroy()
  const gone = once(flood, 'close')
  flood.send('stop')
  await gone
  while (server.pendingHandshakes > 0) await new Promise(resolve => setTimeout(resolve, 20))
  assert.is(core.bytesInUse, used)
  server.close()
})

test('a reader that stops while the writer has 1 GiB to send: neither process grows by 80 MiB; then all of it arrives', async () => {
  const BYTES = 1024 * MiB
  const hash = createHash('sha256')
  let received = 0
  let reader: SecureSocket | undefined
  const server = createServer({ keyPair, authorize: 'anyone' }, socket => {
    reader = socket
    socket.on('error', error => assert.unreachable(String(error)))
  })
  const port = await listen(server)
  const start = process.memoryUsage.rss()
  let peak = start
  const gush = run('gush.js', port, BYTES)
  const gone = once(gush, 'close')
  let last = { produced: 0, growth: 0, sha256: '' }
  const told = new Promise<void>(resolve => {
    gush.on('message', message => {
      last = { ...last, ...(message as object) }
      peak = Math.max(peak, process.memoryUsage.rss())
      if (last.sha256) resolve()
    })
  })
  // The writer stands still when it has produced nothing more for a while.
  let before = -1
  while (last.produced === 0 || last.produced !== before) {
    before = last.produced
    await new Promise(resolve => setTimeout(resolve, 400))
  }
  assert.ok(last.produced < 64 * MiB, `${last.produced / MiB} MiB were taken from the writer`)
  assert.ok(last.growth < 80 * MiB, `the stalled writer grew by ${last.growth / MiB} MiB`)
  assert.ok(peak - start < 80 * MiB, `the stalled reader grew by ${(peak - start) / MiB} MiB`)

  // What was read is the application’s, and waits for the collector, as a plain socket’s chunks do: V8 begins when 32 MiB of them wait, or,
  // in Node 24 and 26, 64 MiB. It is not to count here.
  for await (const chunk of reader as SecureSocket) {
    if (received % COLLECT_EVERY > (received + chunk.length) % COLLECT_EVERY) collect()
    hash.update(chunk)
    received += chunk.length
  }
  await told
  await gone
  assert.is(received, BYTES)
  assert.is(hash.digest('hex'), last.sha256)
  assert.ok(last.growth < 80 * MiB, `the writer grew by ${last.growth / MiB} MiB`)
  assert.ok(peak - start < 80 * MiB, `the reader grew by ${(peak - start) / MiB} MiB`)
  server.close()
})

test('1,000 connections opened, used and closed leave core memory and handles where they were', async () => {
  const server = createServer({ keyPair, authorize: 'anyone', versions: [1, 2] }, socket => socket.pipe(socket))
  const port = await listen(server)
  const use = async (version: 1 | 2) => {
    const socket = await connect({ host: '127.0.0.1', port, serverKey: keyPair.publicKey, version })
    socket.end('hello')
    let text = ''
    for await (const chunk of socket) text += chunk
    assert.is(text, 'hello')
    if (!socket.closed) await once(socket, 'close')
  }
  // The first ones fill the pools.
  for (let at = 0; at < 20; at++) await use(at % 10 ? 2 : 1)
  await settled(server)
  const handles = process.getActiveResourcesInfo().filter(it => it !== 'Timeout' && it !== 'Immediate').length
  const memory = core.bytes.length
  const used = core.bytesInUse
  // Version 1 pauses behind its header, so it takes its time: a few of them.
  for (let at = 0; at < 1000; at++) await use(at % 50 ? 2 : 1)
  await settled(server)
  assert.is(core.bytesInUse, used)
  assert.is(core.buffersInUse, 0)
  assert.is(core.bytes.length, memory, 'linear memory has not grown')
  assert.is(process.getActiveResourcesInfo().filter(it => it !== 'Timeout' && it !== 'Immediate').length, handles)
  server.close()
})

async function listen(server: net.Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1', 20_000), 'listening')
  return (server.address() as net.AddressInfo).port
}

/** Until the server has closed its ends too. */
async function settled(server: net.Server): Promise<void> {
  const count = () => new Promise<number>(resolve => server.getConnections((_, open) => resolve(open)))
  while ((await count()) > 0) await new Promise(resolve => setTimeout(resolve, 10))
  // A handle that is closing is still counted among the active ones.
  for (let at = 0; at < 2; at++) await new Promise(resolve => setImmediate(resolve))
}

function run(file: string, ...args: number[]): ChildProcess {
  const child = fork(new URL(`../support/${file}`, import.meta.url), args.map(String))
  running.add(child)
  return child
}

// One that outlives a test that has failed would keep this process.
const running = new Set<ChildProcess>()
test.after(() => {
  for (const child of running) child.kill()
})

test.run()
