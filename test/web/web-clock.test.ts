// What a channel over streams does by the clock, which stands still until it is told to go on.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import type { ChannelError } from '../../src/errors.js'
import { nodeCore } from '../../src/node/load.js'
import type { ByteStreams, SecureChannel } from '../../src/web/index.js'
import { CREDIT_FIRST } from '../../src/wire/stream.js'
import { type Clock, still } from '../support/clock.js'
import { RawPeer } from '../support/raw-peer.js'
import { cleanUpAfter, clientKeys, serverKeys } from '../support/sockets.js'
import { type Ends, giveUpAfter, secureClient, secureServer, streamPair, tapped, webPair } from '../support/web.js'

const test = suite('web clock')
cleanUpAfter(test)
giveUpAfter(test)

/** Until all that was under way is done: nothing here waits for anything but promises, and the clock. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** What a promise has come to. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  let state: unknown = 'waits'
  promise.then(
    () => (state = 'resolved'),
    (error: ChannelError) => (state = error.code ?? error.message),
  )
  await settled()
  return state
}

/** A pair of streams that take whatever they are given, and the same for who cannot push back. */
function loosePair(pushesBack?: boolean): Ends {
  const loose = () => new TransformStream<Uint8Array, Uint8Array>({}, undefined, { highWaterMark: 1e9 })
  const [up, down] = [loose(), loose()]
  const said = pushesBack === undefined ? {} : { pushesBack }
  return [
    { readable: down.readable, writable: up.writable, ...said },
    { readable: up.readable, writable: down.writable, ...said },
  ]
}

const peers: RawPeer[] = []
test.after.each(() => {
  for (const peer of peers.splice(0)) peer.leave()
})

/** A channel, and a server by hand at its other end. */
async function withServer(options = {}, ends = loosePair()): Promise<{ client: SecureChannel; peer: RawPeer }> {
  const [near, far] = ends
  const peer = new RawPeer(far, Engine.server(nodeCore(), { keyPair: serverKeys }))
  peers.push(peer)
  const client = await secureClient(near, options)
  await peer.until(() => peer.engine.connected)
  return { client, peer }
}

const wait = (name: string, body: (clock: Clock) => Promise<void>) => still(test, name, body)

wait('what is sent puts the next heartbeat off', async clock => {
  const [near, far] = streamPair()
  let chunks = 0
  const counted: ByteStreams = tapped(near, {
    out: chunk => {
      chunks++
      return [chunk]
    },
  })
  const { client, server } = await webPair(2, [counted, far], { client: { heartbeat: 1000 } })
  const reader = server.readable.getReader()
  await settled()
  chunks = 0
  for (let at = 1; at <= 5; at++) {
    clock.advance(900)
    await settled()
    assert.is(chunks, at - 1)
    await client.send(Buffer.from('x'))
    await reader.read()
    await settled()
    assert.is(chunks, at)
  }
  clock.advance(1000)
  await settled()
  assert.is(chunks, 6)
})

wait('what comes puts silence off; so does reading on, after this end has not', async clock => {
  const { client, server } = await webPair(2, loosePair(), { server: { idleTimeout: 1000 } })
  // As much as it takes before it stops, to the byte: nothing more comes behind it.
  const writer = client.writable.getWriter()
  await writer.write(new Uint8Array(65_536))
  await settled()
  clock.advance(1900)
  await settled()
  const reader = server.readable.getReader()
  for (let read = 0; read < 65_536; ) read += (await reader.read()).value?.length ?? Number.NaN
  clock.advance(990)
  assert.is(await stateOf(server.closed), 'waits')
  await writer.write(new Uint8Array(1))
  await reader.read()
  clock.advance(990)
  assert.is(await stateOf(server.closed), 'waits')
  clock.advance(20)
  assert.is(await stateOf(server.closed), 'LINK_TIMEOUT')
  assert.is(await stateOf(client.closed), 'PEER_ALERT')
})

wait('a peer that does not end has 30 s behind a close, and 30 s more to close what carries it', async clock => {
  const { client, peer } = await withServer()
  const closing = client.close()
  assert.is(await stateOf(closing), 'waits')
  assert.ok(peer.engine.readEnded)
  clock.advance(29_999)
  await settled()
  assert.is(peer.over, undefined)
  clock.advance(1)
  await settled()
  assert.equal(peer.over, {}, 'it ends its own direction of what carries it')
  clock.advance(29_999)
  assert.is(await stateOf(closing), 'waits')
  clock.advance(1)
  assert.is(await stateOf(closing), 'resolved')
})

wait('one that somebody reads is waited for as long as it takes', async clock => {
  const { client, peer } = await withServer()
  const reader = client.readable.getReader()
  const closing = client.close()
  await settled()
  clock.advance(1_000_000)
  assert.is(await stateOf(closing), 'waits')
  peer.pour(1)
  assert.is((await reader.read()).value?.length, 1)
  peer.engine.end()
  peer.flush()
  assert.is((await reader.read()).done, true)
  assert.is(await stateOf(peer.ended()), 'resolved')
  peer.close()
  assert.is(await stateOf(closing), 'resolved')
})

