// Which key of a log opens a direction, if a client has given many connections one name.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { KeyLog, LoggedKey } from '../../src/inspect/index.js'
import { type Opener, openerForLogged } from '../../src/inspect/openers.js'

const NAME = 'aa'.repeat(32)

/** A log of so many connections of one name, and how many keys are tried for one of them, each of whose records is its own key. */
function logOf(connections: number) {
  const keyOf = (at: number, from: 'client' | 'server') => Uint8Array.of(at >> 8, at & 0xff, from === 'client' ? 0 : 1)
  const keys: KeyLog = new Map([
    [
      NAME,
      Array.from({ length: connections }, (_, at): LoggedKey[] => [
        { version: 2, from: 'client', key: keyOf(at, 'client') },
        { version: 2, from: 'server', key: keyOf(at, 'server') },
      ]).flat(),
    ],
  ])
  const triesFor = (at: number, from: 'client' | 'server'): number => {
    let tried = 0
    const make = (_version: number, key: Uint8Array): Opener => {
      tried++
      const open = (record: Uint8Array) => {
        if (String(record) !== String(key)) throw new Error('it does not open')
        return record
      }
      return { open, close() {} }
    }
    const open = openerForLogged(keys, NAME, from, make, [])(2)
    try {
      open?.(keyOf(at, from))
    } catch {}
    return tried
  }
  return triesFor
}

test('in the order of the log, one try for each direction', () => {
  const triesFor = logOf(300)
  for (let at = 0; at < 300; at++) assert.equal([triesFor(at, 'client'), triesFor(at, 'server')], [1, 1])
  assert.is(triesFor(0, 'client'), 1, 'and around')
})

test('one that was captured from the middle on is looked for once', () => {
  const triesFor = logOf(300)
  assert.is(triesFor(150, 'server'), 151)
  for (let at = 151; at < 300; at++) assert.is(triesFor(at, 'server'), 1)
  // Out of order it is found all the same.
  assert.is(triesFor(10, 'server'), 11)
})

test('a thousand keys are tried at most', () => {
  const triesFor = logOf(3000)
  assert.is(triesFor(5000, 'client'), 1000)
  assert.is(triesFor(999, 'client'), 1000)
  assert.is(triesFor(1500, 'client'), 501)
})

test.run()
