// "Credit" at sockets: they answer an end whose carrier cannot push back, keep to its limits, grant what was read, and end as it wants.

import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createWebSocketStream } from 'ws'
import { LINGER_MS } from '../../src/channel/options.js'
import { Engine } from '../../src/engine/index.js'
import type { SecureSocket, ServeOptions } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import type { ByteStreams } from '../../src/web/index.js'
import {
  CONTROL_CREDIT,
  CONTROL_DATA_END,
  CREDIT_MESSAGE_END,
  CREDIT_NONE,
  CREDIT_WINDOW,
} from '../../src/wire/stream.js'
import { still } from '../support/clock.js'
import { RawPeer } from '../support/raw-peer.js'
import {
  cleanUpAfter,
  clientKeys,
  delay,
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
} from '../support/sockets.js'
import { asStreams, giveUpAfter, receive, secureClient, send, socketPair } from '../support/web.js'

const peers: RawPeer[] = []
giveUpAfter(test)
test.after.each(() => {
  for (const peer of peers.splice(0)) peer.leave()
})
cleanUpAfter(test)

// Each takes a second at most; of credit that is broken, nearly all wait for ever.
const check = (name: string, run: () => Promise<void>, limit = 15_000) => guarded(test, name, run, limit)

async function dialPlain(port: number): Promise<net.Socket> {
  const socket = track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }))
  await next(socket, 'connect')
  return socket
}

/** A server's socket, and a client by hand at its other end. */
async function withPeer(options: Partial<ServeOptions> = {}): Promise<{ socket: SecureSocket; peer: RawPeer }> {
  const { server, port } = await serve({ allowHalfOpen: true, ...options })
  const accepted = next(server, 'secureConnection')
  const near = await dialPlain(port)
  const engine = Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: serverKeys.publicKey })
  const peer = new RawPeer(asStreams(near), engine)
  peers.push(peer)
  const [socket] = await accepted
  return { socket, peer }
}

/** A server's socket that is uploaded to and downloaded from over what takes all that it is given. */
function endless({ readable, writable }: ByteStreams): ByteStreams {
  const all = new TransformStream<Uint8Array, Uint8Array>({}, undefined, { highWaterMark: Number.POSITIVE_INFINITY })
  return { readable: readable.pipeThrough(all), writable, pushesBack: false }
}

const endData = (peer: RawPeer) => {
  peer.engine.control(CONTROL_DATA_END)
  peer.flush()
}

const said = (peer: RawPeer, code: number) => peer.controls.some(it => it.code === code)

check('a socket does not begin, and answers who does', async () => {
  const { socket, peer } = await withPeer()
  socket.write('.')
  await peer.until(() => peer.received === 1)
  assert.equal(peer.credits, [])
  peer.pour(10)
  assert.is((await next(socket, 'data'))[0].length, 10)
  peer.grant(1000)
  await peer.until(() => peer.credits.length > 0)
  assert.equal(peer.credits[0], { limit: 10 + CREDIT_WINDOW, heeds: 1000 })
})

check('the ends of messages count: before the peer has begun, and behind that', async () => {
  const { socket, peer } = await withPeer()
  const say = (message: string) => {
    peer.engine.write(Buffer.from(message), 0, true)
    peer.flush()
  }
  for (const message of ['abc', '', 'abc']) say(message)
  socket.resume()
  await until(() => socket.bytesRead === 6)
  peer.grant(1000)
  await peer.until(() => peer.credits.length > 0)
  const soFar = 6 + 3 * CREDIT_MESSAGE_END
  assert.equal(peer.credits, [{ limit: soFar + CREDIT_WINDOW, heeds: 1000 }])
  // A quarter of what was granted, for less than which there is no more.
  const quarter = CREDIT_WINDOW / 4
  for (let at = 0; at < quarter; at += CREDIT_MESSAGE_END) say('')
  await peer.until(() => peer.credits.length > 1)
  assert.is(peer.credits[1]?.limit, soFar + quarter + CREDIT_WINDOW)
})

check('so do those that this end has sent before', async () => {
  const { socket, peer } = await withPeer()
  for (const message of ['abc', '', 'abc']) await socket.send(Buffer.from(message))
  await peer.until(() => peer.events.filter(it => it === 'message').length === 3)
  const soFar = 6 + 3 * CREDIT_MESSAGE_END
  await peer.agree(soFar + 10)
  socket.write(someBytes(100))
  await peer.until(() => peer.received === 16)
  peer.grant(soFar + 11)
  await peer.until(() => peer.received > 16)
  assert.is(peer.received, 17)
})

check('it keeps to a limit, to the byte, and goes on as more is granted', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(100_000)
  socket.write(someBytes(200_000))
  socket.write(someBytes(200_000))
  await peer.until(() => peer.received === 100_000)
  await delay(50)
  assert.is(peer.received, 100_000)
  peer.grant(100_001)
  await peer.until(() => peer.received === 100_001)
  peer.grant(400_000)
  await peer.until(() => peer.received === 400_000)
})

