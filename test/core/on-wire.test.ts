// The option `onWire`: what it is given is what crosses the wire, whatever carries the channel.

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Core, RecordOpener, type WireBytes } from '../../src/engine/index.js'
import { Conversation, fields } from '../../src/inspect/index.js'
import { codeOf, freshCore, hear, newPair, takeAll, wasm } from '../support/engines.js'
import { cleanUpAfter, dial, guarded, next, pairOver, plainPair, readAll, serve, VERSIONS } from '../support/sockets.js'
import {
  giveUpAfter,
  receive,
  secureClient,
  secureServer,
  send,
  socketChannels,
  streamPair,
  tapped,
} from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)

const DATA = new Uint8Array(300_000).map((_, at) => at % 251)

/** What an end's `onWire` was given, put together by connection and direction: it checks that offsets go on where they were. */
function recorder() {
  const connections = new Map<object, Record<'client' | 'server', Buffer>>()
  const onWire = ({ connection, direction, bytes, offset }: WireBytes) => {
    const said = connections.get(connection) ?? { client: Buffer.alloc(0), server: Buffer.alloc(0) }
    connections.set(connection, said)
    assert.is(offset, said[direction].length)
    assert.ok(bytes.length > 0)
    said[direction] = Buffer.concat([said[direction], bytes])
  }
  return { onWire, connections, only: () => [...connections.values()][0]! }
}

for (const version of VERSIONS) {
  test(`v${version}, engines: both ends see the same bytes, as views of linear memory`, () => {
    const core = freshCore()
    const near = recorder()
    let views = 0
    const onWire = (wire: WireBytes) => {
      assert.is(wire.bytes.buffer, core.bytes.buffer)
      views += 1
      near.onWire(wire)
    }
    const { client, server } = newPair(version, { core, onWire })
    const said = { client: Buffer.alloc(0), server: Buffer.alloc(0) }
    const say = (from: 'client' | 'server') => {
      const bytes = takeAll(from === 'client' ? client : server)
      said[from] = Buffer.concat([said[from], bytes])
      hear(from === 'client' ? server : client, bytes, 1000)
    }
    for (const from of ['client', 'server', 'client', 'server'] as const) say(from)
    client.write(DATA)
    say('client')
    server.alert(1, 'so')
    say('server')
    assert.is(near.connections.size, 2)
    for (const seen of near.connections.values()) {
      assert.ok(seen.client.equals(said.client))
      assert.ok(seen.server.equals(said.server))
    }
    assert.ok(views > 6)
  })

  guarded(test, `v${version}, sockets: each connection of a server for itself, the same at both ends`, async () => {
    const servers = recorder()
    const { server, port } = await serve({ versions: [version], onWire: servers.onWire })
    server.on('secureConnection', socket => socket.pipe(socket))
    const clients = [recorder(), recorder(), recorder()]
    await Promise.all(
      clients.map(async ({ onWire }, index) => {
        const socket = await dial(port, { version, onWire })
        const all = readAll(socket)
        socket.end(DATA.subarray(0, 50_000 * (index + 1)))
        assert.is((await all).length, 50_000 * (index + 1))
        if (!socket.closed) await once(socket, 'close')
      }),
    )
    assert.is(servers.connections.size, 3)
    for (const { connections, only } of clients) {
      assert.is(connections.size, 1)
      const same = [...servers.connections.values()].filter(it => it.client.equals(only().client))
      assert.is(same.length, 1)
      assert.ok(same[0]!.server.equals(only().server))
    }
  })

  guarded(test, `v${version}, sockets: it is what the transport carries, and opens with the keys`, async () => {
    const [[near, nearMiddle], [farMiddle, far]] = await Promise.all([plainPair(), plainPair()])
    const carried = { client: Buffer.alloc(0), server: Buffer.alloc(0) }
    const relay = (source: Duplex, to: Duplex, from: 'client' | 'server') => {
      source.on('data', chunk => {
        carried[from] = Buffer.concat([carried[from], chunk])
        to.write(chunk)
      })
      source.on('end', () => to.end())
    }
    relay(nearMiddle, farMiddle, 'client')
    relay(farMiddle, nearMiddle, 'server')
    const core = new Core(wasm)
    const opener = (v: 1 | 2, key: Uint8Array, header?: Uint8Array) => new RecordOpener(core, v, key, header)
    const conversation = new Conversation({ opener })
    const seen = recorder()
    const plaintext: Uint8Array[] = []
    const onWire = (wire: WireBytes) => {
      seen.onWire(wire)
      for (const it of conversation.push(wire.direction, wire.bytes).messages) {
        assert.is(it.trouble, undefined)
        if (it.kind.startsWith('record')) plaintext.push(it.plaintext!)
      }
    }
    const { client, server } = await pairOver(version, [near, far], {
      client: { onWire, onKeys: conversation.onKeys },
      server: { versions: [version] },
    })
    const all = readAll(server)
    client.end(DATA.subarray(0, 30_000))
    await all
    await readAll(client)
    assert.ok(seen.only().client.equals(carried.client))
    assert.ok(seen.only().server.equals(carried.server))
    const data = plaintext.flatMap(it => fields('plaintext', it).filter(field => field.name === 'data' && !field.parts))
    const sent = DATA.subarray(0, 30_000)
    assert.ok(Buffer.concat(data.map(it => it.bytes)).equals(sent))
    conversation.close()
  })

  guarded(test, `v${version}, web streams: it is what the streams carry`, async () => {
    const carried = { client: Buffer.alloc(0), server: Buffer.alloc(0) }
    const keep = (from: 'client' | 'server') => (chunk: Uint8Array) => {
      carried[from] = Buffer.concat([carried[from], chunk])
      return undefined
    }
    const [near, far] = streamPair()
    const ends = { client: recorder(), server: recorder() }
    const streams = tapped(near, { out: keep('client'), in: keep('server') })
    const [client, server] = await Promise.all([
      secureClient(streams, { version, onWire: ends.client.onWire }),
      secureServer(far, { onWire: ends.server.onWire }),
    ])
    const received = receive(server)
    await send(client, DATA)
    const closed = client.close()
    assert.is((await received).length, DATA.length)
    await Promise.all([server.close(), closed])
    for (const { only } of Object.values(ends)) {
      assert.ok(only().client.equals(carried.client))
      assert.ok(only().server.equals(carried.server))
    }
  })
}

