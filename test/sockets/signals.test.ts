// Nothing stays on an abort signal of what is over: a signal of a whole program would keep all of it. How it aborts is tested elsewhere.

import { getEventListeners } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { onAbort } from '../../src/channel/abort.js'
import { awaitAnswer } from '../../src/cli/route/ask.js'
import { serveHttp } from '../../src/http/index.js'
import { connectSocket, createServer, generateKeyPair } from '../../src/node/index.js'
import { openSocket } from '../../src/node/reach.js'
import { expose, forward } from '../../src/tunnel/index.js'
import { reachPlain } from '../../src/tunnel/patience.js'
import { connectWebSocket } from '../../src/web/index.js'
import { freePort } from '../support/ports.js'
import {
  cleanUpAfter,
  clientKeys,
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
import { giveUpAfter, secureClient, secureServer, streamPair } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)

/** A signal, and how many listen to it. */
function watched() {
  const { signal } = new AbortController()
  return { signal, listeners: () => getEventListeners(signal, 'abort').length }
}

const pinned = { keyPair: clientKeys, serverKey: serverKeys.publicKey }
const at = (port: number) => ({ host: '127.0.0.1', port })

check('a socket that connects, and closes', async () => {
  const { server, port } = await serve()
  server.on('secureConnection', socket => socket.end().resume())
  const { signal, listeners } = watched()
  const socket = track(connectSocket({ ...at(port), ...pinned, signal }))
  assert.is(listeners(), 1)
  await next(socket, 'secureConnect')
  assert.is(listeners(), 1)
  await next(socket.resume(), 'close')
  await until(() => listeners() === 0)
})

check(
  'one signal for many: sockets, channels, servers and tunnels are no leak that is warned of, and all are told',
  async () => {
    const { server, port } = await serve()
    server.on('secureConnection', socket => socket.on('error', () => {}).resume())
    const warnings: string[] = []
    const onWarning = (warning: Error) => void warnings.push(warning.message)
    process.on('warning', onWarning)
    const stop = new AbortController()
    const { signal } = stop
    const many = <T>(make: () => T) => Array.from({ length: 12 }, make)
    const sockets = many(() => track(connectSocket({ ...at(port), ...pinned, signal })))
    const channels = many(async () => {
      const [near, far] = streamPair()
      return Promise.all([secureClient(near, { signal }), secureServer(far, { signal })])
    })
    const servers = many(() => track(createServer({ keyPair: serverKeys, authorize: 'anyone', signal })))
    const tunnels = await Promise.all(many(() => forward(0, { ...at(port), ...pinned, signal })))
    await Promise.all([...sockets.map(it => next(it, 'secureConnect')), ...servers.map(listen)])
    const opened = (await Promise.all(channels)).flat()
    assert.is(getEventListeners(signal, 'abort').length, 1)

    const errors = sockets.map(async it => (await next(it, 'error'))[0].code)
    const closed = [...sockets, ...servers].map(it => next(it, 'close'))
    stop.abort()
    assert.equal(await Promise.all(errors), Array(12).fill('ABORT_ERR'))
    await Promise.all([...closed, ...opened.map(it => it.closed.catch(() => {}))])
    await until(() => getEventListeners(signal, 'abort').length === 0)
    await Promise.all(tunnels.map(it => it.close()))
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    assert.equal(warnings, [])
  },
)

check('what one that is told throws is an exception, and the others are told', async () => {
  const stop = new AbortController()
  const told: number[] = []
  onAbort(stop.signal, () => {
    throw new Error('thrown')
  })
  onAbort(stop.signal, () => told.push(2))
  onAbort(stop.signal, () => told.push(3))()
  const thrown = new Promise<Error>(resolve => process.setUncaughtExceptionCaptureCallback(resolve))
  stop.abort()
  assert.is((await thrown).message, 'thrown')
  process.setUncaughtExceptionCaptureCallback(null)
  assert.equal(told, [2])
})

