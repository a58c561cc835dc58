// "Credit": what an end sends and takes over a carrier that cannot push back, against a peer whose every record is chosen.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Credit } from '../../src/channel/credit.js'
import { Engine } from '../../src/engine/index.js'
import { dump, fields } from '../../src/inspect/index.js'
import { nodeCore } from '../../src/node/load.js'
import { type ByteStreams, portStreams, type SecureChannel } from '../../src/web/index.js'
import {
  CONTROL_CREDIT,
  CONTROL_DATA_END,
  CREDIT_FIRST,
  CREDIT_MESSAGE_END,
  CREDIT_NONE,
  CREDIT_WINDOW,
  TYPE_CONTROL,
} from '../../src/wire/stream.js'
import { creditOf, RawPeer } from '../support/raw-peer.js'
import { cleanUpAfter, clientKeys, guarded, rejects, serverKeys, someBytes } from '../support/sockets.js'
import {
  type Ends,
  giveUpAfter,
  receive,
  receiveUntilError,
  secureClient,
  secureServer,
  send,
  socketChannels,
  streamPair,
  webPair,
} from '../support/web.js'

const peers: RawPeer[] = []
giveUpAfter(test)
test.after.each(() => {
  for (const peer of peers.splice(0)) peer.leave()
})
cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>, limit?: number) => guarded(test, name, run, limit)

/** A pair of streams that swallow what they are given. */
function loosePair(): Ends {
  const loose = () =>
    new TransformStream<Uint8Array, Uint8Array>({}, undefined, { highWaterMark: Number.POSITIVE_INFINITY })
  const up = loose()
  const down = loose()
  return [
    { readable: down.readable, writable: up.writable, pushesBack: false },
    { readable: up.readable, writable: down.writable, pushesBack: false },
  ]
}

/** A channel, and a client by hand at its other end. */
async function withClient(
  streams: Ends = loosePair(),
  options = {},
): Promise<{ server: SecureChannel; peer: RawPeer }> {
  const [near, far] = streams
  const engine = Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: serverKeys.publicKey, ...options })
  const peer = new RawPeer(near, engine)
  peers.push(peer)
  return { peer, server: await secureServer(far) }
}

/** A channel, and a server by hand at its other end. */
async function withServer(): Promise<{ client: SecureChannel; peer: RawPeer }> {
  const [near, far] = loosePair()
  const peer = new RawPeer(far, Engine.server(nodeCore(), { keyPair: serverKeys }))
  peers.push(peer)
  const client = await secureClient(near)
  await peer.until(() => peer.engine.connected)
  return { client, peer }
}

/** Writes until the channel takes no more, and says how much it took. */
async function stuffed(channel: SecureChannel, peer: RawPeer): Promise<number> {
  const writer = channel.writable.getWriter()
  const pump = async () => {
    for (;;) {
      await writer.ready
      writer.write(new Uint8Array(65_536)).catch(() => {})
    }
  }
  pump().catch(() => {})
  // It has stopped where nothing came for a while: there is no event for that.
  for (let seen = -1; seen !== peer.received; await new Promise(resolve => setTimeout(resolve, 100)))
    seen = peer.received
  writer.releaseLock()
  return peer.received
}

test('a credit record, byte for byte, and as it is shown', () => {
  const payload = creditOf(0x01_0203_0405, 262_144)
  assert.is(Buffer.from(payload).toString('hex'), '05040302010000000000040000000000')
  const plaintext = Buffer.concat([Buffer.from([21, 0, TYPE_CONTROL, CONTROL_CREDIT, 0]), payload])
  const shown = dump('plaintext', plaintext)
  for (const part of ['= control', '= 1, credit', 'limit', '= 4328719365', 'heeds', '= 262144']) {
    assert.ok(shown.includes(part), `${part} in\n${shown}`)
  }
  assert.equal(
    fields('credit', payload).map(it => it.name),
    ['limit', 'heeds'],
  )
})

