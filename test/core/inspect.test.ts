// The inspector on the vectors' messages, and on bytes that are none.

import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  dump,
  fields,
  type InspectedField,
  identify,
  LAYOUTS,
  lengthOf,
  type MessageKind,
} from '../../src/inspect/index.js'
import { plaintextOf } from '../peer/record.js'
import { bytes, type Vector, vectors } from '../peer/vectors.js'

const KINDS = Object.keys(LAYOUTS) as MessageKind[]

function messagesOf({ version, hello, challenge, response, ...vector }: Vector): [MessageKind, Uint8Array][] {
  const records = [...vector.clientRecords, ...vector.serverRecords]
  const headers = [vector.clientHeader, vector.serverHeader].filter(it => it !== null)
  return [
    [`hello${version}`, bytes(hello)],
    [`challenge${version}`, bytes(challenge)],
    ['response', bytes(response)],
    ...headers.map((it): [MessageKind, Uint8Array] => ['header', bytes(it)]),
    ...records.map((it): [MessageKind, Uint8Array] => [`record${version}`, bytes(it.wire)]),
    ...(vector.rejects ?? []).map((it): [MessageKind, Uint8Array] => ['reject', bytes(it.wire)]),
  ]
}

/** Fields without parts, in order. */
function leaves(found: readonly InspectedField[]): InspectedField[] {
  return found.flatMap(it => (it.parts ? leaves(it.parts) : [it]))
}

/** The bytes that a dump shows, by the offset in its margin. */
function shown(text: string, base = 0): Map<number, number> {
  const found = new Map<number, number>()
  for (const [, at, hex] of text.matchAll(/^ +([0-9a-f]{4,}) {2}((?:[0-9a-f]{2} {0,2})+?)(?: {2,}\S.*)?$/gm)) {
    const pairs = hex!.trim().split(/ +/)
    pairs.forEach((pair, i) => {
      found.set(Number.parseInt(at!, 16) - base + i, Number.parseInt(pair, 16))
    })
  }
  return found
}

for (const vector of vectors) {
  test(`${vector.name}: every message has all of its fields, with their bytes`, () => {
    for (const [kind, message] of messagesOf(vector)) {
      assert.is(lengthOf(kind, message), message.length, kind)
      const found = fields(kind, message)
      const parts = leaves(found)
      assert.equal(Buffer.concat(parts.map(it => it.bytes)), Buffer.from(message))
      for (const it of parts) {
        assert.is(it.missing, 0)
        assert.is(it.bytes.buffer, message.buffer, 'a view, not a copy')
      }
      const text = dump(kind, message)
      for (const it of [...found, ...parts]) assert.ok(text.includes(it.name), `${kind}: ${it.name}`)
      const bytesShown = shown(text)
      for (const [at, byte] of bytesShown) assert.is(byte, message[at], `${kind} at ${at}`)
      for (const it of parts) {
        for (const at of [0, 1, it.length - 2, it.length - 1].filter(i => i >= 0 && i < it.length)) {
          assert.ok(bytesShown.has(it.offset + at), `${kind}: ${it.name} shows byte ${at}`)
        }
      }
    }
  })

  test(`${vector.name}: first messages are told apart`, () => {
    const [hello, challenge] = [bytes(vector.hello), bytes(vector.challenge)]
    assert.is(identify(hello), `hello${vector.version}`)
    assert.is(identify(hello, 'client'), `hello${vector.version}`)
    assert.is(identify(hello.subarray(0, 4)), `hello${vector.version}`)
    const expected = vector.version === 2 ? 'challenge2' : undefined
    assert.is(identify(challenge), expected)
    for (const { wire } of vector.rejects ?? []) assert.is(identify(bytes(wire), 'server'), 'reject')
    assert.is(identify(Buffer.concat([challenge, Buffer.alloc(100)]), 'server'), expected)
  })
}

const v2 = vectors.find(it => it.name === 'v2 pinned')!

test('a dump, as it is printed', () => {
  const hello = bytes(v2.hello)
  const hex = (from: number, to: number) => {
    const pairs = [...hello.subarray(from, to)].map(byte => byte.toString(16).padStart(2, '0'))
    return [pairs.slice(0, 8).join(' '), pairs.slice(8).join(' ')].filter(it => it).join('  ')
  }
  const expected = [
    'hello, version 2: 1292 bytes',
    '',
    'version                          4 bytes at 0  "npk2" = version 2',
    `  10000  ${hex(0, 4)}`,
    '',
    'client session public key       32 bytes at 4',
    `  10004  ${hex(4, 20)}`,
    `  10014  ${hex(20, 36)}`,
    '',
    'ML-KEM-768 public key         1184 bytes at 36',
    `  10024  ${hex(36, 52)}`,
    `  10034  ${hex(52, 68)}`,
    '         … 1120 bytes …',
    `  104a4  ${hex(0x4a4, 0x4b4)}`,
    `  104b4  ${hex(0x4b4, 0x4c4)}`,
    '',
    'expected server key: box        72 bytes at 1220',
    '  data (sealed)                 32 bytes at 1220',
    `    104c4  ${hex(1220, 1236)}`,
    `    104d4  ${hex(1236, 1252)}`,
    '  mac                           16 bytes at 1252',
    `    104e4  ${hex(1252, 1268)}`,
    '  nonce                         24 bytes at 1268',
    `    104f4  ${hex(1268, 1284)}`,
    `    10504  ${hex(1284, 1292)}`,
    '',
  ].join('\n')
  assert.fixture(dump('hello2', hello, { base: 0x10000 }), expected)
})