check('a socket that does not come to be: nobody listens, another key', async () => {
  const { port } = await serve()
  for (const [to, code] of [
    [await freePort(), 'ECONNREFUSED'],
    [port, 'PEER_KEY_MISMATCH'],
  ] as const) {
    const { signal, listeners } = watched()
    const serverKey = generateKeyPair().publicKey
    const socket = connectSocket({ ...at(to), ...pinned, serverKey, signal })
    assert.is(listeners(), 1)
    const closed = next(socket, 'close')
    assert.is((await next(socket, 'error'))[0].code, code)
    await closed
    assert.is(listeners(), 0)
  }
})

check('a connection that is there, and one that is not', async () => {
  const timedOut = () => new Error('too late')
  const { signal, listeners } = watched()
  const opening = openSocket(at(await plainServer(() => {})), { timeout: 0, timedOut, signal })
  assert.is(listeners(), 1)
  track(await opening)
  assert.is(listeners(), 0)
  await rejects(openSocket(at(await freePort()), { timeout: 0, timedOut, signal }), 'ECONNREFUSED')
  assert.is(listeners(), 0)
})

check('a place that is reached at the second attempt', async () => {
  const { signal, listeners } = watched()
  const port = await freePort()
  const reaching = reachPlain(at(port), { timeout: 0, retry: 20_000, signal })
  // Behind an attempt that has failed it waits, and listens once.
  const server = track(net.createServer())
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  track(await reaching)
  assert.is(listeners(), 0)
})

check('an answer that is awaited: it comes, it does not come', async () => {
  const { signal, listeners } = watched()
  for (const [serveOne, came] of [
    [(socket: net.Socket) => socket.write('x'), true],
    [(socket: net.Socket) => socket.end(), false],
  ] as const) {
    const socket = track(net.connect(await plainServer(serveOne), '127.0.0.1'))
    const awaited = awaitAnswer(socket, Buffer.from('?'), 20_000, signal)
    assert.is(listeners(), 1)
    assert.is((await awaited) === undefined, came)
    assert.is(listeners(), 0)
  }
})

check('a server of HTTP that closes, is opened again, and closes', async () => {
  const { signal, listeners } = watched()
  const server = track(serveHttp(http.createServer(), { keyPair: serverKeys, authorize: 'anyone', signal }))
  const open = listeners()
  assert.ok(open > 0)
  for (const _time of [1, 2]) {
    await listen(server)
    assert.is(listeners(), open)
    const closed = next(server, 'close')
    server.close()
    await closed
    assert.is(listeners(), 0)
  }
})

check('tunnels: closed, and such as cannot listen', async () => {
  const { signal, listeners } = watched()
  const starts = [
    (listenAt: number) => expose(at(listenAt), 1, { keyPair: serverKeys, authorize: 'anyone', signal }),
    (listenAt: number) => forward(listenAt, { ...at(1), ...pinned, signal }),
  ]
  for (const start of starts) {
    const listener = await start(0)
    const open = listeners()
    assert.ok(open > 0)
    await rejects(start(listener.port), 'EADDRINUSE')
    await until(() => listeners() === open)
    await listener.close()
    assert.is(listeners(), 0)
  }
})

check('a channel over streams: open, closed, failed; at both ends', async () => {
  const [near, far] = [watched(), watched()]
  const [left, right] = streamPair()
  const both = Promise.all([secureClient(left, { signal: near.signal }), secureServer(right, { signal: far.signal })])
  assert.equal([near.listeners(), far.listeners()], [1, 1])
  const [client, server] = await both
  assert.equal([near.listeners(), far.listeners()], [1, 1])
  await Promise.all([client.close(), server.close(), client.closed, server.closed])
  await until(() => near.listeners() + far.listeners() === 0)

  const [one, other] = streamPair()
  const serverKey = generateKeyPair().publicKey
  const refused = secureServer(other, { signal: far.signal })
  await Promise.all([
    rejects(secureClient(one, { signal: near.signal, serverKey }), 'PEER_KEY_MISMATCH'),
    rejects(refused, /./),
  ])
  assert.equal([near.listeners(), far.listeners()], [0, 0])
})

check('a WebSocket that does not open', async () => {
  const { signal, listeners } = watched()
  const connecting = connectWebSocket(new WebSocket(`ws://127.0.0.1:${await freePort()}`), { ...pinned, signal })
  assert.is(listeners(), 1)
  await rejects(connecting, 'LINK_CLOSED')
  assert.is(listeners(), 0)
})

test.run()
