// "Signs of life": a path that swallows everything, while both ends' systems are answered by what is in between.

import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import type { SecureSocket } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { workFolder } from '../support/command.js'
import {
  cleanUpAfter,
  clientKeys,
  delay,
  dial,
  failureOf,
  guarded,
  listen,
  next,
  plainServer,
  readUntilError,
  serve,
  serverKeys,
  track,
  until,
} from '../support/sockets.js'
import { dialPlain, startExpose, startForward, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 60_000)

/** Passes bytes on until it is told to swallow them; keeps both connections, and what is in them, as a NAT or balancer may. */
async function startHole(port: number): Promise<{ port: number; swallow(): void }> {
  let swallows = false
  const pass = (from: net.Socket, to: net.Socket) =>
    track(from)
      .on('error', () => {})
      .on('data', chunk => swallows || to.write(chunk))
  const server = net.createServer(near => {
    const far = net.connect(port, '127.0.0.1')
    pass(near, far)
    pass(far, near)
  })
  const swallow = () => {
    swallows = true
  }
  return { port: await listen(track(server)), swallow }
}

/** A channel through a hole, both ends. */
async function pairThroughHole(times: { client: number; server: number }) {
  const { server, port } = await serve({ heartbeat: times.server })
  const hole = await startHole(port)
  const accepted = next(server, 'secureConnection')
  const client = await dial(hole.port, { heartbeat: times.client })
  const [far] = (await accepted) as [SecureSocket]
  client.resume().write('x')
  await next(far.resume(), 'data')
  return { client, far, swallow: hole.swallow }
}

check('two ends that both give signs of life find out that nothing comes through any more', async () => {
  const { client, far, swallow } = await pairThroughHole({ client: 200, server: 300 })
  swallow()
  const errors = await Promise.all([failureOf(client), failureOf(far)])
  for (const error of errors) assert.is(error.code, 'LINK_TIMEOUT')
  assert.match(errors[0]?.message ?? '', /nothing came from the peer for 5 s, though it sends something every 0\.3 s/)
  assert.match(errors[1]?.message ?? '', /every 0\.2 s/)
})

check('of a peer that promises nothing, nothing is expected; and nobody judges who does not ask for it', async () => {
  const pairs = await Promise.all([
    pairThroughHole({ client: 200, server: 0 }),
    pairThroughHole({ client: 0, server: 200 }),
    pairThroughHole({ client: 0, server: 0 }),
  ])
  const all = pairs.flatMap(({ client, far }) => [client, far])
  for (const { swallow } of pairs) swallow()
  for (const it of all) it.on('error', () => {})
  // Longer than the least that a peer is given.
  await delay(6500)
  for (const it of all) assert.not.ok(it.destroyed)
})

check('two ends that are idle, but hear of each other, stay', async () => {
  const { client, far } = await pairThroughHole({ client: 1000, server: 1000 })
  await delay(6500)
  client.write('still')
  assert.is(String((await next(far, 'data'))[0]), 'still')
})

check('a sign of life of another length is malformed', async () => {
  const { server, port } = await serve({ heartbeat: 60_000 })
  const accepted = next(server, 'secureConnection')
  const { publicKey: serverKey } = serverKeys
  const engine = Engine.client(nodeCore(), { keyPair: clientKeys, serverKey })
  const plain = track(net.connect(port, '127.0.0.1').on('error', () => {}))
  plain.write(engine.take())
  await until(() => {
    const bytes = plain.read()
    if (bytes) engine.receive(bytes)
    return bytes !== null && engine.advance() === 'connected'
  })
  engine.control(4, new Uint8Array(3))
  plain.resume().write(engine.take())
  engine.close()
  const [far] = (await accepted) as [SecureSocket]
  const error = await failureOf(far.resume())
  assert.is(error.code, 'PEER_MALFORMED')
  assert.match(error.message, /a sign of life of 3 bytes/)
})

check('a tunnel, as it is without options: both its ends learn it, and their clients', async () => {
  const keys = await tunnelKeys(folder)
  const behind: net.Socket[] = []
  const service = await plainServer(socket => behind.push(socket.resume()) && socket.write('in'))
  const log = join(folder, 'log')
  const { address } = await startExpose(keys, service, ['--access-log', log])
  const hole = await startHole(Number(address.split(':').at(-1)))
  const { port } = await startForward(keys, address.replace(/\d+$/, String(hole.port)))
  const client = track(dialPlain(port))
  const ended = readUntilError(client)
  await until(() => behind.length === 1)
  const reset = readUntilError(behind[0] as net.Socket)
  await until(() => client.bytesRead === 2)
  hole.swallow()
  client.write('query')
  assert.is(((await ended).error as NodeJS.ErrnoException).code, 'ECONNRESET')
  assert.is(((await reset).error as NodeJS.ErrnoException).code, 'ECONNRESET')
  await until(() => readFileSync(log, 'utf8') !== '')
  assert.match(JSON.parse(readFileSync(log, 'utf8')).detail, /LINK_TIMEOUT: nothing came from the peer for 30 s/)
})

test.run()
