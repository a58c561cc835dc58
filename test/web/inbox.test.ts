// What waits to be read at a web channel: small pieces cost little, ends of messages are kept, and what was lost is no end.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Inbox } from '../../src/web/inbox.js'
import { CREDIT_MESSAGE_END } from '../../src/wire/stream.js'
import { collect } from '../support/collect.js'
import { codeOf } from '../support/engines.js'
import { rejects, someBytes } from '../support/sockets.js'

const COUNT = 200_000

/** How many bytes the heap, and what is outside of it, have grown by. */
function grownBy(act: () => void): number {
  const used = () => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = used()
  act()
  return used() - before
}

const one = () => new Uint8Array([7])

test('a message that comes byte by byte, and is read as it does, takes a few bytes for each', () => {
  const inbox = new Inbox(() => {})
  const growth = grownBy(() => {
    for (let at = 0; at < COUNT; at++) {
      inbox.push(one(), false)
      assert.is(inbox.takeMessage(COUNT), undefined)
    }
  })
  console.log(`${growth / COUNT} bytes for each`)
  assert.ok(growth < 8 * COUNT, `${growth} bytes`)
  inbox.push(new Uint8Array(), true)
  assert.equal(inbox.takeMessage(COUNT), new Uint8Array(COUNT).fill(7))
})

test('messages of one byte that wait take less than they count for', () => {
  const inbox = new Inbox(() => {})
  const growth = grownBy(() => {
    for (let at = 0; at < COUNT; at++) inbox.push(one(), true)
  })
  console.log(`${growth / COUNT} bytes for each`)
  assert.is(inbox.cost, COUNT * (1 + CREDIT_MESSAGE_END))
  assert.ok(growth < inbox.cost / 2, `${growth} bytes`)
  for (let at = 0; at < COUNT; at++) assert.equal(inbox.takeMessage(1), one())
  assert.is(inbox.takeMessage(1), undefined)
  assert.is(inbox.cost, 0)
})

test('pieces of all sizes come out as they went in, by every way to read', () => {
  const data = someBytes(400_000)
  const sizes = [1, 511, 512, 3, 70_000, 2, 2, 4095, 1, 4096, 0, 513]
  let taken = 0
  const inbox = new Inbox(cost => {
    taken += cost
  })
  const out: Uint8Array[] = []
  let at = 0
  for (let round = 0; at < data.length; round++) {
    for (let count = 0; count <= round % 7; count++) {
      const size = sizes[(round * 5 + count) % sizes.length]!
      inbox.push(new Uint8Array(data.subarray(at, at + size)), false)
      at = Math.min(at + size, data.length)
    }
    if (round % 3 === 0 && inbox.hasBytes) out.push(inbox.takeBytes())
    const view = new Uint8Array((round * 37) % 900)
    if (round % 3 === 1) out.push(view.subarray(0, inbox.takeInto(view)))
  }
  while (inbox.hasBytes) out.push(inbox.takeBytes())
  assert.ok(Buffer.concat(out).equals(data))
  assert.is(taken, data.length)
})

test('empty messages are kept, wherever they are', () => {
  const sizes = [0, 5, 0, 0, 600, 0]
  const inbox = new Inbox(() => {})
  for (const size of sizes) inbox.push(new Uint8Array(size), true)
  inbox.end()
  // As the stream does which nobody reads by.
  inbox.onEnd()
  for (const size of sizes) assert.is(inbox.takeMessage(1000)?.length, size)
  assert.is(inbox.takeMessage(1000), undefined)
})

test('who reads the stream skips them', async () => {
  let taken = 0
  const inbox = new Inbox(cost => {
    taken += cost
  })
  inbox.push(one(), true)
  inbox.push(new Uint8Array(), true)
  inbox.skipEnds()
  assert.is(taken, 0)
  assert.equal(inbox.takeBytes(), one())
  inbox.skipEnds()
  assert.is(taken, 1 + 2 * CREDIT_MESSAGE_END)
  assert.is(inbox.hasBytes, false)
})

for (const [what, give] of [
  ['bytes', (inbox: Inbox) => inbox.push(one(), false)],
  ['an empty message', (inbox: Inbox) => inbox.push(new Uint8Array(), true)],
  [
    'the start of a message',
    (inbox: Inbox) => {
      inbox.push(one(), false)
      inbox.takeMessage(9)
    },
  ],
] as const) {
  test(`${what} thrown away: the error is in the end's place`, () => {
    const inbox = new Inbox(() => {})
    give(inbox)
    inbox.end()
    const ends: unknown[] = []
    inbox.onEnd = () => ends.push(inbox.failure?.error)
    inbox.fail('given up', true)
    inbox.fail('too late', true)
    assert.equal(ends, ['given up'])
  })
}

test('a message that is too long is refused before it is whole', () => {
  for (const pieces of [[101], [60, 41], [60, 0, 40, 1]]) {
    const inbox = new Inbox(() => {})
    let code = 'none'
    for (const length of pieces) {
      inbox.push(new Uint8Array(length), false)
      code = codeOf(() => assert.is(inbox.takeMessage(100), undefined))
    }
    assert.is(code, 'PEER_TOO_LONG', String(pieces))
  }
  const inbox = new Inbox(() => {})
  inbox.push(new Uint8Array(60), false)
  assert.is(inbox.takeMessage(100), undefined)
  inbox.push(new Uint8Array(40), true)
  inbox.push(new Uint8Array(101), true)
  assert.is(inbox.takeMessage(100)?.length, 100, 'so long it may be')
  assert.is(
    codeOf(() => inbox.takeMessage(100)),
    'PEER_TOO_LONG',
  )
})

test('nothing thrown away: an end stays one', async () => {
  const inbox = new Inbox(() => {})
  inbox.push(one(), true)
  inbox.takeMessage(9)
  inbox.end()
  inbox.fail('given up', true)
  assert.is(inbox.failure, undefined)
  assert.is(inbox.takeMessage(9), undefined)
})

test('a message that has not come whole is no end', async () => {
  const inbox = new Inbox(() => {})
  inbox.push(one(), false)
  inbox.end()
  await rejects((async () => inbox.takeMessage(9))(), 'PEER_MALFORMED')
})

test.run()
