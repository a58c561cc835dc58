// Messages from bytes as they come, however they are cut.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Core, Engine, RecordOpener } from '../../src/engine/index.js'
import { Conversation, fields, lengthOf, messagesOf, type Spoken, type SpokenField } from '../../src/inspect/index.js'
import { bytes, vectors } from '../peer/vectors.js'
import { clientKeys, freshCore, hear, newPair, serverKeys, takeAll, wasm } from '../support/engines.js'

type From = 'client' | 'server'
const DATA = new Uint8Array(20_000).map((_, at) => at)

/** What two engines say, in turn; the keys are logged before the records that they open. */
function spoken(version: 1 | 2, onKeys?: (line: string) => void): [From, Uint8Array][] {
  const { client, server } = newPair(version, { core: freshCore(), ...(onKeys && { onKeys }) })
  const said: [From, Uint8Array][] = []
  const say = (from: From) => {
    const bytes = new Uint8Array(takeAll(from === 'client' ? client : server))
    if (bytes.length > 0) said.push([from, bytes])
    hear(from === 'client' ? server : client, bytes)
  }
  for (const from of ['client', 'server', 'client', 'server'] as const) say(from)
  client.write(DATA, 0, true)
  client.rekey()
  client.write(DATA.subarray(0, 10))
  say('client')
  server.alert(1, 'enough')
  say('server')
  return said
}

function pushAll(conversation: Conversation, said: [From, Uint8Array][], step: number) {
  const messages: Spoken[] = []
  const found: SpokenField[] = []
  for (const [from, whole] of said) {
    for (let at = 0; at < whole.length; at += step) {
      const piece = whole.slice(at, at + step)
      const pushed = conversation.push(from, piece)
      messages.push(...pushed.messages)
      found.push(...pushed.fields)
      // What was given is the giver's.
      piece.fill(0xee)
    }
  }
  return { messages, found }
}

function directionOf(said: [From, Uint8Array][], from: From): Uint8Array {
  return new Uint8Array(Buffer.concat(said.filter(it => it[0] === from).map(it => it[1])))
}

const plain = (it: object) => JSON.parse(JSON.stringify(it))

for (const version of [1, 2] as const) {
  test(`v${version}: bytes in pieces of any size are the messages of the whole`, () => {
    const said = spoken(version)
    const first = { client: undefined, server: version === 1 ? ('challenge1' as const) : undefined }
    for (const step of [1, 2, 3, 20, 1000, 1 << 20]) {
      const { messages, found } = pushAll(new Conversation(), said, step)
      for (const from of ['client', 'server'] as const) {
        const whole = messagesOf({ from, bytes: directionOf(said, from), first: first[from] })!
        const own = messages.filter(it => it.from === from)
        assert.equal(plain(own), plain(whole.map(it => ({ ...it, from }))), `${from}, ${step} bytes at once`)
        assert.ok(own.every(it => it.bytes.length === lengthOf(it.kind, it.bytes)))
        const fieldsOfAll = own.flatMap(it => fields(it.kind, it.bytes).map(field => ({ offset: it.offset, field })))
        const fieldsFound = found.filter(it => it.from === from).map(({ offset, field }) => ({ offset, field }))
        assert.equal(plain(fieldsFound), plain(fieldsOfAll))
      }
    }
  })

  test(`v${version}: with session keys, records are opened`, () => {
    const core = new Core(wasm)
    const opener = (v: 1 | 2, key: Uint8Array, header?: Uint8Array) => new RecordOpener(core, v, key, header)
    const used = core.bytesInUse
    for (const step of [1, 500, 1 << 20]) {
      const conversation = new Conversation({ opener })
      const others = spoken(version, conversation.onKeys)
      const said = spoken(version, conversation.onKeys)
      const { messages } = pushAll(conversation, said, step)
      const records = messages.filter(it => it.kind.startsWith('record'))
      assert.ok(records.length >= 4)
      assert.ok(records.every(it => it.plaintext && it.trouble === undefined))
      const data = records.filter(it => it.from === 'client').flatMap(it => fields('plaintext', it.plaintext!))
      const sent = Buffer.concat(data.filter(it => it.name === 'data' && !it.parts).map(it => it.bytes))
      assert.ok(sent.equals(Buffer.concat([DATA, DATA.subarray(0, 10)])))
      conversation.close()
      assert.is(core.bytesInUse, used, 'closing gives everything back')
      assert.not.equal(others, said)
    }
  })

  test(`v${version}: a field is told as soon as it is there`, () => {
    const [[, hello]] = spoken(version) as [[From, Uint8Array]]
    const conversation = new Conversation()
    const names = (length: number, from: number) =>
      conversation.push('client', hello.subarray(from, length)).fields.map(it => it.field.name)
    assert.equal(names(3, 0), [])
    assert.equal(names(4, 3), ['version'])
    assert.equal(names(35, 4), [])
    assert.equal(names(36, 35), ['client session public key'])
    assert.is(conversation.push('client', hello.subarray(36)).messages.length, 1)
  })
}