check('an end offers credit as its first record, and more when the application has the channel', async () => {
  const { peer } = await withClient()
  await peer.until(() => peer.credits.length === 2)
  assert.equal(peer.events.slice(0, 2), ['connected', 'control'])
  assert.equal(peer.credits, [
    { limit: CREDIT_FIRST, heeds: 0 },
    { limit: CREDIT_WINDOW, heeds: 0 },
  ])
})

check('where the carrier pushes back, an end answers, and does not begin', async () => {
  const { peer, server } = await withClient(streamPair())
  await peer.until(() => peer.engine.connected)
  await server.send(Buffer.from('.'))
  await peer.until(() => peer.received === 1)
  assert.equal(peer.credits, [])
  peer.grant(1000)
  await peer.until(() => peer.credits.length > 0)
  assert.is(peer.credits[0]?.heeds, 1000)
})

check('a limit is kept to, to the byte; more is sent as more is granted', async () => {
  const { peer, server } = await withClient()
  await peer.agree(100_000)
  assert.is(await stuffed(server, peer), 100_000)
  peer.grant(100_001)
  await peer.until(() => peer.received === 100_001)
  peer.grant(5_000_000)
  assert.is(await stuffed(server, peer), 5_000_000)
})

check('ends of messages count', async () => {
  const { peer, server } = await withClient()
  await peer.agree(3 * CREDIT_MESSAGE_END + 10)
  for (let at = 0; at < 10; at++) server.send(new Uint8Array()).catch(() => {})
  await peer.until(() => peer.events.filter(it => it === 'message').length === 3)
  peer.grant(5 * CREDIT_MESSAGE_END + 10)
  await peer.until(() => peer.events.filter(it => it === 'message').length === 5)
})

check('a message whose bytes fit, and whose end does not', async () => {
  const { peer, server } = await withClient()
  await peer.agree(100)
  server.send(new Uint8Array(100)).catch(() => {})
  await peer.until(() => peer.received === 100)
  assert.not.ok(peer.events.includes('message'))
  peer.grant(100 + CREDIT_MESSAGE_END)
  await peer.until(() => peer.events.includes('message'))
})

check('a peer that says nothing is given little at first, and then what there is', async () => {
  const { client, peer } = await withServer()
  const writing = client.writable.getWriter().write(new Uint8Array(2 * CREDIT_FIRST))
  // Streams in memory pass all on in microtasks: this is behind those, and before any timer.
  await new Promise<void>(resolve => process.nextTick(resolve))
  assert.is(peer.received, CREDIT_FIRST)
  await peer.until(() => peer.received === 2 * CREDIT_FIRST)
  await writing
})

check('a peer that says something else first does not take part', async () => {
  const { client, peer } = await withServer()
  peer.pour(1)
  const total = 3 * CREDIT_WINDOW
  await send(client, someBytes(total), 50_000)
  await peer.until(() => peer.events.includes('end'))
  assert.is(peer.received, total)
  assert.not.ok(peer.credits.some(it => it.heeds))
})

check(
  'an end to a peer that does not take part, which waits for it',
  async () => {
    const { client, peer } = await withServer()
    await client.writable.close()
    await peer.until(() => peer.controls.some(it => it.code === CONTROL_DATA_END))
    assert.not.ok(peer.events.includes('end'))
    peer.pour(1)
    await peer.until(() => peer.events.includes('end'))
  },
  10_000,
)

check('a peer that never grants more: the writer waits; abort ends it', async () => {
  const { peer, server } = await withClient()
  await peer.agree(10)
  assert.is(await stuffed(server, peer), 10)
  await server.writable.abort(new Error('enough'))
  await peer.ended()
  await rejects(server.closed, /enough/)
})

