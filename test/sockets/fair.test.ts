// A flood of small records on one connection leaves the event loop to the others: counts of events and turns, and no times.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { createServer, type SecureSocket } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import {
  cleanUpAfter,
  clientKeys,
  dial,
  duplexPair,
  failureOf,
  guarded,
  next,
  readAll,
  readUntilError,
  serve,
  serverKeys,
  track,
  turn,
} from '../support/sockets.js'

cleanUpAfter(test)

const MESSAGES = 100_000
// 256 behind the event loop's reads, and 256 of what was read.
const EVENTS_A_TURN = 512

guarded(test, 'while one channel is flooded with 1-byte messages, another is answered', async () => {
  const { server, port } = await serve()
  let accepted = next(server, 'secureConnection')
  const { peer, transport } = await rawPeer(net.connect({ host: '127.0.0.1', port, noDelay: true }))
  const [flooded] = (await accepted) as [SecureSocket]
  flooded.resume()
  accepted = next(server, 'secureConnection')
  const honest = await dial(port)
  const [echoing] = (await accepted) as [SecureSocket]
  echoing.pipe(echoing)

  transport.write(messages(peer, MESSAGES))
  let most = 0
  let answeredAt: number | undefined
  honest.once('data', () => {
    answeredAt = flooded.bytesRead
  })
  for (let before = 0; flooded.bytesRead < MESSAGES; before = flooded.bytesRead) {
    if (before > 0 && honest.bytesWritten === 0) honest.write('hello')
    await turn()
    most = Math.max(most, flooded.bytesRead - before)
  }
  assert.ok(most <= EVENTS_A_TURN, `${most} messages in one turn`)
  assert.ok(answeredAt !== undefined && answeredAt < MESSAGES / 2, `answered behind ${answeredAt} messages`)
})

guarded(test, 'key changes leave the event loop to others, too', async () => {
  const { peer, near, server } = await overDuplex()
  const arrived = next(server, 'data')
  let over = false
  arrived.then(() => {
    over = true
  })
  const flood = sealed(peer, 60_000, () => peer.rekey())
  await turn()
  near.write(Buffer.concat([flood, messages(peer, 1)]))
  let turns = 0
  for (; !over; turns++) await turn()
  assert.ok(turns >= 8, `${flood.length} bytes in ${turns} turns`)
})

guarded(test, 'full records are taken as they come', async () => {
  const { peer, near, server } = await overDuplex()
  server.resume()
  const data = new Uint8Array(240_000)
  await turn()
  near.write(sealed(peer, 4, () => peer.write(data.subarray(0, 60_000))))
  await turn()
  assert.is(server.bytesRead, data.length)
})

guarded(test, 'small records become few chunks, each in memory of its own', async () => {
  const { peer, near, server } = await overDuplex()
  const chunks: Uint8Array[] = []
  server.on('data', chunk => chunks.push(chunk))
  await turn()
  near.write(Buffer.concat([messages(peer, MESSAGES), ended(peer)]))
  near.end()
  await next(server, 'end')
  checkFlood(Buffer.concat(chunks))
  assert.ok(chunks.length <= MESSAGES / 100, `${chunks.length} chunks`)
  for (const { buffer, length } of chunks) assert.is(buffer.byteLength, length)
})

for (const paced of [false, true]) {
  const how = paced ? 'a slow reader' : 'a reader'
  const pace = paced ? turn : undefined

  guarded(test, `${how} gets all of a flood, and its end`, async () => {
    const { peer, near, server } = await overDuplex()
    const all = readAll(server, pace)
    await turn()
    near.write(Buffer.concat([messages(peer, MESSAGES), ended(peer)]))
    near.end()
    checkFlood(await all)
  })

  guarded(test, `${how} gets all of a flood, and the alert behind it`, async () => {
    const { peer, near, server } = await overDuplex()
    const all = readUntilError(server, pace)
    const flood = messages(peer, MESSAGES)
    peer.alert(4, 'good night')
    await turn()
    near.write(Buffer.concat([flood, peer.take()]))
    const { data, error } = await all
    checkFlood(data)
    assert.is(error.code, 'PEER_ALERT')
  })

  for (const how2 of ['ends', 'is closed'] as const) {
    guarded(test, `${how} gets all of a flood whose connection ${how2} meanwhile, and then hears of it`, async () => {
      const { peer, near, far, server } = await overDuplex()
      const all = readUntilError(server, pace)
      await turn()
      near.write(messages(peer, MESSAGES))
      if (how2 === 'ends') near.end()
      else far.destroy()
      const { data, error } = await all
      checkFlood(data)
      assert.is(error.code, 'LINK_TRUNCATED')
    })
  }
}

guarded(test, 'a write that waits when the connection closes fails behind what had come', async () => {
  const { peer, near, far, server } = await overDuplex()
  let read = 0
  server.on('data', chunk => {
    read += chunk.length
  })
  // Nobody reads at the other end.
  near.pause()
  server.write(new Uint8Array(1 << 20))
  const failure = failureOf(server)
  await turn()
  near.write(messages(peer, MESSAGES))
  far.destroy()
  await failure
  assert.is(read, MESSAGES)
})

guarded(test, 'one that is destroyed meanwhile reports nothing more', async () => {
  const { peer, near, server } = await overDuplex()
  let read = 0
  server.on('data', chunk => {
    read += chunk.length
  })
  await turn()
  near.write(messages(peer, MESSAGES))
  const before = read
  assert.ok(before > 0 && before < MESSAGES)
  server.destroy()
  await turn()
  await turn()
  assert.is(read, before)
})

async function overDuplex() {
  const [near, far] = duplexPair()
  const listener = createServer({ keyPair: serverKeys, authorize: 'anyone' })
  const accepted = next(listener, 'secureConnection')
  listener.emit('connection', track(far))
  const { peer } = await rawPeer(near)
  const [server] = (await accepted) as [SecureSocket]
  return { peer, near, far, server: track(server) }
}

/** A client's engine, connected, whose records the test sends by itself. */
async function rawPeer<T extends Duplex>(transport: T): Promise<{ peer: Engine; transport: T }> {
  track(transport).on('error', () => {})
  const peer = Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: serverKeys.publicKey })
  track({ close: () => peer.close(), on() {} })
  transport.write(peer.take())
  while (!peer.connected) {
    const [chunk] = await next(transport, 'data')
    peer.receive(chunk)
    peer.advance()
  }
  transport.write(peer.take())
  transport.resume()
  return { peer, transport }
}

function messages(peer: Engine, count: number): Buffer {
  return sealed(peer, count, at => peer.write(Uint8Array.of(at & 0xff), 0, true))
}

function checkFlood(data: Uint8Array): void {
  assert.is(data.length, MESSAGES)
  assert.is(
    data.findIndex((byte, at) => byte !== (at & 0xff)),
    -1,
  )
}

function ended(peer: Engine): Uint8Array {
  peer.end()
  return peer.take()
}

function sealed(peer: Engine, count: number, seal: (at: number) => unknown): Buffer {
  const parts: Uint8Array[] = []
  for (let at = 0; at < count; at++) {
    seal(at)
    parts.push(peer.take())
  }
  return Buffer.concat(parts)
}

test.run()
