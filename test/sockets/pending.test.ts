// Who gives way when all places for handshakes are taken.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addressGroup, Pending, type Stage } from '../../src/node/pending.js'

/** Names as connections, and who has been dropped. */
function table(places: number, share = places) {
  const dropped: string[] = []
  const names = new Map<string, { name: string }>()
  const pending = new Pending<{ name: string }>({ places, share }, it => dropped.push(it.name))
  const it = (name: string) => names.get(name) as { name: string }
  const add = (name: string, address?: string, stage?: Stage) => {
    names.set(name, { name })
    pending.add(it(name), () => address, stage)
  }
  return { pending, dropped, add, it }
}

test('the oldest that has sent no whole hello gives way; of more that have, the oldest of these', () => {
  const { pending, dropped, add, it } = table(4)
  for (const name of ['a', 'b', 'c', 'd']) add(name)
  pending.move(it('a'), 'greeted')
  add('e')
  assert.equal(dropped, ['b'])
  pending.move(it('c'), 'greeted')
  add('f')
  assert.equal(dropped, ['b', 'd'])
  for (const name of ['e', 'f']) pending.move(it(name), 'greeted')
  add('g')
  assert.equal(dropped, ['b', 'd', 'a'], 'the newest is not the one that gives way')
  assert.is(pending.size, 4)
})

test('one that comes with its hello is not among the silent', () => {
  const { pending, dropped, add, it } = table(3)
  add('a', '192.0.2.1', 'greeted')
  add('b', '192.0.2.1', 'silent')
  add('c', '192.0.2.1', 'refused')
  assert.is(pending.refused, 1)
  pending.delete(it('c'))
  assert.is(pending.refused, 0)
  add('d')
  add('e')
  assert.equal(dropped, ['b'])
  assert.equal(
    ['a', 'b', 'd'].map(name => pending.has(it(name))),
    [true, false, true],
  )
})

test('nobody who has proved a key gives way; one that was refused is the first to', () => {
  const { pending, dropped, add, it } = table(3)
  for (const name of ['a', 'b', 'c']) add(name)
  for (const name of ['a', 'b', 'c']) pending.move(it(name), 'proved')
  add('d')
  assert.equal(dropped, ['d'])
  pending.move(it('b'), 'refused')
  assert.is(pending.refused, 1)
  add('e')
  assert.equal(dropped, ['d', 'b'])
  assert.is(pending.refused, 0)
  pending.delete(it('b'))
  assert.is(pending.size, 3)
})

test('addresses are asked for when more are there than one share, and then once, the oldest first', () => {
  const asked: string[] = []
  const pending = new Pending<object>({ places: 4, share: 2 }, () => {})
  const add = (name: string) => {
    const it = {}
    pending.add(it, () => {
      asked.push(name)
      return '192.0.2.1'
    })
    return it
  }
  const first = add('a')
  add('b')
  assert.equal(asked, [])
  pending.delete(first)
  for (const name of ['c', 'd', 'e']) add(name)
  assert.equal(asked, ['b', 'c', 'd', 'e'])
})

test('an address that holds more than its share gives way before all others', () => {
  const { pending, dropped, add, it } = table(4, 2)
  add('early', '192.0.2.1')
  for (const name of ['a', 'b', 'c']) add(name, '192.0.2.66')
  add('honest', '192.0.2.2')
  assert.equal(dropped, ['a'])
  pending.move(it('b'), 'greeted')
  add('d', '192.0.2.66')
  assert.equal(dropped, ['a', 'c'])
  // Within its share, the oldest of all.
  add('other', '192.0.2.3')
  assert.equal(dropped, ['a', 'c', 'early'])
  for (const name of ['b', 'd', 'honest', 'other']) pending.delete(it(name))
  assert.is(pending.size, 0)
})

test('connections without an address have no share', () => {
  const { dropped, add } = table(4, 1)
  for (const name of ['a', 'b', 'c', 'd']) add(name)
  assert.equal(dropped, [])
  add('e')
  assert.equal(dropped, ['a'])
})

test('an address stands for one machine, and of IPv6 for a network of 64 bits', () => {
  for (const [address, group] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:0002:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ['1::3:4:5:6:7:8', '1:0:3:4::/64'],
  ] as const) {
    assert.is(addressGroup(address), group, address)
  }
})

test.run()
