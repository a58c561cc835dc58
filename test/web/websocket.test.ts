// connectWebSocket and acceptWebSocket: what is particular to WebSockets. What channels do is in web.test.ts and credit.test.ts.

import { createServer } from 'node:http'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket, WebSocketServer } from 'ws'
import type { ChannelError } from '../../src/errors.js'
import { acceptWebSocket, type ByteStreams, connectWebSocket, secure } from '../../src/web/index.js'
import { freePort } from '../support/ports.js'
import {
  cleanUpAfter,
  clientKeys,
  guarded,
  listen,
  next,
  rejects,
  serverKeys,
  someBytes,
  track,
  until,
} from '../support/sockets.js'
import { giveUpAfter, keep, receive, receiveUntilError, send, socketChannels, socketPair } from '../support/web.js'

giveUpAfter(test)
cleanUpAfter(test)
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)

const AS_CLIENT = { keyPair: clientKeys, serverKey: serverKeys.publicKey }
const AS_SERVER = { keyPair: serverKeys, authorize: 'anyone' as const }

check('binary messages carry the stream, of any size; the end closes the WebSocket with 1000', async () => {
  const { client, server, near, far } = await socketChannels()
  const sizes: number[] = []
  far.on('message', (data: Buffer) => sizes.push(data.length))
  const closed = [next(near, 'close'), next(far, 'close')]
  const data = someBytes(1 << 20)
  await Promise.all([send(client, data), receive(server).then(() => server.close())])
  assert.ok(Math.max(...sizes) <= 65_792, `${Math.max(...sizes)}`)
  for (const [code] of await Promise.all(closed)) assert.is(code, 1000)
  await Promise.all([client.closed, server.closed])
})

check('messages that are cut and joined elsewhere make no difference', async () => {
  const [near, far] = await socketPair()
  // Everything goes on byte by byte, or all that there is.
  const forward = (from: WebSocket, to: WebSocket, step: number) => {
    from.on('message', (data: Buffer) => {
      for (let at = 0; at < data.length; at += step) to.send(data.subarray(at, at + step))
    })
    from.on('close', code => to.close(code))
  }
  const [middleNear, middleFar] = await socketPair()
  forward(far, middleNear, 1)
  forward(middleNear, far, 7)
  const ends = await Promise.all([connectWebSocket(near, AS_CLIENT), acceptWebSocket(middleFar, AS_SERVER)])
  const [client, server] = ends.map(keep) as [(typeof ends)[0], (typeof ends)[0]]
  await Promise.all([send(client, someBytes(3000)), receive(server).then(it => assert.is(it.length, 3000))])
  await server.close()
})

check('a text message in the handshake', async () => {
  const [near, far] = await socketPair()
  const closed = next(near, 'close')
  near.send('hello?')
  await rejects(acceptWebSocket(far, AS_SERVER), 'PEER_MALFORMED')
  assert.is((await closed)[0], 4000)
})

check('a text message in the stream; what came before it is read', async () => {
  const { client, server, near } = await socketChannels()
  await client.send(Buffer.from('fine'))
  const reader = server.readable.getReader()
  assert.is((await reader.read()).value?.length, 4)
  near.send('not fine')
  await rejects(reader.read(), 'PEER_MALFORMED')
  await rejects(server.closed, 'PEER_MALFORMED')
  await rejects(client.closed, 'LINK_TRUNCATED')
})

for (const [code, says] of [
  [1000, 'without a code'],
  [1001, 'code 1001 (bye)'],
  [1011, 'code 1011 (bye)'],
  [4321, 'code 4321 (bye)'],
] as const) {
  check(`closed with ${code} under the channel: it was cut short, and the code is the cause`, async () => {
    const { client, server, far } = await socketChannels()
    await server.send(Buffer.from('first'))
    far.close(code, 'bye')
    const { data, error } = await receiveUntilError(client)
    assert.is(data.toString(), 'first')
    assert.is(error.code, 'LINK_TRUNCATED')
    if (code !== 1000) assert.match(String(error.cause), says)
    await rejects(client.send(Buffer.from('.')), 'LINK_TRUNCATED')
    await rejects(server.closed, 'LINK_TRUNCATED')
  })
}

