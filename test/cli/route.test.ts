// The middlebox over sockets: routing, refusing, dropping, health, limits.

import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseTable } from '../../src/cli/route/table.js'
import { type ConnectOptions, createServer, encodePublicKey, generateKeyPair } from '../../src/node/index.js'
import { freePort } from '../support/ports.js'
import { dialPlain, dialThrough, echoServers, helloBytes, line, startRouting } from '../support/routing.js'
import {
  cleanUpAfter,
  clientKeys,
  failureOf,
  guarded,
  hashOf,
  next,
  readAll,
  rejects,
  serve,
  serverKeys,
  someBytes,
  track,
  until,
  VERSIONS,
} from '../support/sockets.js'

const test = suite('route')
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run, 20_000)
cleanUpAfter(test)

for (const version of VERSIONS) {
  check(`v${version}: a client reaches its server, with all bytes and both keys`, async () => {
    const [server] = await echoServers(1)
    const routing = await startRouting([line(serverKeys.publicKey, server!.port)])
    const socket = await dialThrough(routing.port, { version, allowHalfOpen: true })
    assert.equal(socket.remotePublicKey, serverKeys.publicKey)
    const data = someBytes(3_000_000)
    const back = readAll(socket)
    socket.end(data)
    assert.is(hashOf(await back), hashOf(data))
    assert.equal(server!.sockets[0]!.remotePublicKey, clientKeys.publicKey)
    await until(() => routing.routes.length === 1)
    const [route] = routing.routes
    assert.is(route!.wanted, encodePublicKey(serverKeys.publicKey))
    assert.is(route!.peer, null)
    assert.is(route!.backend, `127.0.0.1:${server!.port}`)
    assert.is(route!.ended, 'closed')
    assert.ok(route!.received > data.length && route!.sent > data.length)
    assert.is(routing.service.live.size, 0)
  })

  check(`v${version}: a server without a route`, async () => {
    const routing = await startRouting([line(clientKeys.publicKey, await freePort())])
    const error = await rejects(dialThrough(routing.port, { version }), version === 2 ? 'PEER_REJECTED' : 'LINK_CLOSED')
    if (version === 2) {
      assert.is(error.reject, 2)
      assert.is(error.reason, `the middlebox has no route to ${encodePublicKey(serverKeys.publicKey)}`)
    }
    await until(() => routing.routes.length === 1)
    assert.is(routing.routes[0]!.detail, 'no route')
  })

  check(`v${version}: a backend that is down, and back`, async () => {
    const port = await freePort()
    const routing = await startRouting([line(serverKeys.publicKey, port)])
    const error = await rejects(dialThrough(routing.port, { version }), version === 2 ? 'PEER_REJECTED' : 'LINK_CLOSED')
    if (version === 2) {
      assert.is(error.reject, 3)
      assert.is(error.reason, `the middlebox cannot reach ${encodePublicKey(serverKeys.publicKey)} now`)
    }
    assert.equal(routing.health, [`down 127.0.0.1:${port}`])
    const server = createServer({ keyPair: serverKeys, versions: [1, 2], strangers: 'answer', authorize: 'anyone' })
    track(server)
    server.listen(port, '127.0.0.1')
    // Nobody asks for it: the probe finds it.
    await until(() => routing.health.length === 2)
    assert.is(routing.health[1], `up 127.0.0.1:${port}`)
    await dialThrough(routing.port, { version })
  })

  check(`v${version}: one direction ends, and the other goes on`, async () => {
    const { server, port } = await serve({ allowHalfOpen: true, strangers: 'answer' })
    const routing = await startRouting([line(serverKeys.publicKey, port)])
    const accepted = next(server, 'secureConnection')
    const client = await dialThrough(routing.port, { version, allowHalfOpen: true })
    const [far] = await accepted
    client.end('first')
    assert.is((await readAll(far)).toString(), 'first')
    const back = readAll(client)
    far.write('second ')
    await until(() => client.bytesRead === 7)
    far.end('third')
    assert.is((await back).toString(), 'second third')
    await until(() => routing.routes.length === 1)
    assert.is(routing.routes[0]!.ended, 'closed')
  })

  check(`v${version}: what is cut off behind the middlebox never looks like an end`, async () => {
    const { server, port } = await serve({ strangers: 'answer' })
    const routing = await startRouting([line(serverKeys.publicKey, port)])
    const accepted = next(server, 'secureConnection')
    const client = await dialThrough(routing.port, { version, allowTruncation: true })
    const [far] = await accepted
    far.on('error', () => {})
    far.write('something')
    await next(client, 'readable')
    client.resume()
    const failed = failureOf(client)
    for (const live of routing.service.live) live.end({ how: 'shutdown' }, 4, '')
    assert.is((await failed).code, 'LINK_TRUNCATED')
  })
}

