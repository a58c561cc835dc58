// Which backend a router takes, what it holds against one, and when it forgives.

import net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { probe } from '../../src/cli/route/ask.js'
import { Backends } from '../../src/cli/route/backends.js'
import { createServer } from '../../src/node/index.js'
import { freePort } from '../support/ports.js'
import {
  dialPlain,
  dialThrough,
  echoServers,
  helloBytes,
  line,
  middleboxKeys,
  startRouting,
} from '../support/routing.js'
import {
  cleanUpAfter,
  guarded,
  listen,
  next,
  plainServer,
  rejects,
  serve,
  serverKeys,
  track,
  until,
} from '../support/sockets.js'

const test = suite('route backends')
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run, 20_000)
cleanUpAfter(test)

/** A backend in whose place another one can be put: what comes in is passed on to the port that it has just now. */
async function backendThat(serveOne: (socket: net.Socket) => void) {
  const it = { serveOne, sockets: [] as net.Socket[], port: 0 }
  it.port = await plainServer(socket => {
    it.sockets.push(socket)
    it.serveOne(socket)
  })
  return it
}

function passTo(port: number): (socket: net.Socket) => void {
  return socket => {
    const inner = track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
    inner.on('error', () => socket.destroy())
    socket.pipe(inner).pipe(socket)
  }
}

