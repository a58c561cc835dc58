// The page's small parts, in Node: the one in the middle, links, formats, sentences, captures.

import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fields, type InspectedField, LAYOUTS, type MessageKind } from '../../src/inspect/index.js'
import { sentenceOf } from '../../src/inspect/sentences.js'
import { format, needleOf } from '../../src/page/run/formats.js'
import { graphOf } from '../../src/page/run/graph.js'
import { fromHash, HOME, type Place, toHash } from '../../src/page/run/link.js'
import { intercept } from '../../src/page/run/middle.js'
import { tell } from '../../src/page/run/tell.js'
import { readPieces, readTraffic } from '../../src/page/run/traffic.js'
import { freshCore, wasm } from '../support/engines.js'

const SECRET = 'the client’s most private words'

test('the one in the middle reads version 1, and nothing of version 2', () => {
  const one = intercept(wasm, { version: 1, seed: 'test', text: SECRET })
  assert.is(one.succeeds, true)
  assert.is(one.steps.at(-1)?.read, SECRET)
  const two = intercept(wasm, { version: 2, seed: 'test', text: SECRET })
  assert.is(two.succeeds, false)
  const { failure } = two.steps.find(it => it.id === 'check')!
  assert.is(failure?.code, 'PEER_BAD_PROOF')
  assert.is(failure?.offset, 1267, 'at the last byte of the challenge')
  assert.ok(two.steps.every(it => it.read === undefined))
  assert.equal(
    one.steps.map(it => it.id),
    two.steps.map(it => it.id),
    'step by step, side by side',
  )
  const stolen = (attack: typeof one) => {
    const { passing } = attack.steps.find(it => it.id === 'splice')!
    const real = attack.steps.find(it => it.id === 'proof')!.passing!.bytes
    const { offset, length } = passing!.stolen!
    return [passing!.bytes, real].map(it => Buffer.from(it.subarray(offset, offset + length)).toString('hex'))
  }
  for (const attack of [one, two]) assert.is(...(stolen(attack) as [string, string]), 'the proof is the server’s')
})

test('a link says what was looked at, and one from anybody does no harm', () => {
  const place: Place = {
    tab: 'break',
    step: 'client.fails',
    field: 'wire.1.proof.mac',
    view: 'observer',
    version: 1,
    seed: 'ä b&c=#',
    text: 'x = 1 & y',
    padding: 'full',
    broken: { kind: 'flip', message: 1, offset: 1200, bit: 3 },
  }
  assert.equal(fromHash(toHash(place)), place)
  assert.equal(fromHash(`#${toHash(place)}`), place)
  assert.is(toHash(HOME), '')
  assert.equal(fromHash(''), HOME)
  for (const broken of [
    { kind: 'cut', message: 2, offset: 7 },
    { kind: 'replay', message: 4 },
    { kind: 'context' },
    { kind: 'server-key' },
  ] as const) {
    assert.equal(fromHash(toHash({ ...HOME, broken })).broken, broken)
  }
  for (const hostile of [
    'tab=__proto__&view=x&version=3&padding=0',
    'broken=flip',
    'broken=flip -1 1e99 NaN',
    'broken=<script>',
    '%%%',
    `text=${'x'.repeat(1e6)}`,
  ]) {
    const found = fromHash(hostile)
    assert.is(found.tab, 'walk')
    assert.ok(found.text.length <= 2000)
    if (found.broken && 'offset' in found.broken)
      assert.ok(Number.isInteger(found.broken.offset) && found.broken.offset >= 0)
    assert.ok(tell(wasm, { ...found, middlebox: false }).moments.length > 0, hostile.slice(0, 40))
  }
})

test('bytes as hex, as a C array, as JSON; and what is typed into the search', () => {
  const bytes = Uint8Array.of(0, 0xab, 255)
  assert.is(format('hex', 'x', bytes), '00abff')
  assert.is(
    format('c', 'wire.1.proof: mac', bytes),
    'const unsigned char wire_1_proof_mac[3] = {\n  0x00, 0xab, 0xff,\n};\n',
  )
  assert.match(format('c', '1', bytes), /bytes_1\[3\]/)
  assert.equal(JSON.parse(format('json', '“x”', bytes)), { name: '“x”', length: 3, hex: '00abff' })
  assert.equal([...needleOf('00 ab:FF 12')], [0, 0xab, 0xff, 0x12])
  assert.equal([...needleOf('0x00abff12')], [0, 0xab, 0xff, 0x12])
  assert.equal(Buffer.from(needleOf('hé')).toString(), 'hé')
})

