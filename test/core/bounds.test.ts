// What a peer that was let in can make a reader hold, and do: the start of a record, and records without data.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Engine } from '../../src/engine/index.js'
import { CHEAP_MOST, CHEAP_RECORD } from '../../src/wire/stream.js'
import { codeOf, connectedPair, freshCore, hear, takeAll } from '../support/engines.js'

const MOST = CHEAP_MOST / CHEAP_RECORD

for (const version of [2, 1] as const) {
  test(`v${version}: the start of a record holds as much as it has bytes, and the rest completes it`, () => {
    const core = freshCore()
    const { client, server } = connectedPair(version, { core })
    hear(server, takeAll(client))
    for (const length of [1, 300, 3000]) {
      const data = new Uint8Array(length).fill(length)
      for (let cut = 1; cut < length + 18; cut += length < 400 ? 1 : 97) {
        client.write(data)
        const wire = takeAll(client)
        const used = core.bytesInUse
        assert.is(server.receive(wire.subarray(0, cut)), cut)
        assert.is(server.advance(), 'idle')
        if (cut <= 2048) {
          assert.is(core.buffersInUse, 0, `${cut} bytes hold a buffer`)
          assert.is(core.bytesInUse, used + cut)
        }
        // One byte more, and then the rest.
        assert.is(server.receive(wire.subarray(cut, cut + 1)), 1)
        server.advance()
        const rest = hear(server, wire.subarray(cut + 1))
        const whole = cut + 1 === wire.length ? Buffer.from(data) : rest.data
        assert.ok(whole.equals(data), `${length} bytes cut at ${cut}`)
      }
    }
    client.write(new Uint8Array(100))
    server.receive(takeAll(client).subarray(0, 50))
    server.advance()
    client.close()
    server.close()
    assert.is(core.bytesInUse, 0)
  })

  const kinds: Record<string, (client: Engine) => void> = {
    'keep-alives': client => client.keepAlive(),
    'changes of key': client => client.rekey(),
    'empty messages': client => void client.write(new Uint8Array(), 0, true),
    ...(version === 2 && { 'control records': (client: Engine) => client.control(9) }),
  }
  for (const [what, make] of Object.entries(kinds)) {
    test(`v${version}: ${what} without data between them: so many are taken, and no more`, () => {
      const { client, server } = connectedPair(version)
      hear(server, takeAll(client))
      assert.is(flood(client, server, make, MOST), 'none')
      assert.is(flood(client, server, make, MOST / 2), 'PEER_OVERRUN')
      client.close()
      server.close()
    })
  }

  test(`v${version}: keep-alives that come one by one, or with data, are taken for ever`, () => {
    const { client, server } = connectedPair(version)
    hear(server, takeAll(client))
    for (let at = 0; at < MOST + 1000; at++) {
      client.keepAlive()
      server.receive(client.take())
      assert.is(server.advance(), 'idle')
    }
    const withData = (it: Engine) => {
      it.keepAlive()
      it.write(new Uint8Array(CHEAP_RECORD))
    }
    assert.is(flood(client, server, withData, MOST + 1000), 'none')
    client.close()
    server.close()
  })
}

/** Sends so many, in reads as large as the receiver takes. */
function flood(client: Engine, server: Engine, make: (client: Engine) => void, count: number): string {
  return codeOf(() => {
    for (let at = 0; at < count; at++) {
      make(client)
      if (at % 500 === 499 || at === count - 1) {
        for (let unit = takeAll(client), from = 0; from < unit.length; ) {
          from += server.receive(unit, from)
          for (let event = server.advance(); event !== 'idle'; event = server.advance())
            if (event === 'data' || event === 'message') server.readData()
        }
      }
    }
  })
}

test.run()
