// What is counted of version 2's records: the counter ends at 2^48, and a key at 2^20 records ("The stream"). Nobody gets that far in a
// test, so both are set in memory.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Engine } from '../../src/engine/index.js'
import type { Core } from '../../src/wasm/instance.js'
import { codeOf, connectedPair, freshCore, hear, takeAll } from '../support/engines.js'

const LAST = 2n ** 48n - 1n

test('a record with the last counter opens, and none behind it', () => {
  const core = freshCore()
  const { client, server, count } = counted(core)
  const send = (text: string) => {
    client.write(Buffer.from(text))
    return codeOf(() => assert.is(String(hear(server, takeAll(client)).data), text))
  }
  assert.is(send('first'), 'none')
  count(LAST)
  assert.is(send('last'), 'none')
  assert.is(send('too far'), 'PEER_MALFORMED')
  close(client, server, core)
})

test('a new key with the last record starts to count anew', () => {
  const core = freshCore()
  const { client, server, count } = counted(core)
  count(LAST)
  client.rekey()
  client.write(Buffer.from('under the next key'))
  assert.is(String(hear(server, takeAll(client)).data), 'under the next key')
  close(client, server, core)
})

test('a key is turned over before it has sealed 2^20 records', () => {
  const core = freshCore()
  const { client, server, count, keyPlaces } = counted(core)
  const keepAlive = () => {
    client.keepAlive()
    assert.equal(hear(server, takeAll(client)).events, [])
  }
  for (let at = 0; at < 37; at++) keepAlive()
  // Of the words behind the writer's key, the counter is 37 now, and how many records the key has sealed.
  const memory = Buffer.from(core.bytes.buffer)
  const found = keyPlaces()
    .flatMap(place => Array.from({ length: 40 }, (_, word) => place + 32 + 4 * word))
    .filter(place => memory.readUInt32LE(place) === 37)
  assert.is(found.length, 3, 'the counters of both ends, and the records of the writer')
  count(2n ** 20n - 10n)
  const records = found.find(place => memory.readUInt32LE(place) === 37)
  assert.ok(records)
  memory.writeUInt32LE(2 ** 20 - 10, records)
  for (let at = 0; at < 5; at++) keepAlive()
  assert.is(keyPlaces().length, 2, 'the same key')
  for (let at = 0; at < 5; at++) keepAlive()
  assert.is(keyPlaces().length, 0, 'another one')
  close(client, server, core)
})

/** Two ends of one core, and what sets the counter of the client's direction at both. */
function counted(core: Core): { client: Engine; server: Engine; count(n: bigint): void; keyPlaces(): number[] } {
  const lines: string[] = []
  const { client, server } = connectedPair(2, { core, onKeys: line => lines.push(line) })
  const key = lines.find(line => line.startsWith('NOPKI2_CLIENT_TO_SERVER'))?.split(' ')[2] ?? ''
  const keyPlaces = () => placesOf(Buffer.from(core.bytes.buffer), Buffer.from(key, 'hex'))
  const count = (n: bigint) => {
    const memory = Buffer.from(core.bytes.buffer)
    const places = keyPlaces()
    assert.is(places.length, 2, 'one writer and one reader have the key')
    // The nonce is behind the key: 4 zeros, and the counter.
    for (const place of places) memory.writeBigUInt64LE(n, place + 32 + 4)
  }
  return { client, server, count, keyPlaces }
}

function placesOf(memory: Buffer, bytes: Buffer): number[] {
  const places: number[] = []
  for (let at = memory.indexOf(bytes); at >= 0; at = memory.indexOf(bytes, at + 1)) places.push(at)
  return places
}

function close(client: Engine, server: Engine, core: Core): void {
  client.close()
  server.close()
  assert.is(core.bytesInUse, 0)
}

test.run()
