// The layout tables: each tiles its message, and has the numbers of docs/protocol.md.

import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Field, LAYOUTS, lengthOf, type MessageKind } from '../../src/inspect/index.js'
import { layoutOf } from '../../src/inspect/layouts.js'
import * as wire from '../../src/wire/layout.js'
import { RECORD_MAX_1, RECORD_MAX_2, RECORD_MIN } from '../../src/wire/stream.js'

const BYTES: Partial<Record<MessageKind, number>> = {
  box: wire.BOX_BYTES,
  hello1: wire.HELLO_1_BYTES,
  hello2: wire.HELLO_2_BYTES,
  challenge1: wire.CHALLENGE_1_BYTES,
  challenge2: wire.CHALLENGE_2_BYTES,
  response: wire.RESPONSE_BYTES,
  reject: wire.REJECT_BYTES,
  reason: wire.KEY_BYTES,
  credit: wire.CREDIT_BYTES,
  alive: wire.ALIVE_BYTES,
  header: wire.STREAM_HEADER_BYTES,
}
const KINDS = Object.keys(LAYOUTS) as MessageKind[]

/** The fields follow each other from `start` to `end` without a gap or an overlap, and so do their parts. */
function assertTiles(fields: readonly Field[], start: number, end: number, what: string): void {
  let at = start
  for (const field of fields) {
    assert.is(field.offset, at, `${what}: ${field.name}`)
    assert.ok(field.length >= 0, `${what}: ${field.name}`)
    at += field.length
    if (field.parts) assertTiles(field.parts, field.offset, at, `${what}: ${field.name}`)
  }
  assert.is(at, end, what)
}

test('every table tiles its message, and sums to its constant', () => {
  for (const kind of KINDS) {
    const layout = LAYOUTS[kind]
    if (typeof layout === 'function') continue
    const bytes = BYTES[kind]
    assert.ok(bytes, `${kind} has a length here`)
    assertTiles(layout, 0, bytes!, kind)
    assert.is(lengthOf(kind, new Uint8Array()), bytes)
  }
})

test('every field has a name of its own', () => {
  for (const kind of KINDS) {
    const names = layoutOf(kind, new Uint8Array()).map(it => it.name)
    assert.is(new Set(names).size, names.length, kind)
  }
})

test('records tile whatever their length says', () => {
  for (let length = 0; length <= 0xffff; length += length < 50 ? 1 : 997) {
    const head = Uint8Array.of(length & 0xff, length >> 8)
    const end = Math.max(length, RECORD_MIN)
    assertTiles(layoutOf('record1', head), 0, end, `record1 of ${length}`)
    assertTiles(layoutOf('record2', head), 0, end, `record2 of ${length}`)
  }
})

test('plaintexts tile whatever their size and type say', () => {
  for (let size = 0; size <= 40; size++) {
    for (let type = 0; type < 256; type++) {
      for (const length of [0, 1, 2, 3, 4, 5, 6, 20, 60]) {
        const plaintext = new Uint8Array(length)
        plaintext.set([size, 0, type].slice(0, length))
        const layout = layoutOf('plaintext', plaintext)
        const end = layout.at(-1)!.offset + layout.at(-1)!.length
        assert.ok(end >= length)
        assertTiles(layout, 0, end, `plaintext of ${length}: size ${size}, type ${type}`)
      }
    }
  }
})

const protocol = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

test("sizes are the protocol page's", () => {
  for (const version of [1, 2] as const) {
    const [, section = ''] = protocol.split(`\n## Version ${version}\n`)
    for (const message of ['hello', 'challenge', 'response'] as const) {
      const [, bytes, layout = ''] = new RegExp(`\\| ${message} +\\| \\w+ +\\| (\\d+) +\\| (.*?) *\\|\\n`).exec(
        section,
      )!
      const kind = message === 'response' ? message : (`${message}${version}` as const)
      assert.is(lengthOf(kind, new Uint8Array()), Number(bytes), kind)
      // `name [length]` ‖ `name u32 = …` ‖ `name: box [72]`, in this order
      const parts = [...layout.matchAll(/`([^`]+)`/g)].map(([, part = '']) => {
        const [, name, bits, length] = /^(.*?)(?:: box)?(?: u(\d+)(?: = \w+)?| \[(\d+)\])$/.exec(part)!
        return { name, length: bits ? Number(bits) / 8 : Number(length) }
      })
      const table = layoutOf(kind, new Uint8Array()).map(({ name, length }) => ({ name, length }))
      assert.equal(table, parts, kind)
    }
  }
  const says = (text: string) => assert.ok(protocol.replace(/\s+/g, ' ').includes(text), text)
  says(`${wire.BOX_BYTES} bytes: \`data[${wire.KEY_BYTES}] ‖ mac[${wire.MAC_BYTES}] ‖ nonce[${wire.NONCE_BYTES}]\``)
  says(`in place of the challenge, with ${wire.REJECT_BYTES} bytes`)
  says(`\`code u16\` ‖ ${wire.KEY_BYTES - wire.REJECT_ZEROS} zero bytes`)
  says(`the ${wire.STREAM_HEADER_BYTES}-byte \`crypto_secretstream_xchacha20poly1305\` header`)
  says(`the challenge's first ${wire.CHALLENGE_2_SERVER_KEY} bytes`)
  const range = (most: number) => says(`A record is ${RECORD_MIN} to ${most.toLocaleString('en')} bytes`)
  range(RECORD_MAX_1)
  range(RECORD_MAX_2)
})

test.run()