wait('behind an alert a peer has 30 s, from when it has taken it', async clock => {
  const { client, peer } = await withServer()
  const told = client.alert(4, 'until tomorrow')
  await settled()
  assert.equal(peer.engine.alertReceived, { code: 4, text: 'until tomorrow' })
  clock.advance(29_999)
  assert.is(await stateOf(told), 'waits')
  clock.advance(1)
  assert.is(await stateOf(told), 'resolved')
  const other = await withServer()
  const heard = other.client.alert(4)
  await settled()
  other.peer.close()
  assert.is(await stateOf(heard), 'resolved')
  assert.is(clock.timers.all, 0)
})

wait('a signal that is aborted behind an alert ends the wait, and changes nothing else', async clock => {
  const controller = new AbortController()
  const { client } = await withServer({ signal: controller.signal })
  const told = client.alert(4)
  assert.is(await stateOf(told), 'waits')
  controller.abort()
  assert.is(await stateOf(told), 'resolved')
  assert.is(clock.timers.all, 0)
})

wait('an alert to a peer that has ended by then', async clock => {
  const { client, peer } = await withServer()
  peer.engine.end()
  peer.flush()
  await settled()
  const told = client.alert(4)
  assert.is(await stateOf(told), 'waits')
  peer.close()
  assert.is(await stateOf(told), 'resolved')
  assert.is(clock.timers.all, 0)
})

wait('an alert and a failure that cross: the first decides what there is to be read', async clock => {
  const outcomes = new Set<unknown>()
  // So many turns of promises lie between the two; below 0, the alert is first.
  for (let ticks = -30; ticks < 30; ticks++) {
    const { client, peer } = await withServer()
    peer.pour(5)
    await settled()
    const early = ticks < 0 && client.alert(4)
    for (let tick = ticks; tick < 0; tick++) await undefined
    peer.close()
    for (let tick = 0; tick < ticks; tick++) await undefined
    const told = await stateOf(early || client.alert(4))
    outcomes.add(told)
    const reader = client.readable.getReader()
    if (told === 'resolved') assert.is(await stateOf(reader.read()), 'USE_CLOSED', `${ticks} ticks`)
    else {
      assert.is(told, 'LINK_TRUNCATED')
      assert.is((await reader.read()).value?.length, 5, `${ticks} ticks`)
      assert.is(await stateOf(reader.read()), 'LINK_TRUNCATED', `${ticks} ticks`)
    }
    assert.is(clock.timers.all, 0)
  }
  assert.is(outcomes.size, 2)
})

wait('a channel that has come to both its ends leaves no timer behind', async clock => {
  const times = { heartbeat: 1000, idleTimeout: 2000 }
  const { client, server } = await webPair(2, loosePair(), { client: times, server: times })
  assert.is(clock.timers.all, 4)
  await Promise.all([client.close(), server.close()])
  await settled()
  assert.is(clock.timers.all, 0)
})

wait('one that was refused has 2 s to hear it', async clock => {
  const [near, far] = loosePair()
  const peer = new RawPeer(near, Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: serverKeys.publicKey }))
  peers.push(peer)
  const source = far.readable.getReader()
  let dropped = false
  const readable = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: () => {
        dropped = true
      },
    },
    { highWaterMark: 0 },
  )
  const serving = secureServer({ ...far, readable }, { authorize: () => false, handshakeTimeout: 0, versions: [2] })
  assert.is(await stateOf(serving), 'PEER_NOT_AUTHORIZED')
  assert.is(peer.engine.alertReceived?.code, 3)
  assert.equal(peer.over, {}, 'nothing follows')
  clock.advance(1999)
  await settled()
  assert.is(dropped, false)
  clock.advance(1)
  await settled()
  assert.is(dropped, true)
  assert.is(clock.timers.all, 0)
})

wait('a carrier that takes nothing any more: what the peer has said is read first, for 1 s', async clock => {
  const { streams, breakWriting } = breakable()
  const { client, peer } = await withServer({}, streams)
  breakWriting()
  peer.pour(5)
  await client.send(Buffer.from('lost')).catch(() => {})
  await settled()
  clock.advance(999)
  assert.is(await stateOf(client.closed), 'waits')
  clock.advance(1)
  assert.is(await stateOf(client.closed), 'LINK_TRUNCATED')
  const error = (await client.closed.catch(it => it)) as ChannelError
  assert.is((error.cause as Error).message, 'broken pipe')
  // What came before is still there.
  assert.is((await client.readable.getReader().read()).value?.length, 5)
})