check('what was written when there was no limit is on its way when there is one', async () => {
  const { socket, peer } = await withPeer()
  await peer.until(() => peer.engine.connected)
  const limit = 70_000
  socket.once('data', () => {
    socket.write(someBytes(100_000))
  })
  // In one piece: what the one has the application write is ahead of the other.
  peer.engine.write(Buffer.from('.'))
  peer.grant(limit)
  await peer.until(() => peer.credits.some(it => it.heeds === limit) && peer.received === 100_000)
  assert.is(peer.events.at(-1), 'control')
})

check('a write that waits for credit holds no memory of the core', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(10)
  socket.write(someBytes(10))
  await peer.until(() => peer.received === 10)
  const before = nodeCore().buffersInUse
  socket.write(someBytes(100_000))
  assert.is(nodeCore().buffersInUse, before)
})

check('what is granted goes out, though the end of its message has to wait', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(100_000)
  socket.send(someBytes(100_000)).catch(() => {})
  await peer.until(() => peer.received === 100_000)
  assert.not.ok(peer.events.includes('message'))
  peer.grant(200_000)
  await peer.until(() => peer.events.includes('message'))
})

check('a write that waits is over when the socket is destroyed', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(10)
  const written = new Promise<Error | null | undefined>(resolve => socket.write(someBytes(100), resolve))
  await peer.until(() => peer.received === 10)
  socket.destroy()
  assert.instance(await written, Error)
})

check('more is granted as the application reads, and not before', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(1000)
  const known = peer.credits.length
  peer.pour(CREDIT_WINDOW / 2)
  await until(() => socket.readableLength === CREDIT_WINDOW / 2)
  await delay(50)
  assert.is(peer.credits.length, known)
  assert.is(socket.read(CREDIT_WINDOW / 2).length, CREDIT_WINDOW / 2)
  await peer.until(() => peer.credits.length > known)
  assert.is(peer.credits.at(-1)?.limit, CREDIT_WINDOW * 1.5)
})

check('one byte more than was granted, by a peer that heeds', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(1000)
  peer.grant(1000, CREDIT_WINDOW)
  peer.pour(CREDIT_WINDOW)
  await until(() => socket.readableLength === CREDIT_WINDOW)
  // With a write that waits, it fails at once.
  socket.write(someBytes(2000))
  const failure = failureOf(socket)
  peer.pour(1)
  assert.is((await failure).code, 'PEER_OVERRUN')
})

check('credit comes through behind data that nobody reads', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(1000)
  peer.pour(800_000)
  socket.write(someBytes(60_000))
  await peer.until(() => peer.received === 1000)
  peer.grant(60_000)
  await peer.until(() => peer.received === 60_000)
})

check('a peer without credit is held back by the carrier, however slow the reader', async () => {
  const { socket, peer } = await withPeer()
  peer.pour(CREDIT_NONE + CREDIT_WINDOW)
  await until(() => socket.readableLength > 0)
  await delay(100)
  assert.ok(socket.readableLength < CREDIT_WINDOW)
  peer.engine.end()
  peer.flush()
  assert.is((await readAll(socket)).length, CREDIT_NONE + CREDIT_WINDOW)
})

check('so is one that begins with credit when this end can grant no more', async () => {
  const { socket, peer } = await withPeer()
  socket.end()
  await peer.until(() => peer.events.includes('end'))
  peer.grant(1000)
  peer.pour(CREDIT_NONE + CREDIT_WINDOW)
  await until(() => socket.readableLength > 0)
  await delay(100)
  assert.ok(socket.readableLength < CREDIT_WINDOW)
  peer.engine.end()
  peer.flush()
  assert.is((await readAll(socket)).length, CREDIT_NONE + CREDIT_WINDOW)
})

check('this end’s data is over first: it goes on granting, and its final record is the last', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(1000)
  socket.end('all of it')
  await next(socket, 'finish')
  await peer.until(() => said(peer, CONTROL_DATA_END))
  const heard = readAll(socket)
  for (let round = 0; round < 8; round++) {
    const known = peer.credits.length
    peer.pour(CREDIT_WINDOW / 2)
    await peer.until(() => peer.credits.length > known)
  }
  assert.not.ok(peer.events.includes('end'))
  const closed = next(socket, 'close')
  peer.engine.end()
  peer.flush()
  await peer.until(() => peer.events.includes('end'))
  assert.is((await heard).length, 4 * CREDIT_WINDOW)
  await closed
  await peer.ended()
})

check('the peer’s data is over first: its final record is waited for', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(100_000)
  endData(peer)
  assert.is((await readAll(socket)).length, 0)
  socket.end(someBytes(50_000))
  await peer.until(() => peer.events.includes('end'))
  assert.is(peer.received, 50_000)
  await delay(50)
  assert.is(socket.destroyed, false)
  const closed = next(socket, 'close')
  peer.engine.end()
  peer.flush()
  await closed
  assert.is(socket.errored, null)
})