for (const [how, serveOne] of [
  ['closes at once', (socket: net.Socket) => void socket.destroy()],
  ['closes when it has heard the hello', (socket: net.Socket) => void socket.once('data', () => socket.end())],
  ['says nothing', (socket: net.Socket) => void socket.resume()],
  ['says something else', (socket: net.Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
] as const) {
  check(`a backend that accepts and ${how} is down, until it answers`, async () => {
    const [good] = await echoServers(1)
    const bad = await backendThat(serveOne)
    const routing = await startRouting([line(serverKeys.publicKey, bad.port, good!.port)], {}, 300)
    // As many as it takes until it was that one’s turn; whoever was sent there is served by the other.
    while (bad.sockets.length === 0) {
      const client = await dialThrough(routing.port).catch(error => {
        // Once something was said, it is the client’s to judge.
        if (how !== 'says something else') throw error
      })
      client?.on('error', () => {})
    }
    await until(() => routing.health.length === 1)
    assert.equal(routing.health, [`down 127.0.0.1:${bad.port}`])
    assert.equal(routing.backends.down, [`127.0.0.1:${bad.port}`])
    // It has the fewest connections, and gets none.
    for (let i = 0; i < 5; i++) await dialThrough(routing.port)
    const asked = bad.sockets.length
    bad.serveOne = passTo(good!.port)
    await until(() => routing.health.length === 2)
    assert.is(routing.health[1], `up 127.0.0.1:${bad.port}`)
    await dialThrough(routing.port)
    assert.ok(bad.sockets.length > asked + 1)
  })
}

check('a backend that says nothing to a probe is asked in one version, once', async () => {
  let asked = 0
  const port = await plainServer(socket => {
    asked++
    socket.on('error', () => {}).resume()
  })
  const said = new Set<string | undefined>()
  const ask = async () =>
    said.add(await probe({ host: '127.0.0.1', port }, serverKeys.publicKey, middleboxKeys.publicKey, 200))
  // Often: what went wrong here was a millisecond.
  for (let round = 0; round < 15; round++) await Promise.all(Array.from({ length: 20 }, ask))
  assert.equal([...said], ['nothing was answered within 200 ms'])
  assert.is(asked, 300)
})

check('the only backend has twice the time', async () => {
  const slow = await backendThat(socket => void socket.pause())
  const routing = await startRouting([line(serverKeys.publicKey, slow.port)], {}, 600)
  const dialled = dialThrough(routing.port)
  // The router has asked in vain, which takes longer than another would have had.
  await until(() => routing.health.length === 1)
  passTo((await echoServers(1))[0]!.port)(slow.sockets[0]!)
  await dialled
})

check('the silence of the only backend is told the client', async () => {
  const silent = await backendThat(socket => void socket.resume())
  const routing = await startRouting([line(serverKeys.publicKey, silent.port)], {}, 200)
  const error = await rejects(dialThrough(routing.port), 'PEER_REJECTED')
  assert.is(error.reject, 3)
  await until(() => routing.health.length === 1)
  silent.serveOne = passTo((await echoServers(1))[0]!.port)
  // Though it is down: there is no other.
  const client = await dialThrough(routing.port)
  client.write('ping')
  assert.is(String((await next(client, 'data'))[0]), 'ping')
})

check('a hello that no server answers is not held against the backend', async () => {
  const { server, port } = await serve({ versions: [2] })
  let asked = 0
  server.on('connection', () => asked++)
  const probed = new Promise<void>(resolve => server.on('connection', () => asked === 2 && resolve()))
  const routing = await startRouting([line(serverKeys.publicKey, port)])
  // Anybody can send one who knows the two keys: here of a version that the server does not serve.
  await rejects(dialThrough(routing.port, { version: 1 }), 'LINK_CLOSED')
  await probed
  await dialThrough(routing.port)
  assert.equal(routing.health, [])
})

check('a server of version 1 alone answers the router too', async () => {
  const port = await freePort()
  const routing = await startRouting([line(serverKeys.publicKey, port)])
  await rejects(dialThrough(routing.port), 'PEER_REJECTED')
  const server = track(createServer({ keyPair: serverKeys, authorize: 'anyone', versions: [1], strangers: 'answer' }))
  server.listen(port, '127.0.0.1')
  await until(() => routing.health.length === 2)
  assert.is(routing.health[1], `up 127.0.0.1:${port}`)
})

check('a client that leaves before the answer is not waited for', async () => {
  const silent = await backendThat(socket => void socket.resume())
  const routing = await startRouting([line(serverKeys.publicKey, silent.port)], {}, 10_000)
  const client = dialPlain(routing.port, helloBytes(2))
  await until(() => silent.sockets.length === 1)
  const gone = next(silent.sockets[0]!, 'close')
  client.socket.resetAndDestroy()
  await gone
  await until(() => routing.routes.length === 1)
  assert.is(routing.service.live.size, 0)
})

check('a backend that is taken out of the table while it is down, and put back, gets clients', async () => {
  const [first, second] = await echoServers(2)
  const routing = await startRouting([line(serverKeys.publicKey, first!.port)])
  const places = [first!, second!].map(it => ({ host: '127.0.0.1', port: it.port }))
  // It ends as it should: takes nothing new, and lets this one go on.
  const early = await dialThrough(routing.port)
  first!.server.close()
  await rejects(dialThrough(routing.port), 'PEER_REJECTED')
  assert.equal(routing.backends.down, [`127.0.0.1:${first!.port}`])
  routing.backends.retain(places.slice(1))
  assert.equal(routing.backends.down, [])
  const again = track(createServer({ keyPair: serverKeys, authorize: 'anyone' }))
  await new Promise<void>(resolve => again.listen(first!.port, '127.0.0.1', resolve))
  let served = 0
  again.on('secureConnection', socket => {
    served++
    socket.on('error', () => {})
  })
  routing.table = new Map([...routing.table].map(([key]) => [key, places]))
  for (let i = 0; i < 10; i++) await dialThrough(routing.port)
  await until(() => served === 5)
  early.write('still here')
  assert.is(String((await next(early, 'data'))[0]), 'still here')
})

check('among backends with the same load one is drawn by lot', async () => {
  const places = []
  for (const name of ['first', 'second'])
    places.push({ host: '127.0.0.1', port: await plainServer(socket => void socket.write(name)) })
  const request = { version: 2 as const, wanted: serverKeys.publicKey, received: helloBytes(2) }
  const { signal } = new AbortController()
  const chosen = new Set<string>()
  // Each as a router that has just started. That one in 60 never comes up, there is no need to fear.
  for (let routers = 0; routers < 60; routers++) {
    const backends = new Backends(middleboxKeys.publicKey, 2000, { onDown() {}, onUp() {} })
    const found = await backends.connect(places, request, signal)
    chosen.add(found!.backend.name)
    found!.socket.destroy()
  }
  assert.is(chosen.size, 2)
})

check('the backend hears the hello once it is asked, and what the client says later behind it', async () => {
  const heard: Buffer[] = []
  const server = net.createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', chunk => heard.push(chunk))
    setImmediate(() => socket.write(Buffer.alloc(1268)))
  })
  const routing = await startRouting([line(serverKeys.publicKey, await listen(track(server)))])
  const hello = helloBytes(2)
  const client = dialPlain(routing.port, hello)
  await until(() => client.received === 1268)
  client.socket.end('behind it')
  await until(() => Buffer.concat(heard).length === hello.length + 9)
  assert.is(Buffer.concat(heard).subarray(hello.length).toString(), 'behind it')
})

test.run()