check('a peer that never grants more is noticed by idleTimeout', async () => {
  const [near, far] = loosePair()
  const peer = new RawPeer(near, Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: 'any' }))
  peers.push(peer)
  const server = await secureServer(far, { idleTimeout: 300 })
  await peer.agree(10)
  const writing = server.writable.getWriter().write(someBytes(100).slice())
  await rejects(writing, 'LINK_TIMEOUT')
  await peer.until(() => peer.events.includes('alert'))
})

check('one byte more than was granted, by a peer that heeds', async () => {
  const { peer, server } = await withClient()
  await peer.until(() => peer.credits.length === 2)
  peer.grant(1000, CREDIT_WINDOW)
  peer.pour(CREDIT_WINDOW)
  await new Promise(resolve => setTimeout(resolve, 50))
  peer.pour(1)
  const { data, error } = await receiveUntilError(server)
  assert.is(error.code, 'PEER_OVERRUN')
  assert.is(data.length, CREDIT_WINDOW)
  await peer.ended()
})

check('what was sent before the limit was read is no violation', async () => {
  const { peer, server } = await withClient()
  peer.grant(1000)
  peer.pour(3 * CREDIT_WINDOW)
  peer.grant(1000, CREDIT_FIRST)
  const reader = server.readable.getReader()
  let heard = 0
  while (heard < 3 * CREDIT_WINDOW) heard += (await reader.read()).value!.length
  await peer.until(() => peer.credits.at(-1)!.limit > 3 * CREDIT_WINDOW)
  // Now it has to keep to it.
  peer.pour(2 * CREDIT_WINDOW)
  await rejects(server.closed, 'PEER_OVERRUN')
})

check('more is granted as the application reads, and not before', async () => {
  const { peer, server } = await withClient()
  peer.grant(1000, CREDIT_FIRST)
  await peer.until(() => peer.credits.length >= 3)
  const known = peer.credits.length
  peer.pour(CREDIT_WINDOW)
  const reader = server.readable.getReader()
  let heard = 0
  while (peer.credits.length === known) {
    const { value } = await reader.read()
    heard += value!.length
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  assert.ok(heard >= CREDIT_WINDOW / 4, `${heard}`)
  assert.ok(peer.credits.at(-1)!.limit <= heard + CREDIT_WINDOW)
})

check('bytes that nobody reads of a peer without credit: up to 16 MiB', async () => {
  const [near, far] = loosePair()
  const peer = new RawPeer(near, Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: 'any' }))
  peers.push(peer)
  const server = await secureServer(far)
  peer.grant(1000)
  peer.pour(CREDIT_NONE)
  assert.is((await server.readable.getReader().read()).done, false)
  peer.pour(CREDIT_WINDOW)
  await rejects(server.closed, 'PEER_OVERRUN')
})

test('to the byte: 16 MiB may be unread of a peer without credit, and no more', () => {
  const engine = Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: 'any' })
  const credit = new Credit(engine, false)
  try {
    credit.opened(CREDIT_NONE)
    assert.throws(() => credit.opened(1), /PEER_OVERRUN/)
  } finally {
    engine.close()
  }
})

check('empty messages that nobody reads', async () => {
  const { peer, server } = await withClient()
  await peer.until(() => peer.credits.length === 2)
  peer.grant(1000, CREDIT_WINDOW)
  for (let at = 0; at <= CREDIT_WINDOW / CREDIT_MESSAGE_END; at++) {
    peer.engine.write(new Uint8Array(), 0, true)
    peer.flush()
  }
  await rejects(server.closed, 'PEER_OVERRUN')
})

for (const [what, payload] of Object.entries({
  'of 15 bytes': new Uint8Array(15),
  'of 17 bytes': new Uint8Array(17),
  'of no bytes': new Uint8Array(),
})) {
  check(`a credit record ${what}`, async () => {
    const { peer, server } = await withClient()
    await peer.until(() => peer.engine.connected)
    peer.engine.control(CONTROL_CREDIT, payload)
    peer.flush()
    await rejects(server.closed, 'PEER_MALFORMED')
  })
}