test('colour changes nothing but colour, and width no bytes', () => {
  for (const vector of vectors) {
    for (const [kind, message] of messagesOf(vector)) {
      const plain = dump(kind, message)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of
      assert.is(dump(kind, message, { color: true }).replace(/\x1b\[\d+m/g, ''), plain)
      for (const width of [40, 80, 200]) {
        const text = dump(kind, message, { width })
        for (const [at, byte] of shown(text)) assert.is(byte, message[at])
        const longest = Math.max(...text.split('\n').map(line => (/^ +[0-9a-f]{4}/.test(line) ? line.length : 0)))
        assert.ok(longest <= Math.max(width, 44), `${longest} columns of ${width}`)
      }
    }
  }
})

test('what numbers mean is said', () => {
  const says = (kind: MessageKind, message: Uint8Array, ...texts: string[]) => {
    for (const text of texts) assert.ok(dump(kind, message).includes(text), `${text}\n${dump(kind, message)}`)
  }
  const text = (value: string) => new TextEncoder().encode(value)
  says('record2', Uint8Array.of(20, 0), '= 20, below the shortest record of 21: forbidden')
  says('record1', Uint8Array.of(1, 64), '= 16385, above the longest record of 16384: forbidden')
  says('record2', Uint8Array.of(1, 64), '= 16385, itself included', 'cut short: 16383 bytes missing')
  says('plaintext', plaintextOf(0xc0, text('hi'), 3), '= 5: itself, the type, 2 bytes of data', 'hi', 'all zero')
  says('plaintext', plaintextOf(0xc0, text('hi')), '= data, end of message, final')
  says('plaintext', plaintextOf(1, Uint8Array.of(4, 0, ...text('bye'))), '= alert', '= 4, shutting down', 'text', 'bye')
  says('plaintext', plaintextOf(1, Uint8Array.of(9, 9)), '= 2313, unknown')
  says('plaintext', plaintextOf(0x22, Uint8Array.of(7, 0, 1)), '= control, rekey', '= 7', 'payload')
  says('plaintext', plaintextOf(3, Uint8Array.of(1)), '= unknown')
  says('plaintext', Uint8Array.of(0, 0), '= 0: no type, no data (version 1)')
  says('plaintext', Uint8Array.of(2, 0, 0), '= 2: forbidden')
  says('plaintext', Uint8Array.of(3, 0, 0, 0, 1), 'not all zero: forbidden')
  says('reason', new Uint8Array(32).fill(3, 0, 1), '= 3, backend unreachable', 'all zero')
  says('reject', text('npkR'), '"npkR" = reject of version 2', 'cut short: 72 bytes missing')
  says('hello1', text('HTTP'), '"HTTP" = no version of this protocol')
})

test('a cut message has what is there, and says what is missing', () => {
  for (const vector of [vectors[0]!, v2]) {
    for (const [kind, message] of messagesOf(vector)) {
      for (let length = 0; length < message.length; length++) {
        const cut = message.subarray(0, length)
        const found = leaves(fields(kind, cut))
        assert.is(
          found.reduce((sum, it) => sum + it.bytes.length, 0),
          length,
        )
        for (const it of found) {
          assert.is(it.bytes.length + it.missing, it.length)
          assert.equal(it.bytes, message.subarray(it.offset, it.offset + it.length).subarray(0, it.bytes.length))
        }
        if (lengthOf(kind, cut) > length) assert.ok(found.some(it => it.missing > 0))
        if (length % 7 === 0) assert.match(dump(kind, cut), /cut short: \d+ bytes? missing/)
      }
    }
  }
})

test('bytes behind a message are shown as what they are', () => {
  const behind = new TextEncoder().encode('GET / HTTP/1.1\r\n\x1b[31m')
  for (const [kind, message] of messagesOf(v2)) {
    const last = fields(kind, Buffer.concat([message, behind])).at(-1)!
    assert.is(last.kind, 'surplus')
    assert.is(last.offset, message.length)
    assert.equal(Buffer.from(last.bytes), Buffer.from(behind))
    const text = dump(kind, Buffer.concat([message, behind]))
    assert.ok(text.includes('21 bytes too many') && text.includes('GET / HTTP/1.1'))
    assert.not.ok(text.includes('\x1b'), 'no control character of the peer reaches the terminal')
  }
})

test('no bytes make it throw', () => {
  const inputs = [0, 1, 2, 3, 4, 21, 76, 108, 1292, 5000].flatMap(length => [
    new Uint8Array(length),
    new Uint8Array(length).fill(255),
    ...Array.from({ length: 20 }, () => new Uint8Array(randomBytes(length))),
  ])
  for (const kind of KINDS) {
    for (const input of inputs) {
      const there = leaves(fields(kind, input)).reduce((sum, it) => sum + it.bytes.length, 0)
      assert.is(there, input.length, kind)
      const text = dump(kind, input, { width: 8 })
      assert.match(text, /^[\x20-\x7e\n·…]+$/)
      assert.ok(lengthOf(kind, input) >= 0)
    }
  }
  for (const input of inputs) for (const from of [undefined, 'client', 'server'] as const) identify(input, from)
  assert.is(identify(new Uint8Array(3)), undefined)
  assert.is(identify(new TextEncoder().encode('HTTP/1.1')), undefined)
  assert.is(identify(new TextEncoder().encode('npkR')), 'reject')
  assert.is(identify(new TextEncoder().encode('npkR'), 'client'), undefined)
  assert.is(identify(new TextEncoder().encode('Oren'), 'server'), undefined)
})

test.run()