check('a close reason reaches nobody’s terminal with its escapes', async () => {
  const [near, far] = await socketPair()
  const connecting = connectWebSocket(near, AS_CLIENT)
  far.close(4001, '\x1b]0;owned\x07\x1b[2J\nfake line')
  const refused = await rejects(connecting, 'LINK_CLOSED')
  assert.match(
    refused.message,
    /^LINK_CLOSED: the WebSocket closed with code 4001 \(.\]0;owned..\[2J.fake line\); check the address/,
  )
  const { client, server, far: other } = await socketChannels()
  other.close(4001, '\x1b[2J\nfake line')
  const { error } = await receiveUntilError(client)
  for (const it of [refused, error, error.cause]) assert.not.match(String((it as Error).message), /\p{Cc}/u)
  await rejects(server.closed, 'LINK_TRUNCATED')
})

check('what never opened is not said to refuse a hello', async () => {
  const port = await freePort()
  const never = await rejects(connectWebSocket(new WebSocket(`ws://127.0.0.1:${port}`), AS_CLIENT), 'LINK_CLOSED')
  assert.match(never.message, /closed with code 1006 before it was open; check the address/)
  assert.match(String(never.cause), /ECONNREFUSED/)
  // As a Workers socket has it: streams, and a promise.
  const plain = net.connect(port, '127.0.0.1')
  const opened = new Promise<void>((resolve, reject) => plain.once('connect', resolve).once('error', reject))
  const streams = { ...(Duplex.toWeb(plain) as unknown as ByteStreams), opened }
  const refused = await rejects(secure(streams, AS_CLIENT), 'LINK_CLOSED')
  assert.match(refused.message, /the socket did not open: Error: connect ECONNREFUSED .*; check the address/)
})

check('a connection that breaks under the WebSocket', async () => {
  const { client, server, far } = await socketChannels()
  far.terminate()
  const error = await rejects(client.closed, 'LINK_TRUNCATED')
  assert.match(String(error.cause), /1006/)
  await rejects(server.closed, 'LINK_TRUNCATED')
})

check('an alert, and a refusal, get through before the WebSocket closes', async () => {
  for (let round = 0; round < 10; round++) {
    const [near, far] = await socketPair()
    const accepting = acceptWebSocket(far, { ...AS_SERVER, authorize: () => false })
    const client = keep(await connectWebSocket(near, AS_CLIENT))
    await rejects(accepting, 'PEER_NOT_AUTHORIZED')
    await rejects(client.closed, 'PEER_NOT_AUTHORIZED')
  }
})

check('a WebSocket that is still connecting', async () => {
  const listener = track(new WebSocketServer({ port: 0, host: '127.0.0.1' }))
  listener.on('connection', async socket => {
    const server = keep(await acceptWebSocket(socket, AS_SERVER))
    await server.readable.pipeTo(server.writable)
  })
  await next(listener, 'listening')
  const { port } = listener.address() as net.AddressInfo
  const client = keep(await connectWebSocket(new WebSocket(`ws://127.0.0.1:${port}`), AS_CLIENT))
  const [back] = await Promise.all([receive(client), send(client, someBytes(100_000))])
  assert.is(back.length, 100_000)
  await client.closed
})

check('a WebSocket that does not open', async () => {
  const refusing = track(createServer((_, response) => response.writeHead(403).end()))
  const port = await listen(refusing)
  const refused = await rejects(connectWebSocket(new WebSocket(`ws://127.0.0.1:${port}`), AS_CLIENT), 'LINK_CLOSED')
  assert.match(refused.message, /before it was open/)
  assert.match(String(refused.cause), /403/)
  const nobody = await rejects(connectWebSocket(new WebSocket('ws://127.0.0.1:1'), AS_CLIENT), 'LINK_CLOSED')
  assert.match(String(nobody.cause), /ECONNREFUSED/)
})