test('the vectors, a byte at a time', () => {
  for (const vector of vectors) {
    const conversation = new Conversation()
    const said: [From, Uint8Array][] = [
      ['client', bytes(vector.hello)],
      ['server', bytes(vector.challenge)],
      ['client', bytes(vector.response)],
    ]
    const { messages } = pushAll(conversation, said, 1)
    assert.equal(
      messages.map(it => it.kind),
      [`hello${vector.version}`, `challenge${vector.version}`, 'response'],
      vector.name,
    )
    assert.equal(
      messages.map(it => Buffer.from(it.bytes).toString('hex')),
      said.map(it => Buffer.from(it[1]).toString('hex')),
    )
  }
})

test('bytes of another protocol, and what is behind a record that no record can be, are passed over', () => {
  const other = new Conversation()
  for (let at = 0; at < 3; at++) {
    assert.equal(other.push('client', new TextEncoder().encode('GET / HTTP/1.1')), { messages: [], fields: [] })
  }
  const said = spoken(2)
  const conversation = new Conversation()
  pushAll(conversation, said, 100)
  const { messages } = conversation.push('client', Uint8Array.of(5, 0, ...new Uint8Array(100)))
  assert.is(messages.length, 1)
  assert.equal(conversation.push('client', new Uint8Array(100)), { messages: [], fields: [] })
})

test('a changed record is told, and those behind it stay sealed', () => {
  const core = new Core(wasm)
  const conversation = new Conversation({ opener: (v, key, header) => new RecordOpener(core, v, key, header) })
  const said = spoken(2, conversation.onKeys)
  const [from, records] = said.at(-2)!
  assert.is(from, 'client')
  records[10]! ^= 1
  const { messages } = pushAll(conversation, said, 1000)
  const found = messages.filter(it => it.kind === 'record2' && it.from === 'client')
  assert.match(found[0]?.trouble ?? '', /does not open/)
  assert.ok(found.length > 1 && found.every(it => it.plaintext === undefined))
  assert.ok(
    messages.some(it => it.from === 'server' && it.plaintext),
    'the other direction is opened',
  )
})

test('a reject is told as what it is', () => {
  const core = freshCore()
  const client = Engine.client(core, {
    keyPair: clientKeys,
    serverKey: clientKeys.publicKey,
    middleboxKey: serverKeys.publicKey,
  })
  const server = Engine.server(core, { keyPair: serverKeys })
  const hello = takeAll(client)
  assert.throws(() => server.receive(hello))
  const conversation = new Conversation()
  conversation.push('client', hello)
  assert.equal(
    conversation.push('server', takeAll(server)).messages.map(it => it.kind),
    ['reject'],
  )
})

test('a line that is none of a key log is an error', () => {
  assert.throws(() => new Conversation().onKeys('keys'), /line 1 is no line of a key log/)
})

test.run()
