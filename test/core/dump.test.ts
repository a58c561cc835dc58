// What `dump` prints, whole: test/golden/dump.txt. With --update it is written anew, and is to be read before it is committed.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type DumpOptions, dump, LAYOUTS, lengthOf, type MessageKind } from '../../src/inspect/index.js'
import { plaintextOf } from '../peer/record.js'

const GOLDEN = fileURLToPath(new URL('../../../test/golden/dump.txt', import.meta.url))
const KINDS = Object.keys(LAYOUTS) as MessageKind[]
// Where a length is in the bytes, or what they mean.
const FIRST: Partial<Record<MessageKind, string>> = {
  hello1: '4f72656e',
  hello2: '6e706b32',
  challenge2: '6e706b32',
  reject: '6e706b52',
  reason: '0100',
  record1: '4000',
  record2: '4000',
  plaintext: '1000c0',
}

/** So many bytes that can be told from each other. */
const counting = (length: number, from = 0) => Uint8Array.from({ length }, (_, at) => from + at)
const text = (value: string) => new TextEncoder().encode(value)
const u16 = (value: number) => Uint8Array.of(value & 0xff, value >> 8)

/** A message of each kind, whole. */
function exampleOf(kind: MessageKind): Uint8Array {
  const first = Buffer.from(FIRST[kind] ?? '', 'hex')
  const bytes = counting(lengthOf(kind, first) || 16)
  bytes.set(first)
  return bytes
}

function written(): string {
  const parts: string[] = []
  const add = (what: string, kind: MessageKind, bytes: Uint8Array, options?: DumpOptions) => {
    // Colours as they can be read.
    parts.push(`## ${what}\n\n${dump(kind, bytes, options).replaceAll('\x1b', '‹esc›')}`)
  }
  for (const kind of KINDS) {
    const whole = exampleOf(kind)
    add(kind, kind, whole)
    add(`${kind}, cut`, kind, whole.subarray(0, whole.length - 1))
  }
  for (const kind of ['reject', 'record1', 'plaintext'] as const) {
    const whole = exampleOf(kind)
    add(`${kind}, one byte too long`, kind, Buffer.concat([whole, text('+')]))
    add(`${kind}, nothing of it`, kind, new Uint8Array())
    const coloured = Buffer.concat([whole.subarray(0, whole.length - 3), text('\x1b[2J')])
    add(`${kind}, in colour`, kind, coloured, { color: true })
  }
  const long = plaintextOf(0, text('A line of text that is longer than a row of bytes.\n'.repeat(20)), 300)
  for (const width of [8, 40, 75, 76, 143, 144, 300]) add(`width ${width}`, 'plaintext', long, { width })
  for (const length of [96, 97, 112, 113]) add(`${length} bytes of data`, 'plaintext', plaintextOf(0, counting(length)))
  for (const base of [0, 1, 0xff00, 0x10000, 0x7fffffff0]) add(`base ${base}`, 'reject', exampleOf('reject'), { base })
  add('hex, of every byte', 'plaintext', plaintextOf(0, counting(256)), { width: 144 })
  add('text, of those that print', 'plaintext', plaintextOf(0, counting(96, 0x1e)))
  for (let type = 0; type < 256; type += 17) add(`type ${type}`, 'plaintext', plaintextOf(type, new Uint8Array()))
  for (let code = 0; code <= 6; code++) {
    const coded = (rest: Uint8Array) => Buffer.concat([u16(code), rest])
    add(`alert ${code}`, 'plaintext', plaintextOf(1, coded(text('why'))))
    for (const length of code < 3 || code === 4 ? [0, 1, 4, 16] : [0]) {
      add(`control ${code} with ${length} bytes`, 'plaintext', plaintextOf(2, coded(counting(length, 1))))
    }
    add(`reason ${code}`, 'reason', coded(new Uint8Array(30)))
  }
  for (const length of [0, 20, 21, 22, 16384, 16385, 65535]) {
    add(`record of version 1, ${length} bytes`, 'record1', u16(length))
    add(`record of version 2, ${length} bytes`, 'record2', u16(length))
  }
  for (const size of [0, 1, 2, 3, 4, 9]) {
    add(`size ${size}`, 'plaintext', Buffer.concat([u16(size), new Uint8Array(6)]))
    add(`size ${size}, and no more`, 'plaintext', u16(size))
  }
  for (const byte of [1, 255]) add(`padding with a ${byte}`, 'plaintext', Uint8Array.of(3, 0, 0, 0, byte))
  return parts.join('\n')
}

test('every kind of message, whole, cut, too long and in colour; every code, flag and length', () => {
  const found = written()
  if (process.argv.includes('--update')) writeFileSync(GOLDEN, found)
  assert.is(found, readFileSync(GOLDEN, 'utf8'))
})

test.run()
