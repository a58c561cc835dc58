// How plain connections end through forward, route and expose in a row: 40 of 40 closes of a Unix socket are ends, 40 of 40 TCP resets resets.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parsePlain } from '../../src/cli/frame/place.js'
import { openSocket } from '../../src/node/reach.js'
import { reset } from '../../src/node/reset.js'
import { acceptsPipes, whenEnded } from '../../src/tunnel/plain.js'
import { makeKey, type Running, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import {
  cleanUpAfter,
  closed,
  guarded,
  next,
  plainServer,
  readAll,
  readUntilError,
  rejects,
  someBytes,
  track,
  until,
} from '../support/sockets.js'
import { tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const router = await makeKey(folder, 'router')
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 60_000)
const COUNT = 40
const SENT = someBytes(1000)

check('one that is given up when the system has connected, and nobody knows yet: the peer sees a reset', async () => {
  const accepted: net.Socket[] = []
  const port = await plainServer(socket => accepted.push(socket))
  const given = new AbortController()
  const times = { timeout: 0, timedOut: () => new Error('it took too long'), signal: given.signal }
  const attempt = openSocket({ host: '127.0.0.1', port }, times)
  // net.connect has begun then, and what the system says of it comes in the next turn.
  process.nextTick(() => process.nextTick(() => given.abort(new Error('given up'))))
  await rejects(attempt, /given up/)
  await until(() => accepted.length === 1)
  const { error } = await readUntilError(accepted[0] as net.Socket)
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET')
})

check('of a name that is given up, no address is tried any more, whatever becomes of the one before', async () => {
  const port = await plainServer(socket => socket.destroy())
  const given = new AbortController()
  const begun: net.Socket[] = []
  const onSocket = (message: unknown) => {
    begun.push((message as { socket: net.Socket }).socket)
    // The system knows by then that nobody listens at the first one.
    process.nextTick(() => given.abort(new Error('given up')))
  }
  const found = ['127.0.0.2', '127.0.0.1'].map(address => ({ address, family: 4 }))
  const lookup: net.LookupFunction = (_name, _options, callback) => callback(null, found)
  subscribe('net.client.socket', onSocket)
  try {
    const times = { timeout: 0, timedOut: () => new Error('it took too long'), signal: given.signal }
    await rejects(openSocket({ host: 'two.test', port, lookup, autoSelectFamily: true }, times), /given up/)
    await Promise.all(begun.map(closed))
    assert.is(begun.length, 1)
  } finally {
    unsubscribe('net.client.socket', onSocket)
  }
})

check('one that is given up and comes to nothing is dropped', async () => {
  const given = new AbortController()
  const begun = new Promise<net.Socket>(resolve => {
    const onSocket = (message: unknown) => {
      unsubscribe('net.client.socket', onSocket)
      resolve((message as { socket: net.Socket }).socket)
    }
    subscribe('net.client.socket', onSocket)
  })
  const times = { timeout: 0, timedOut: () => new Error('it took too long'), signal: given.signal }
  // Its name is never found.
  const attempt = openSocket({ host: 'none.test', port: 1, family: 4, lookup: () => {} }, times)
  const socket = await begun
  given.abort(new Error('given up'))
  await rejects(attempt, /given up/)
  await closed(socket)
})

check('a service behind a Unix socket that answers and closes: its clients see the answer, and an end', async () => {
  const { dial, service } = await chain({ front: 'tcp', behind: 'unix' })
  service.on('connection', socket => {
    socket.once('data', () => socket.write('bye', () => socket.destroy()))
  })
  for (let at = 0; at < COUNT; at++) {
    const client = dial()
    client.write('QUIT')
    assert.is(String(await readAll(client)), 'bye')
  }
})

check('a client of a Unix socket that writes and closes: the service has all of it, and an end', async () => {
  const { dial, accepted } = await chain({ front: 'unix', behind: 'tcp' })
  for (let at = 0; at < COUNT; at++) {
    const client = dial()
    client.write(SENT, () => client.destroy())
    assert.ok((await readAll(await accepted(at))).equals(SENT))
  }
})

check('a reset while an end is being sent closes the connection, too', async () => {
  const port = await plainServer(socket => socket.resume())
  const plain = track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })).on('error', () => {})
  await next(plain, 'connect')
  const closed = next(plain, 'close')
  plain.end('x')
  reset(plain)
  await closed
})