check('a credit record that takes back; one with the highest limit', async () => {
  const { peer, server } = await withClient()
  peer.engine.control(CONTROL_CREDIT, new Uint8Array(16).fill(0xff))
  peer.flush()
  await server.send(someBytes(CREDIT_WINDOW))
  await peer.until(() => peer.received === CREDIT_WINDOW)
  peer.grant(7)
  await rejects(server.closed, 'PEER_MALFORMED')
})

check('an unknown control code is ignored', async () => {
  const { peer, server } = await withClient()
  await peer.until(() => peer.engine.connected)
  peer.engine.control(0xbeef, new Uint8Array(100))
  peer.flush()
  peer.pour(3)
  assert.is((await server.readable.getReader().read()).value?.length, 3)
})

check('data behind the end of data', async () => {
  const { peer, server } = await withClient()
  await peer.until(() => peer.engine.connected)
  peer.grant(1000, 0)
  peer.engine.control(CONTROL_DATA_END)
  peer.flush()
  assert.is((await receive(server)).length, 0)
  peer.pour(1)
  await rejects(server.closed, 'PEER_AFTER_END')
})

check('a carrier that is cut behind the end of data, and before the final record', async () => {
  const { peer, server } = await withClient()
  await peer.until(() => peer.engine.connected)
  peer.grant(1000, 0)
  peer.engine.control(CONTROL_DATA_END)
  peer.flush()
  assert.is((await receive(server)).length, 0)
  peer.close()
  await rejects(server.closed, 'LINK_TRUNCATED')
})

check('half-close against a slow reader: the end that has ended goes on granting', async () => {
  const { client, server } = await webPair(2, loosePair())
  await send(client, Buffer.from('all of it, please'))
  assert.is((await receive(server)).toString(), 'all of it, please')
  const total = 8 * CREDIT_WINDOW
  let sent = 0
  const writer = server.writable.getWriter()
  const sending = (async () => {
    for (; sent < total; sent += 65_536) {
      await writer.ready
      writer.write(new Uint8Array(65_536)).catch(() => {})
    }
    await writer.close()
  })()
  let heard = 0
  for await (const chunk of client.readable) {
    heard += chunk.length
    assert.ok(sent <= heard + CREDIT_WINDOW + 4 * 65_536 + chunk.length, `${sent} sent, ${heard} heard`)
  }
  assert.is(heard, total)
  await Promise.all([sending, client.closed, server.closed])
})

check('both ends write before they read', async () => {
  const { client, server } = await socketChannels()
  const total = 6 * CREDIT_WINDOW
  // Each reads only when it has read the other's first megabytes' credit: neither may wait for the other.
  const run = async (channel: SecureChannel) => {
    const writing = send(channel, someBytes(total), 65_536)
    const reader = channel.readable.getReader()
    let heard = 0
    for (let it = await reader.read(); !it.done; it = await reader.read()) heard += it.value.length
    await writing
    return heard
  }
  assert.equal(await Promise.all([run(client), run(server)]), [total, total])
  await Promise.all([client.closed, server.closed])
})

check('credit comes through behind data that nobody reads', async () => {
  const { peer, server } = await withClient()
  await peer.agree(1000)
  peer.pour(300_000)
  assert.is(await stuffed(server, peer), 1000)
  peer.grant(60_000)
  await peer.until(() => peer.received === 60_000)
})

check('without credit at either end, over a port', async () => {
  const { port1, port2 } = new MessageChannel()
  const ends: ByteStreams[] = [portStreams(port1), portStreams(port2)]
  const { client, server } = await webPair(2, ends as Ends)
  const [heard] = await Promise.all([receive(server), send(client, someBytes(5 * CREDIT_WINDOW), 100_000)])
  assert.is(heard.length, 5 * CREDIT_WINDOW)
  await server.close()
})

test.run()