guarded(test, 'WebSockets: both ends see the same bytes', async () => {
  const ends = { client: recorder(), server: recorder() }
  const { client, server } = await socketChannels({
    client: { onWire: ends.client.onWire },
    server: { onWire: ends.server.onWire },
  })
  await client.send(new TextEncoder().encode('hello'))
  const [message] = [(await server.messages().next()).value]
  assert.is(new TextDecoder().decode(message!), 'hello')
  await Promise.all([client.close(), server.close()])
  assert.ok(ends.client.only().client.length > 1292)
  assert.ok(ends.client.only().client.equals(ends.server.only().client))
  assert.ok(ends.client.only().server.equals(ends.server.only().server))
})

test('more than a window holds is refused, and not told', () => {
  const { onWire, only } = recorder()
  const { client, server } = newPair(2, { core: freshCore(), onWire })
  assert.match(
    codeOf(() => server.received(5)),
    /^USE_/,
  )
  assert.is(
    codeOf(() => client.sent(1293)),
    'USE_BAD_OPTION',
  )
  client.sent(0)
  assert.is(only(), undefined)
})

guarded(test, 'what it throws is reported, and the channel goes on', async () => {
  const reported: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', error => reported.push(error))
  try {
    const fault = new Error('of onWire')
    const onWire = () => {
      throw fault
    }
    const { server, port } = await serve({ onWire })
    const accepted = next(server, 'secureConnection')
    const socket = await dial(port, { onWire })
    const [peer] = await accepted
    socket.end('hello')
    assert.is(String(await readAll(peer)), 'hello')
    await readAll(socket)
    for (const it of [peer, socket]) if (!it.closed) await once(it, 'close')
    await new Promise(resolve => setImmediate(resolve))
    assert.ok(reported.length > 4 && reported.every(it => it === fault))
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of others) process.on('uncaughtException', listener)
  }
})

test.run()