check('what such a client wrote is read also where a write to it has failed before', async () => {
  const path = join(folder, 'closed')
  const server = track(net.createServer({ allowHalfOpen: true, pauseOnConnect: true }))
  await new Promise<void>(resolve => server.listen(path, resolve))
  assert.ok(acceptsPipes(server))
  const accepted = next(server, 'connection')
  const client = track(net.connect(path))
  const [plain] = (await accepted) as [net.Socket]
  await written(client, SENT)
  client.destroy()
  await next(client, 'close')
  let ended = 0
  whenEnded(plain, true, () => (ended += 1))
  const failed = new Promise<NodeJS.ErrnoException>(resolve => plain.once('error', resolve))
  plain.write('220 ready')
  assert.ok((await readAll(plain)).equals(SENT))
  assert.is((await failed).code, 'EPIPE')
  assert.is(ended, 1)
})

check('a service that resets is a reset for its clients, also where data waits before it', async () => {
  const { dial, all, expose } = await chain({ front: 'tcp', behind: 'tcp' })
  const clients = Array.from({ length: COUNT }, () => dial())
  const failed = clients.map(client => readUntilError(client))
  const services = await joined(clients, all)
  const stopped = stop(expose)
  await Promise.all(services.slice(0, COUNT / 2).map(socket => written(socket, 'before')))
  for (const socket of services) socket.resetAndDestroy()
  stopped.goOn()
  const results = await Promise.all(failed)
  for (const { error } of results) assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  assert.is(results.filter(({ data }) => String(data) === 'before').length, COUNT / 2)
})

check('a client that resets is a reset for the service, also where data waits before it', async () => {
  const { dial, all, forward } = await chain({ front: 'tcp', behind: 'tcp' })
  const clients = Array.from({ length: COUNT }, () => dial())
  const services = await joined(clients, all)
  const failed = services.map(socket => readUntilError(socket))
  const stopped = stop(forward)
  await Promise.all(clients.slice(0, COUNT / 2).map(client => written(client, 'before')))
  for (const client of clients) client.resetAndDestroy()
  stopped.goOn()
  for (const { error } of await Promise.all(failed)) {
    assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  }
})

let chains = 0

/** forward, route and expose, with a service of the test's behind: plain clients come in front. */
async function chain({ front, behind }: Record<'front' | 'behind', 'unix' | 'tcp'>) {
  const name = `chain${++chains}`
  const place = async (what: string, kind: 'unix' | 'tcp') =>
    kind === 'unix' ? `unix:${join(folder, `${name}-${what}`)}` : `127.0.0.1:${await freePort()}`
  const target = await place('service', behind)
  const exposed = await place('expose', behind)
  const entry = await place('forward', front)
  const sockets: net.Socket[] = []
  const service = track(
    net.createServer({ allowHalfOpen: true }, socket => sockets.push(track(socket.on('error', () => {})))),
  )
  await new Promise<void>(resolve => service.listen(parsePlain(target), resolve))
  const table = join(folder, `${name}-table`)
  writeFileSync(table, `${keys.server.publicKey} ${exposed}\n`)
  const expose = startNopki(['expose', exposed, target, '-k', keys.server.file, '-a', keys.authorized])
  const route = startNopki(['route', '127.0.0.1:0', '-k', router.file, '-t', table])
  const [, at] = await route.shows(/routing on (\S+) as/)
  await expose.shows(/exposing/)
  const address = `nopki://${keys.server.publicKey}@${at}?middlebox=${router.publicKey}`
  const forward = startNopki(['forward', entry, address, '-k', keys.alice.file])
  await forward.shows(/forwarding/)
  const accepted = async (index: number) => {
    await until(() => sockets.length > index)
    return sockets[index] as net.Socket
  }
  const all = async (count: number) => {
    await accepted(count - 1)
    return sockets
  }
  const dial = () => {
    const options = { ...parsePlain(entry), allowHalfOpen: true }
    return track(net.connect(options as net.NetConnectOpts).on('error', () => {}))
  }
  return { dial, service, accepted, all, expose, forward }
}

/** A program that does nothing until it is told to go on. */
function stop({ child }: Running) {
  child.kill('SIGSTOP')
  return { goOn: () => child.kill('SIGCONT') }
}

/** What the service has accepted, when each connection is through to it. */
async function joined(clients: net.Socket[], all: (count: number) => Promise<net.Socket[]>): Promise<net.Socket[]> {
  await Promise.all(clients.map(client => written(client, 'hello')))
  const services = await all(clients.length)
  for (const socket of services) socket.resume()
  await until(() => services.every(it => it.bytesRead === 5))
  return services
}

function written(socket: net.Socket, data: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => socket.write(data, error => (error ? reject(error) : resolve())))
}

test.run()