check('a side that resets is a reset to the other, and not an end', async () => {
  const { server, port } = await serve({ versions: [1], strangers: 'answer', allowTruncation: true })
  const routing = await startRouting([line(serverKeys.publicKey, port)])
  for (const side of ['backend', 'client'] as const) {
    const accepted = next(server, 'secureConnection')
    const backendLink = next(server, 'connection')
    const clientLink = net.connect({ port: routing.port, host: '127.0.0.1', allowHalfOpen: true })
    const client = await dialThrough(0, {
      stream: clientLink,
      version: 1,
      allowTruncation: true,
    } as Partial<ConnectOptions>)
    const [far] = await accepted
    const [link] = await backendLink
    const [resetting, told] = side === 'backend' ? [link, client] : [clientLink, far]
    client.on('error', () => {})
    far.on('error', () => {})
    const failed = failureOf(told)
    told.resume()
    resetting.resetAndDestroy()
    assert.is((await failed).code, 'LINK_TRUNCATED')
    await until(() => routing.routes.at(-1)?.ended === side)
  }
})

check('who is not addressed gets no answer, and cannot tell why', async () => {
  const [server] = await echoServers(1)
  const routing = await startRouting([line(serverKeys.publicKey, server!.port)])
  const busy = await dialThrough(routing.port)
  const hello = helloBytes(2)
  const changed = hello.slice()
  changed[1250]! ^= 1
  const strangers = [
    'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n',
    Buffer.from('1603010200010001fc0303', 'hex'),
    randomBytes(2000),
    '',
    hello.subarray(0, 1291),
    changed,
    helloBytes(2, clientKeys.publicKey),
    helloBytes(1, clientKeys.publicKey),
    randomBytes(200_000),
    'n',
  ]
  const order: number[] = []
  const connections = []
  routing.handshakeTimeout = 400
  for (const [index, first] of strangers.entries()) {
    const it = dialPlain(routing.port, first)
    const [relayed] = await next(routing.server, 'connection')
    // Not by its 'close', for the system closes what goes in one turn in any order.
    const destroy = relayed.destroy.bind(relayed)
    relayed.destroy = () => {
      order.push(index)
      return destroy()
    }
    connections.push(it)
  }
  routing.handshakeTimeout = 30_000
  // Meanwhile others are served.
  busy.write('still here')
  assert.is(String((await next(busy, 'data'))[0]), 'still here')
  await dialThrough(routing.port)
  await Promise.all(connections.map(it => it.closed))
  for (const { received } of connections) assert.is(received, 0)
  // Each was closed when its time was over, neither sooner nor later than one that says nothing.
  assert.equal(order, [...strangers.keys()])
  assert.is(routing.routes.length, 0)
})

check('a hello in pieces, and one with more behind it', async () => {
  const [server] = await echoServers(1)
  const routing = await startRouting([line(serverKeys.publicKey, server!.port)])
  for (const behind of [0, 3]) {
    const hello = helloBytes(2)
    const inner = next(routing.server, 'connection')
    const it = dialPlain(routing.port)
    const [relayed] = await inner
    if (behind) it.socket.write(Buffer.concat([hello, Buffer.alloc(behind)]))
    for (let at = 0; at < hello.length && !behind; at++) {
      it.socket.write(hello.subarray(at, at + 1))
      await until(() => relayed.bytesRead === at + 1)
    }
    await until(() => it.received >= 1268)
    assert.is(it.received, 1268)
    it.socket.destroy()
  }
})

check('several backends share the connections, and those that are down get none', async () => {
  const servers = await echoServers(3)
  const shared = (counts: number[]) => until(() => servers.every((it, at) => it.sockets.length === counts[at]))
  const routing = await startRouting([line(serverKeys.publicKey, ...servers.map(it => it.port))])
  const dialSome = (length: number) =>
    Promise.all(
      Array.from({ length }, async () => {
        const client = await dialThrough(routing.port)
        client.on('error', () => {})
      }),
    )
  await dialSome(30)
  await shared([10, 10, 10])
  // The second is given back its connections, and gets the next ones.
  for (const socket of servers[1]!.sockets) socket.destroy()
  await until(() => routing.routes.length === 10)
  await dialSome(10)
  await shared([10, 20, 10])

  servers[0]!.server.close()
  for (const socket of servers[0]!.sockets) socket.destroy()
  await until(() => routing.routes.length === 20)
  await dialSome(12)
  await shared([10, 26, 16])
  assert.equal(routing.health, [`down 127.0.0.1:${servers[0]!.port}`])
})

