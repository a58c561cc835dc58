// Memory that sockets use over and over: random bytes, small pieces, sealed writes.

import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Pieces } from '../../src/node/pieces.js'
import { pooledRandom } from '../../src/node/random.js'
import { giveWriteBuffer, takeWriteBuffer } from '../../src/node/write-buffers.js'
import { BUFFER_BYTES } from '../../src/wire/abi.js'
import { connectedPair, hear, takeAll } from '../support/engines.js'

/** What the system was asked to fill, while `draw` drew: each with what it got. */
function watching(draw: () => void): { pool: Uint8Array; got: Buffer }[] {
  const asked: { pool: Uint8Array; got: Buffer }[] = []
  const real = crypto.randomFillSync
  crypto.randomFillSync = ((out: Uint8Array) => {
    real(out)
    asked.push({ pool: out, got: Buffer.from(out) })
    return out
  }) as typeof real
  syncBuiltinESMExports()
  try {
    draw()
  } finally {
    crypto.randomFillSync = real
    syncBuiltinESMExports()
  }
  return asked
}

test('random bytes: the system is asked for many at once, each goes out once, and none stays', () => {
  const drawn: Uint8Array[] = []
  let random = pooledRandom()
  const draw = (length: number) => {
    const out = new Uint8Array(length)
    random(out)
    drawn.push(out)
  }
  const asked = watching(() => {
    for (let at = 0; at < 32; at++) draw(32)
  })
  assert.is(asked.length, 1)
  const { pool, got } = asked[0]!
  assert.equal(Buffer.concat(drawn), got, 'all of it, in its order')
  assert.ok(pool.every(byte => byte === 0))
  // What is left is too little: it is not handed out, and not kept either.
  drawn.length = 0
  random = pooledRandom()
  const more = watching(() => {
    for (const length of [1000, 25, 999]) draw(length)
  })
  assert.is(more.length, 2)
  assert.equal(Buffer.from(drawn[0]!), more[0]!.got.subarray(0, 1000))
  assert.equal(Buffer.concat(drawn.slice(1)), more[1]!.got)
  assert.ok(more[1]!.pool.every(byte => byte === 0))
})

test('random bytes: more than the pool has come straight from the system', () => {
  const random = pooledRandom()
  for (const length of [1024, 1025, 5000]) {
    const out = new Uint8Array(length)
    const [asked] = watching(() => random(out))
    assert.equal(Buffer.from(out), asked!.got)
    assert.is(asked!.pool === out, length > 1024)
  }
})

test('small pieces are joined, as far as 4096 bytes go, in memory of their own', () => {
  const { client, server } = connectedPair(2)
  hear(server, takeAll(client))
  const pieces = new Pieces()
  const add = (length: number, byte: number) => {
    client.write(new Uint8Array(length).fill(byte))
    server.receive(takeAll(client))
    assert.is(server.advance(), 'data')
    pieces.add(server)
  }
  const isWhole = (taken: Uint8Array | undefined, expected: Buffer) => {
    assert.equal(Buffer.from(taken!), expected)
    assert.is(taken!.buffer.byteLength, expected.length, 'nothing else lies there')
  }
  assert.is(pieces.take(), undefined)
  assert.ok(pieces.hasRoomFor(511))
  assert.not.ok(pieces.hasRoomFor(512))
  add(700, 1)
  assert.is(pieces.length, 700)
  isWhole(pieces.take(), Buffer.alloc(700, 1))
  assert.is(pieces.length, 0)
  for (let byte = 1; byte <= 8; byte++) add(500, byte)
  assert.is(pieces.length, 4000)
  assert.ok(pieces.hasRoomFor(96))
  assert.not.ok(pieces.hasRoomFor(97))
  add(96, 9)
  assert.not.ok(pieces.hasRoomFor(1))
  isWhole(
    pieces.take(),
    Buffer.concat([1, 2, 3, 4, 5, 6, 7, 8, 9].map(byte => Buffer.alloc(byte === 9 ? 96 : 500, byte))),
  )
  assert.is(pieces.take(), undefined)
  client.close()
  server.close()
})

test('memory of writes is used again, and 4 MiB of it are kept at most', () => {
  const most = 4 * 1024 * 1024
  const first = takeWriteBuffer(10)
  assert.is(first.length, 10)
  assert.is(first.buffer.byteLength, BUFFER_BYTES)
  giveWriteBuffer(first)
  assert.is(takeWriteBuffer(BUFFER_BYTES).buffer, first.buffer)
  const many = Array.from({ length: 80 }, () => takeWriteBuffer(1))
  assert.is(new Set(many.map(it => it.buffer)).size, 80, 'nobody has what another one has')
  const memory = many.map(it => it.buffer)
  for (const it of many) giveWriteBuffer(it)
  // What is more is freed at once.
  const kept = memory.filter(it => it.byteLength > 0).length
  assert.is(kept, 64)
  assert.ok(kept * BUFFER_BYTES < most + 64 * 1024)
})

test.run()