check('a WebSocket that does not open, and never closes either, as Node 22’s', async () => {
  const socket = Object.assign(new EventTarget(), { readyState: WebSocket.CONNECTING, send() {}, close() {} })
  const opening = connectWebSocket(socket, AS_CLIENT)
  socket.dispatchEvent(Object.assign(new Event('error'), { message: 'network error' }))
  const refused = await rejects(opening, 'LINK_CLOSED')
  assert.match(refused.message, /before it was open/)
  assert.match(String(refused.cause), /network error/)
})

check('connecting takes too long, or is aborted', async () => {
  const silent = track(net.createServer(socket => track(socket).resume()))
  const port = await listen(silent)
  const dial = () => new WebSocket(`ws://127.0.0.1:${port}`)
  const late = await rejects(connectWebSocket(dial(), { ...AS_CLIENT, handshakeTimeout: 50 }), 'LINK_TIMEOUT')
  assert.match(late.message, /connecting took more than 50 ms/)
  const controller = new AbortController()
  const socket = dial()
  const opening = connectWebSocket(socket, { ...AS_CLIENT, signal: controller.signal })
  controller.abort(new Error('never mind'))
  await rejects(opening, /never mind/)
  await until(() => socket.readyState === WebSocket.CLOSED)
})

check('the handshake over an open WebSocket takes too long', async () => {
  const [near, far] = await socketPair()
  const closed = next(far, 'close')
  const late = await rejects(connectWebSocket(near, { ...AS_CLIENT, handshakeTimeout: 50 }), 'LINK_TIMEOUT')
  assert.match(late.message, /challenge took more than 50 ms/)
  assert.is((await closed)[0], 4000)
})

check('a WebSocket that has closed', async () => {
  const [near, far] = await socketPair()
  const closed = next(near, 'close')
  far.close()
  await closed
  await rejects(connectWebSocket(near, AS_CLIENT), 'LINK_CLOSED')
})

check('wrong options close the WebSocket', async () => {
  const [near, far] = await socketPair()
  const closed = next(far, 'close')
  await rejects(connectWebSocket(near, { serverKey: new Uint8Array(3) }), 'USE_BAD_KEY')
  await closed
})

check('a URL, where the runtime has WebSockets; where it has none, that is said', async () => {
  if ('WebSocket' in globalThis) {
    await rejects(connectWebSocket('ftp://127.0.0.1', AS_CLIENT), 'USE_BAD_OPTION')
    await rejects(connectWebSocket('ws://127.0.0.1:1', AS_CLIENT), 'LINK_CLOSED')
    return
  }
  const error = await rejects(connectWebSocket('wss://example.org', AS_CLIENT), 'USE_BAD_OPTION')
  assert.match(error.message, /this runtime has no WebSocket; hand one in/)
  Object.assign(globalThis, { WebSocket })
  try {
    const listener = track(new WebSocketServer({ port: 0, host: '127.0.0.1' }))
    listener.on('connection', socket => acceptWebSocket(socket, AS_SERVER).then(it => keep(it).close()))
    await next(listener, 'listening')
    const { port } = listener.address() as net.AddressInfo
    const client = keep(await connectWebSocket(new URL(`ws://127.0.0.1:${port}/path?query`), AS_CLIENT))
    assert.is((await receive(client)).length, 0)
    await client.close()
    await rejects(connectWebSocket('no url', AS_CLIENT), 'USE_BAD_OPTION')
  } finally {
    Reflect.deleteProperty(globalThis, 'WebSocket')
  }
})

check('nothing that a stranger sends first is held beyond the handshake', async () => {
  const [near, far] = await socketPair()
  const accepting = acceptWebSocket(far, AS_SERVER)
  near.send(new Uint8Array(1 << 20))
  const error: ChannelError = await rejects(accepting, 'PEER_VERSION')
  assert.ok(error)
})

test.run()