check('another table is for those that come, and leaves alone those that are there', async () => {
  const [first, second] = await echoServers(2)
  const routing = await startRouting([line(serverKeys.publicKey, first!.port)])
  const early = await dialThrough(routing.port)
  routing.table = parseTable(line(serverKeys.publicKey, second!.port), 'table')
  const late = await dialThrough(routing.port)
  await until(() => second!.sockets.length === 1)
  routing.table = new Map()
  await rejects(dialThrough(routing.port), 'PEER_REJECTED')
  for (const socket of [early, late]) {
    socket.write('ping')
    assert.is(String((await next(socket, 'data'))[0]), 'ping')
  }
})

check('limits: connections in all, of one address, and pending ones', async () => {
  const [server] = await echoServers(1)
  const lines = [line(serverKeys.publicKey, server!.port)]
  for (const limit of [
    { connections: 2, perAddress: 0 },
    { connections: 0, perAddress: 2 },
  ]) {
    const routing = await startRouting(lines, { limits: limit })
    const first = await dialThrough(routing.port)
    await dialThrough(routing.port)
    await rejects(dialThrough(routing.port), 'LINK_CLOSED')
    assert.is(routing.routes[0]!.ended, 'limit')
    first.destroy()
    await until(() => routing.service.live.size === 1)
    await dialThrough(routing.port)
  }
  const routing = await startRouting(lines, { maxPendingHandshakes: 3 })
  const strangers = ['HTTP', '', 'npk2'].map(it => dialPlain(routing.port, it))
  await connected(routing.server, 3)
  // The oldest makes room for one that may say something; those behind it stay.
  await dialThrough(routing.port)
  await strangers[0]!.closed
  await connected(routing.server, 3)
  const late = [dialPlain(routing.port), dialPlain(routing.port), dialPlain(routing.port)]
  await Promise.all(strangers.map(it => it.closed))
  await dialThrough(routing.port)
  for (const { socket } of late) socket.destroy()
})

check('a side that does not read holds the other back', async () => {
  const { server, port } = await serve()
  const routing = await startRouting([line(serverKeys.publicKey, port)])
  const accepted = next(server, 'secureConnection')
  const inner = next(routing.server, 'connection')
  const client = await dialThrough(routing.port)
  const [far] = await accepted
  const [relayed] = await inner
  far.on('error', () => {})
  far.pause()
  let written = 0
  const chunk = Buffer.alloc(1 << 20)
  while (written < 64 && client.write(chunk)) written++
  // What the system takes into its own buffers: 4 MB and 6 MB for each of the two connections, by default.
  for (let same = 0, before = -1; same < 20; ) {
    if (client.writableLength === 0) client.write(chunk)
    await new Promise(resolve => setTimeout(resolve, 10))
    same = relayed.isPaused() && relayed.bytesRead === before && client.writableLength > 0 ? same + 1 : 0
    before = relayed.bytesRead
    assert.ok(before < 40_000_000, `${before} bytes were taken`)
  }
  const before = relayed.bytesRead
  far.resume()
  await until(() => relayed.bytesRead > before)
})

/** How many connections a server has open. */
async function connected(server: net.Server, count: number): Promise<void> {
  let open = -1
  await until(() => {
    server.getConnections((_, found) => (open = found))
    return open === count
  })
}

test('a table says which line is wrong, and why', () => {
  const [a, b] = [generateKeyPair(), generateKeyPair()].map(it => encodePublicKey(it.publicKey)) as [string, string]
  const table = parseTable(`# routes\n${a} 10.0.0.1:1 [::1]:2  unix:/run/x.sock # three\n\n  ${b}\t4433\r\n`, 'routes')
  assert.equal(table.get(a), [{ host: '10.0.0.1', port: 1 }, { host: '::1', port: 2 }, { path: '/run/x.sock' }])
  assert.equal(table.get(b), [{ host: '127.0.0.1', port: 4433 }])
  const fails = (text: string, expected: RegExp) =>
    assert.throws(
      () => parseTable(text, 'routes'),
      (error: Error) => expected.test(error.message) || assert.unreachable(error.message),
    )
  fails(`${a} 1\n${a} 2`, /^routes:2: pk_.* has a line already$/)
  fails(`\n${a}`, /^routes:2: there is no backend behind the key$/)
  fails('pk_short 1', /^routes:1: a public key was expected, and its text has 5 characters$/)
  fails(`${a} nowhere`, /^routes:1: a backend is no address$/)
  fails(`${a} h:70000`, /^routes:1: a backend has the port 70000$/)
  const secret = `sk_${a.slice(3)}`
  assert.throws(
    () => parseTable(`${secret} 1`, 'routes'),
    (error: Error) => !error.message.includes(secret) && /secret key/.test(error.message),
  )
})

test.run()