test('words that look like hex digits are looked for as bytes; too short ones, and odd ones, as words', () => {
  const hex = (text: string) => Buffer.from(needleOf(text)).toString('hex')
  for (const text of ['cafe', 'CA FE', 'ca:fe', ' 0xcafe', ':0Xca:fe', '0 xca\nfe']) assert.is(hex(text), 'cafe', text)
  assert.is(hex('deadbeef'), 'deadbeef')
  for (const text of ['', ' ', 'ab', '0xab', 'bad', 'decade of', '0x0xcafe', 'cafe0x', 'coffee', '１２３４'])
    assert.is(Buffer.from(needleOf(text)).toString(), text)
})

test('every field of every message has a sentence, and its section is in docs/protocol.md', () => {
  const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
  const headings = new Set([...page.matchAll(/^#+ (.*)$/gm)].map(it => it[1]))
  const seen = new Set<string>()
  const check = (kind: MessageKind, path: string, field: InspectedField) => {
    const sentence = sentenceOf(kind, path)
    assert.ok(sentence, `${kind}: ${path}`)
    assert.match(sentence!.text, /^[A-Z0-9“].*\.$/, path)
    assert.ok(headings.has(sentence!.section), sentence!.section)
    seen.add(`${kind}: ${path}`)
    for (const part of field.parts ?? []) check(kind, `${field.name}: ${part.name}`, part)
  }
  const plaintexts = [
    '0600026100',
    '08000201000000',
    '0900010400686921',
    `1500020100${'01'.repeat(16)}`,
    '0900020400e8030000',
    '0400006100',
  ]
  for (const kind of Object.keys(LAYOUTS) as MessageKind[]) {
    const samples =
      kind === 'plaintext' ? plaintexts.map(it => new Uint8Array(Buffer.from(it, 'hex'))) : [new Uint8Array()]
    for (const bytes of samples) for (const it of fields(kind, bytes)) check(kind, it.name, it)
  }
  for (const part of ['code', 'text', 'payload', 'limit', 'heeds', 'interval'])
    assert.ok(seen.has(`plaintext: data: ${part}`), part)
  assert.is(sentenceOf('hello2', 'behind the message'), undefined)
})

test('a story’s own bytes, given as hex or in pieces, are the same conversation', () => {
  for (const version of [1, 2] as const) {
    const told = tell(wasm, { version, seed: 'test', text: SECRET, padding: 'none', middlebox: false })
    const keyLog = told.keyLines.join('\n')
    const core = freshCore()
    const { dialogues } = readPieces(core, told.wire, keyLog)
    assert.is(dialogues.length, 1)
    assert.equal(
      dialogues[0]!.messages.map(it => `${it.from} ${it.kind} ${it.bytes.length} ${Boolean(it.plaintext)}`),
      told.wire.map(it => `${it.from} ${it.kind} ${it.bytes.length} ${Boolean(it.plaintext)}`),
    )
    const client = told.wire.filter(it => it.from === 'client').map(it => Buffer.from(it.bytes).toString('hex'))
    const hex = readTraffic(core, Buffer.from(client.join('\n')), keyLog)
    assert.is(hex.dialogues[0]!.messages.length, client.length)
    assert.ok(Buffer.from(hex.dialogues[0]!.messages.find(it => it.plaintext)!.plaintext!).includes(SECRET))
    // Version 1's challenge does not tell what it is.
    if (version === 2) {
      const server = told.wire.filter(it => it.from === 'server')
      const raw = readTraffic(core, Buffer.concat(server.map(it => it.bytes)), keyLog).dialogues[0]!
      assert.match(raw.title, /from the server/)
      assert.equal(
        raw.messages.map(it => `${it.kind} ${Boolean(it.plaintext)}`),
        server.map(it => `${it.kind} ${Boolean(it.plaintext)}`),
      )
    }
    const sealed = readTraffic(core, Buffer.from(client.join('')), '')
    assert.ok(sealed.dialogues[0]!.messages.every(it => !it.plaintext))
  }
})

test('bytes of something else are refused in words', () => {
  const core = freshCore()
  assert.throws(() => readTraffic(core, new Uint8Array(), ''), /no bytes/)
  assert.throws(() => readTraffic(core, Buffer.from('GET / HTTP/1.1'), ''), /no capture/)
  assert.throws(() => readTraffic(core, Buffer.from('6e706b32'), 'nonsense'), /line 1 is no line of a key log/)
  assert.throws(() => readPieces(core, [{ from: 'client', bytes: Buffer.from('SSH-2.0') }], ''), /not of this protocol/)
})

test('every edge of the graph has two nodes, and no two nodes lie on each other', () => {
  for (const version of [1, 2] as const) {
    const { nodes, edges } = graphOf(version)
    const ids = new Set(nodes.map(it => it.id))
    for (const { from, to } of edges) assert.ok(ids.has(from) && ids.has(to), `${from} → ${to}`)
    for (const a of nodes)
      for (const b of nodes)
        assert.ok(a === b || Math.abs(a.column - b.column) >= 0.8 || Math.abs(a.row - b.row) >= 0.8, `${a.id}, ${b.id}`)
  }
})

test.run()
