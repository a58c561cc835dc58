// The counter of version 2's records ends at 2^48 ("The stream", "Version 2"). Nobody gets that far, so it is set in memory.

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

/** Two ends of one core, and what sets the counter of the client's direction at both. */
function counted(core: Core): { client: Engine; server: Engine; count(n: bigint): void } {
  const lines: string[] = []
  const { client, server } = connectedPair(2, { core, onKeys: line => lines.push(line) })
  const key = lines.find(line => line.startsWith('NOPKI2_CLIENT_TO_SERVER'))?.split(' ')[2] ?? ''
  const count = (n: bigint) => {
    const memory = Buffer.from(core.bytes.buffer)
    const places = placesOf(memory, Buffer.from(key, 'hex'))
    assert.is(places.length, 2, 'one writer and one reader have the key')
    // The nonce is behind the key: 4 zeros, and the counter.
    for (const place of places) memory.writeBigUInt64LE(n, place + 32 + 4)
  }
  return { client, server, count }
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
