// Bytes that wait for more in the write window, to fill a record with what is written next.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ChunkSource } from '../../src/engine/chunk-source.js'
import type { Engine } from '../../src/engine/index.js'
import { codeOf, connectedPair, freshCore, hear, LIMITS, takeAll } from '../support/engines.js'

const FULL = LIMITS[2]
const OVERHEAD = 21

/** The lengths of the records of these bytes, without what is not data. */
function recordsOf(bytes: Uint8Array): number[] {
  const lengths: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
    lengths.push(length - OVERHEAD)
    at += length
  }
  return lengths
}

/** Whether what has just been written waits for more: nothing else is there to be sent. */
const waits = (engine: Engine) => engine.sendWindow().length === 0

const bytesOf = (length: number, first = 0) => Uint8Array.from({ length }, (_, at) => (first + at * 7) & 0xff)

/** Writes all of it as who has more to write, and returns what was sealed. */
function writeMore(engine: Engine, ...chunks: Uint8Array[]): Buffer {
  const source = new ChunkSource(chunks)
  const sealed: Uint8Array[] = []
  while (source.left > 0) {
    engine.writeFrom(source, false, source.left, true)
    const window = engine.sendWindow().slice()
    engine.sent(window.length)
    sealed.push(window)
  }
  return Buffer.concat(sealed)
}

test('the last bytes of a write go in one record with the next ones', () => {
  const { client, server } = connectedPair(2)
  const data = bytesOf(3 * FULL)
  const first = writeMore(client, data.subarray(0, FULL + 10))
  assert.equal(recordsOf(first), [FULL])
  assert.ok(waits(client))
  assert.is(client.sendWindow().length, 0)
  const second = writeMore(client, data.subarray(FULL + 10, FULL + 15), data.subarray(FULL + 15, 2 * FULL + 20))
  assert.equal(recordsOf(second), [FULL])
  assert.ok(waits(client))
  client.write(data, 2 * FULL + 20)
  assert.not(waits(client))
  const third = takeAll(client)
  assert.equal(recordsOf(third), [FULL])
  const heard = hear(server, Buffer.concat([first, second, third]))
  assert.ok(heard.data.equals(data))
})

test('they are sealed by the call for it, once', () => {
  const { client, server } = connectedPair(2)
  writeMore(client, bytesOf(1000))
  client.sealWaiting()
  assert.not(waits(client))
  client.sealWaiting()
  const sealed = client.take()
  assert.equal(recordsOf(sealed), [1000])
  assert.ok(hear(server, sealed).data.equals(bytesOf(1000)))
})

const SEALING: Record<string, (engine: Engine) => void> = {
  take: () => {},
  write: engine => void engine.write(new Uint8Array()),
  'an empty message': engine => void engine.write(new Uint8Array(), 0, true),
  writeWindow: engine => void engine.writeWindow(5),
  wrote: engine => {
    engine.writeWindow(5).fill(9)
    engine.wrote(5)
  },
  keepAlive: engine => engine.keepAlive(),
  rekey: engine => engine.rekey(),
  control: engine => engine.control(0x1234),
  accept: engine => engine.accept(),
  refuse: engine => engine.refuse('no'),
  alert: engine => engine.alert(1, 'bye'),
  end: engine => engine.end(),
}
for (const [name, call] of Object.entries(SEALING)) {
  test(`${name}: what waits is ahead of it`, () => {
    const { client, server } = connectedPair(2)
    writeMore(client, bytesOf(1000))
    call(client)
    const sealed = takeAll(client)
    assert.is(recordsOf(sealed)[0], 1000, `the records: ${recordsOf(sealed)}`)
    const { data, events } = hear(server, sealed)
    assert.ok(data.subarray(0, 1000).equals(bytesOf(1000)))
    assert.is(events[0], name === 'an empty message' ? 'message' : 'data')
  })
}

test('a message that follows ends with its last byte', () => {
  const { client, server } = connectedPair(2)
  writeMore(client, bytesOf(10))
  client.write(bytesOf(20, 3), 0, true)
  const { messages, events } = hear(server, takeAll(client))
  assert.equal(events, ['message'])
  assert.ok(messages[0]?.equals(Buffer.concat([bytesOf(10), bytesOf(20, 3)])))
})

test('a message does not wait, nor does a part of the source, nor version 1', () => {
  const { client } = connectedPair(2)
  client.writeFrom(new ChunkSource([bytesOf(100)]), true, 100, true)
  assert.not(waits(client))
  assert.equal(recordsOf(client.take()), [100])
  client.writeFrom(new ChunkSource([bytesOf(100)]), false, 40, true)
  assert.not(waits(client))
  assert.equal(recordsOf(client.take()), [40])
  const one = connectedPair(1).client
  takeAll(one)
  one.writeFrom(new ChunkSource([bytesOf(100)]), false, 100, true)
  assert.not(waits(one))
  assert.ok(one.take().length > 100)
})

test('nothing waits if records are padded: what is sealed ahead of a control record could leave no room for it', () => {
  const { client } = connectedPair(2, { padding: 'full', maxRecord: 40_000 })
  client.writeFrom(new ChunkSource([bytesOf(100)]), false, 100, true)
  assert.not(waits(client))
  assert.is(client.take().length, 40_000)
})

for (const maxRecord of [FULL + OVERHEAD, 65_535]) {
  test(`records of ${maxRecord} bytes: behind what waits there is room for a control record`, () => {
    const { client, server } = connectedPair(2, { maxRecord })
    const data = bytesOf(maxRecord - OVERHEAD - 1)
    writeMore(client, data)
    client.control(0x1234, new Uint8Array(16))
    const { data: heard, events } = hear(server, takeAll(client))
    assert.ok(heard.equals(data))
    assert.equal(events, ['data', 'control'])
  })
}

test('nothing that was sent takes their memory from them', () => {
  const core = freshCore()
  const { client, server } = connectedPair(2, { core })
  writeMore(client, bytesOf(1000))
  client.sent(0)
  // Another channel of this core takes a buffer, and writes.
  const other = connectedPair(2, { core })
  writeMore(other.client, bytesOf(1000, 99))
  other.client.sealWaiting()
  assert.ok(hear(other.server, other.client.take()).data.equals(bytesOf(1000, 99)))
  client.sealWaiting()
  assert.ok(hear(server, client.take()).data.equals(bytesOf(1000)))
})

test('what waits behind sealed bytes: these go first', () => {
  const { client, server } = connectedPair(2)
  client.write(bytesOf(10))
  const source = new ChunkSource([bytesOf(20, 5)])
  assert.is(client.writeFrom(source, false, 20, true), 0)
  const first = client.take()
  assert.equal(recordsOf(first), [10])
  assert.is(client.writeFrom(source, false, 20, true), 20)
  client.sealWaiting()
  const heard = hear(server, Buffer.concat([first, client.take()]))
  assert.ok(heard.data.equals(Buffer.concat([bytesOf(10), bytesOf(20, 5)])))
})

test('a channel that is closed has nothing that waits, and leaves nothing behind', () => {
  const core = freshCore()
  const { client, server } = connectedPair(2, { core })
  const secret = Buffer.from('a text that nobody should find here any more')
  writeMore(client, secret)
  client.close()
  server.close()
  assert.is(Buffer.from(core.bytes).indexOf(secret), -1)
  assert.is(
    codeOf(() => client.sealWaiting()),
    'USE_CLOSED',
  )
  assert.is(core.buffersInUse, 0)
})

test.run()