wait('behind the peer’s end there is nothing more to wait for', async clock => {
  const { streams, breakWriting } = breakable()
  const { client, peer } = await withServer({}, streams)
  peer.engine.end()
  peer.flush()
  await settled()
  breakWriting()
  await client.send(Buffer.from('lost')).catch(() => {})
  assert.is(await stateOf(client.closed), 'LINK_TRUNCATED')
  assert.is(clock.timers.all, 0)
})

wait('version 1: a server’s records wait for the client’s first, or 50 ms', async clock => {
  const { client, server } = await webPair(1, loosePair())
  let heard = 0
  const reader = client.readable.getReader()
  reader.read().then(
    () => heard++,
    () => {},
  )
  server.writable
    .getWriter()
    .write(Buffer.from('x'))
    .catch(() => {})
  await settled()
  clock.advance(49)
  await settled()
  assert.is(heard, 0)
  clock.advance(1)
  await settled()
  assert.is(heard, 1)
})

wait('version 1: the client’s first record lets the server’s go', async clock => {
  const { client, server } = await webPair(1, loosePair())
  let heard = 0
  client.readable
    .getReader()
    .read()
    .then(
      () => heard++,
      () => {},
    )
  for (const it of [server, client]) {
    it.writable
      .getWriter()
      .write(Buffer.from('x'))
      .catch(() => {})
  }
  await settled()
  assert.is(heard, 0)
  // The client's waits 5 ms behind the server's header.
  for (let at = 0; at < 10; at++) {
    clock.advance(1)
    await settled()
  }
  assert.is(heard, 1)
})

wait('a handshake takes as long as it may, and not a moment more', async clock => {
  for (const role of ['client', 'server'] as const) {
    const [near] = loosePair()
    const opening =
      role === 'client' ? secureClient(near, { handshakeTimeout: 500 }) : secureServer(near, { handshakeTimeout: 500 })
    assert.is(await stateOf(opening), 'waits')
    clock.advance(499)
    assert.is(await stateOf(opening), 'waits')
    clock.advance(1)
    assert.is(await stateOf(opening), 'LINK_TIMEOUT')
    assert.is(clock.timers.all, 0)
  }
  // Behind it there is no such limit.
  const { client, server } = await webPair(2, loosePair(), { client: { handshakeTimeout: 500 } })
  clock.advance(1_000_000)
  assert.is(await stateOf(client.closed), 'waits')
  assert.is(await stateOf(server.closed), 'waits')
})

wait('a peer that says nothing is given little, and all there is after 2 s', async clock => {
  const [near, far] = loosePair(false)
  // It does not read credit, and so never answers it.
  const { client, peer } = await withServer({}, [near, far])
  const writer = client.writable.getWriter()
  writer.write(new Uint8Array(CREDIT_FIRST + 100_000)).catch(() => {})
  await settled()
  assert.is(peer.received, CREDIT_FIRST)
  clock.advance(1999)
  await settled()
  assert.is(peer.received, CREDIT_FIRST)
  clock.advance(1)
  await settled()
  assert.is(peer.received, CREDIT_FIRST + 100_000)
})

wait('to a peer that says nothing the end is said after 2 s, too', async clock => {
  const { client, peer } = await withServer({}, loosePair(false))
  await client.writable.close()
  await settled()
  clock.advance(1999)
  await settled()
  assert.not.ok(peer.events.includes('end'))
  clock.advance(1)
  await settled()
  assert.ok(peer.events.includes('end'))
})

wait('the word that a client is served says nothing of credit', async clock => {
  const { client, peer } = await withServer({}, loosePair(false))
  peer.engine.accept()
  peer.flush()
  await client.accepted
  const writer = client.writable.getWriter()
  writer.write(new Uint8Array(CREDIT_FIRST + 100_000)).catch(() => {})
  await settled()
  assert.is(peer.received, CREDIT_FIRST)
  peer.grant(CREDIT_FIRST + 50_000)
  await settled()
  assert.is(peer.received, CREDIT_FIRST + 50_000)
  assert.is(clock.timers.all, 0, 'its silence is over')
  // Any other record but credit would.
  const other = await withServer({}, loosePair(false))
  other.peer.pour(1)
  const free = other.client.writable.getWriter()
  free.write(new Uint8Array(CREDIT_FIRST + 100_000)).catch(() => {})
  await settled()
  assert.is(other.peer.received, CREDIT_FIRST + 100_000)
})

/** Streams whose nearer end cannot write any more from when it is told so. */
function breakable(): { streams: [ByteStreams, ByteStreams]; breakWriting: () => void } {
  const [near, far] = loosePair()
  let broken = false
  const writable = new WritableStream<Uint8Array>({
    async write(chunk) {
      if (broken) throw new Error('broken pipe')
      const writer = near.writable.getWriter()
      await writer.write(chunk)
      writer.releaseLock()
    },
  })
  const breakWriting = () => {
    broken = true
  }
  return { streams: [{ readable: near.readable, writable }, far], breakWriting }
}

test.run()