still(test, 'a reader that is slow once both ends are there has all the time it likes', async clock => {
  const { socket, peer } = await withPeer()
  await peer.agree(1000)
  socket.end('all of it')
  await peer.until(() => said(peer, CONTROL_DATA_END))
  peer.pour(CREDIT_WINDOW / 2)
  endData(peer)
  // It waits for the peer's final record, for as long as that may take.
  await peer.until(() => peer.events.includes('end'))
  peer.engine.end()
  peer.flush()
  await peer.ended()
  clock.advance(LINGER_MS)
  assert.is(socket.destroyed, false)
  assert.is((await readAll(socket)).length, CREDIT_WINDOW / 2)
})

still(test, 'a socket that is destroyed while it waits for the final record leaves no timer behind', async clock => {
  const { socket, peer } = await withPeer()
  await peer.agree(1000)
  socket.end()
  await peer.until(() => said(peer, CONTROL_DATA_END))
  const timers = clock.timers.all
  endData(peer)
  await peer.until(() => peer.events.includes('end'))
  assert.is(clock.timers.all, timers + 1)
  socket.destroy()
  assert.is(clock.timers.all, timers)
})

check('a peer that ends its data, and goes without its final record', async () => {
  const { socket, peer } = await withPeer()
  await peer.agree(1000)
  endData(peer)
  assert.is((await readAll(socket)).length, 0)
  const failure = failureOf(socket)
  peer.close()
  assert.is((await failure).code, 'LINK_TRUNCATED')
})

check('an end of data with a payload; one of a peer that does not know credit; data behind one', async () => {
  const one = await withPeer()
  await one.peer.agree(1000)
  const malformed = failureOf(one.socket)
  one.peer.engine.control(CONTROL_DATA_END, new Uint8Array(1))
  one.peer.flush()
  assert.is((await malformed).code, 'PEER_MALFORMED')

  const other = await withPeer()
  other.peer.engine.control(CONTROL_DATA_END, new Uint8Array(1))
  endData(other.peer)
  other.peer.pour(3)
  other.peer.engine.end()
  other.peer.flush()
  assert.is((await readAll(other.socket)).length, 3)

  const third = await withPeer()
  await third.peer.agree(1000)
  endData(third.peer)
  assert.is((await readAll(third.socket)).length, 0)
  const behind = failureOf(third.socket)
  third.peer.pour(1)
  assert.is((await behind).code, 'PEER_AFTER_END')
})

check('a credit record of 15 bytes', async () => {
  const { socket, peer } = await withPeer()
  const failure = failureOf(socket)
  peer.engine.control(CONTROL_CREDIT, new Uint8Array(15))
  peer.flush()
  assert.is((await failure).code, 'PEER_MALFORMED')
})

check('a peer that has ended its data and only grants is not silent', async () => {
  const { socket, peer } = await withPeer({ idleTimeout: 40 })
  await peer.agree(1000)
  endData(peer)
  assert.is((await readAll(socket)).length, 0)
  await delay(150)
  assert.is(socket.errored, null)
})

check('megabytes both ways at once, with a web channel that cannot push back; both ends close', async () => {
  const { server, port } = await serve({ allowHalfOpen: true })
  const accepted = next(server, 'secureConnection')
  const client = await secureClient(endless(asStreams(await dialPlain(port))))
  const [socket] = await accepted
  const data = someBytes(6 * CREDIT_WINDOW)
  socket.end(data)
  const [up, down] = await Promise.all([readAll(socket), receive(client), send(client, data.slice(), 100_000)])
  assert.is(hashOf(up), hashOf(data))
  assert.is(hashOf(down), hashOf(data))
  await client.closed
  if (!socket.closed) await next(socket, 'close')
})

check('a slow reader over a WebSocket that takes all it is given is not cut off', async () => {
  const { server } = await serve({ allowHalfOpen: true })
  const accepted = next(server, 'secureConnection')
  const [near, far] = await socketPair()
  server.emit('connection', createWebSocketStream(far))
  const client = await secureClient(endless(asStreams(createWebSocketStream(near))))
  const [socket] = await accepted
  const total = 2 * CREDIT_NONE
  socket.end(Buffer.alloc(total))
  socket.resume()
  await until(() => socket.bytesWritten >= CREDIT_WINDOW)
  await delay(100)
  assert.ok(socket.bytesWritten < 2 * CREDIT_WINDOW)
  let heard = 0
  for await (const chunk of client.readable) heard += chunk.length
  assert.is(heard, total)
  await client.close()
})

check('a web channel that cannot push back uploads, and is answered at once', async () => {
  const { server, port } = await serve()
  server.on('secureConnection', socket => socket.resume())
  const client = await secureClient(endless(asStreams(await dialPlain(port))))
  await send(client, someBytes(CREDIT_WINDOW).slice())
  await client.closed
  await rejects(client.send(new Uint8Array(1)), 'USE_CLOSED')
})

test.run()
