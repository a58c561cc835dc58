// Everything that someone on the wire can do to bytes: always a typed error or a wait for more, never a trap, nothing delivered that
// was not sent.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { HELLO_1_BYTES, HELLO_1_EXPECTED_KEY, STREAM_HEADER_BYTES } from '../../src/wire/layout.js'
import { sodium } from '../peer/primitives.js'
import { TAG, Writer1 } from '../peer/stream1.js'
import { FLAG, Writer2 } from '../peer/stream2.js'
import { bytes } from '../peer/vectors.js'
import {
  clientKeys,
  codeOf,
  connectedPair,
  freshCore,
  type Heard,
  hear,
  hearInto,
  newPair,
  serverKeys,
  takeAll,
} from '../support/engines.js'

await sodium.ready

const core = freshCore()

const VERSIONS = [1, 2] as const
const REQUEST = 'what the client sends'
const REPLY = 'what the server sends'

/** Changes one of the messages that cross the wire, in the order hello, challenge, response, header and request, reply. */
type Meddler = (message: Uint8Array, index: number) => Uint8Array

interface Outcome {
  clientConnected: boolean
  serverConnected: boolean
  request: string
  reply: string
  errors: string[]
}

/** A whole conversation with someone in between. Whatever fails, the rest goes on as far as it can. */
function converse(version: 1 | 2, meddle: Meddler): Outcome {
  const { client, server } = newPair(version, { strangers: 'answer' })
  const outcome: Outcome = { clientConnected: false, serverConnected: false, request: '', reply: '', errors: [] }
  const give = (to: Engine, message: Uint8Array): Heard => {
    const heard: Heard = { data: Buffer.alloc(0), messages: [], events: [] }
    const code = codeOf(() => hearInto(heard, to, message))
    if (code !== 'none') outcome.errors.push(code)
    return heard
  }
  give(server, meddle(takeAll(client), 0))
  outcome.clientConnected = give(client, meddle(takeAll(server), 1)).events.includes('connected')
  outcome.serverConnected = give(server, meddle(client.take(), 2)).events.includes('connected')
  if (outcome.clientConnected && codeOf(() => client.write(Buffer.from(REQUEST))) === 'none') {
    outcome.request = String(give(server, meddle(takeAll(client), 3)).data)
  }
  if (outcome.serverConnected && codeOf(() => server.write(Buffer.from(REPLY))) === 'none') {
    outcome.reply = String(give(client, meddle(takeAll(server), 4)).data)
  } else {
    give(client, takeAll(server))
  }
  client.close()
  server.close()
  return outcome
}

function flip(at: number, mask: number): (message: Uint8Array) => Uint8Array {
  return message => {
    const changed = message.slice()
    changed[at] = (changed[at] ?? 0) ^ mask
    return changed
  }
}

function lengthsOf(version: 1 | 2): number[] {
  const lengths: number[] = []
  converse(version, (message, index) => {
    lengths[index] = message.length
    return message
  })
  return lengths
}

for (const version of VERSIONS) {
  const [hello = 0, challenge = 0, response = 0, request = 0] = lengthsOf(version)

  test(`v${version}: untouched, the conversation is whole`, () => {
    const outcome = converse(version, message => message)
    assert.equal(outcome, { clientConnected: true, serverConnected: true, request: REQUEST, reply: REPLY, errors: [] })
  })

  for (const [index, name, length] of [
    [0, 'hello', hello],
    [1, 'challenge', challenge],
    [2, 'response', response],
  ] as const) {
    test(`v${version}: any byte of the ${name} flipped`, () => {
      for (let at = 0; at < length; at++) {
        // Now and then the highest bit, which X25519 ignores in a public key, and always so where a key may end.
        for (const mask of at % 32 === 3 || at % 32 === 31 ? [1 << (at % 8), 0x80] : [1 << (at % 8)]) {
          const where = `${name} byte ${at}, mask ${mask}`
          const outcome = converse(version, (message, i) => (i === index ? flip(at, mask)(message) : message))
          // Version 1's server can only take a box that does not open as meant for a middlebox: that flip is invisible by design.
          if (version === 1 && index === 0 && at >= HELLO_1_EXPECTED_KEY && at < HELLO_1_BYTES) {
            assert.is(outcome.request + outcome.reply, REQUEST + REPLY, where)
            continue
          }
          assert.ok(outcome.errors.length > 0, `${where} was noticed`)
          for (const code of outcome.errors) assert.match(code, /^PEER_/, where)
          assert.not.ok(outcome.serverConnected, `${where}: the server lets nobody in`)
          assert.is(outcome.request + outcome.reply, '', `${where}: nothing is delivered`)
          if (version === 2 && index < 2) assert.not.ok(outcome.clientConnected, `${where}: the client goes no further`)
        }
      }
    })

    test(`v${version}: the ${name} cut at every length, and garbage in its place`, () => {
      for (let cut = 0; cut < length; cut++) {
        const receiver = receiverOf(version, index)
        assert.is(receiver.engine.receive(receiver.message.subarray(0, cut)), cut)
        assert.is(receiver.engine.advance(), 'idle')
        assert.is(receiver.engine.take().length, 0, 'no answer to a part')
        receiver.engine.receiveEnd()
        assert.is(
          codeOf(() => receiver.engine.advance()),
          'LINK_CLOSED',
          `${name} cut at ${cut}`,
        )
        receiver.close()
      }
      for (let round = 0; round < 30; round++) {
        const receiver = receiverOf(version, index)
        const garbage = sodium.randombytes_buf(length)
        // Half of it with the right first bytes, so that all of it is read.
        if (round % 2) {
          garbage.set(receiver.message.subarray(0, 4))
          // A session key that is not canonical is refused before anything is opened.
          garbage[35]! &= 0x7f
        }
        assert.match(
          codeOf(() => receiver.engine.receive(garbage)),
          // In version 1 a hello whose box does not open is meant for a middlebox.
          version === 1 && index === 0 && round % 2 ? /^none$/ : /^PEER_/,
        )
        receiver.close()
      }
    })
  }

  test(`v${version}: any byte of ${version === 1 ? 'the stream header and ' : ''}a record flipped`, () => {
    for (let at = 0; at < request; at++) {
      for (const filler of [0, 70_000]) {
        const outcome = converse(version, (message, i) => {
          if (i !== 3) return message
          // With more behind it, so that a longer length does not just wait.
          return Buffer.concat([flip(at, 1 << (at % 8))(message), new Uint8Array(filler)])
        })
        assert.is(outcome.request, '', `byte ${at}`)
        const lengthField = version === 1 ? at - STREAM_HEADER_BYTES : at
        if (filler === 0 && (lengthField === 0 || lengthField === 1)) continue
        assert.match(outcome.errors[0] ?? 'none', /^PEER_/, `byte ${at}`)
      }
    }
  })

  test(`v${version}: ${version === 1 ? 'the stream header and ' : ''}a record cut at every length`, () => {
    for (let cut = 0; cut < request; cut++) {
      const { client, server } = connectedPair(version)
      const fresh = version === 1 ? freshVersion1() : { client, server }
      fresh.client.write(Buffer.from(REQUEST))
      assert.equal(hear(fresh.server, takeAll(fresh.client).subarray(0, cut)).events, [])
      fresh.server.receiveEnd()
      assert.is(
        codeOf(() => fresh.server.advance()),
        'LINK_TRUNCATED',
      )
      for (const engine of [client, server, fresh.client, fresh.server]) engine.close()
    }
  })

  test(`v${version}: records replayed, reordered and dropped`, () => {
    const cases: [string, (a: Uint8Array, b: Uint8Array, c: Uint8Array) => Uint8Array[], string][] = [
      ['in order', (a, b, c) => [a, b, c], 'abc'],
      ['replayed', (a, b) => [a, a, b], 'a'],
      ['replayed later', (a, b, c) => [a, b, a, c], 'ab'],
      ['reordered', (a, b, c) => [a, c, b], 'a'],
      ['dropped', (a, _b, c) => [a, c], 'a'],
      ['first dropped', (_a, b, c) => [b, c], ''],
    ]
    for (const [name, arrange, expected] of cases) {
      const { client, server } = connectedPair(version)
      hear(server, takeAll(client))
      const records = ['a', 'b', 'c'].map(text => {
        client.write(Buffer.from(text))
        return takeAll(client)
      })
      const heard: Heard = { data: Buffer.alloc(0), messages: [], events: [] }
      const [a, b, c] = records as [Uint8Array, Uint8Array, Uint8Array]
      const code = codeOf(() => hearInto(heard, server, Buffer.concat(arrange(a, b, c))))
      assert.is(String(heard.data), expected, `${name}: what was good before is delivered`)
      assert.is(code, name === 'in order' ? 'none' : 'PEER_BAD_RECORD', name)
      assert.is(
        codeOf(() => server.advance()),
        code,
        `${name}: the error sticks`,
      )
      assert.is(
        codeOf(() => server.write(Buffer.from('x'))),
        code,
        `${name}: in both directions`,
      )
    }
  })

  test(`v${version}: a record of the other direction, or another session, does not open`, () => {
    const { client, server } = connectedPair(version)
    const other = connectedPair(version)
    for (const from of [other.client, server]) from.write(Buffer.from('elsewhere'))
    const strange = takeAll(other.client)
    const reflected = takeAll(server)
    client.write(Buffer.from('x'))
    const header = version === 1 ? takeAll(client).subarray(0, STREAM_HEADER_BYTES) : new Uint8Array()
    assert.is(
      codeOf(() => hear(server, Buffer.concat([header, reflected]))),
      'PEER_BAD_RECORD',
    )
    assert.is(
      codeOf(() => hear(other.server, strange)),
      'none',
    )
    const third = connectedPair(version)
    assert.is(
      codeOf(() => hear(third.server, strange)),
      'PEER_BAD_RECORD',
    )
  })

  test(`v${version}: lengths that no record has are refused before the record is buffered`, () => {
    for (let length = 0; length < 21; length++) {
      assert.is(
        codeOf(() => hear(forged(version).server, Uint8Array.of(length, 0))),
        'PEER_MALFORMED',
        `length ${length}`,
      )
    }
    assert.is(
      codeOf(() => hear(forged(version).server, Uint8Array.of(21, 0))),
      'none',
    )
    const longest = version === 1 ? 16384 : 65535
    assert.is(
      codeOf(() => hear(forged(version).server, u16(longest))),
      'none',
    )
    if (version === 1) {
      for (const length of [16385, 40000, 65535]) {
        assert.is(
          codeOf(() => hear(forged(1).server, u16(length))),
          'PEER_TOO_LONG',
        )
      }
    }
  })

  test(`v${version}: records of the longest and shortest kind are taken`, () => {
    const { server, seal } = forged(version)
    const most = version === 1 ? 16384 - 19 - 3 : 65535 - 18 - 3
    const data = sodium.randombytes_buf(most)
    assert.ok(hear(server, seal(plaintext(3 + most, 0, data))).data.equals(data))
    assert.equal(hear(server, seal(plaintext(3, 0))).events, [])
  })

  test(`v${version}: sizes, types, flags and padding that the protocol forbids`, () => {
    const data = Buffer.from('never delivered')
    const bad: [string, Uint8Array][] = [
      ['size 1', plaintext(1, 0, data)],
      ['size 2', plaintext(2, 0, data)],
      ['size past the end', plaintext(4 + data.length, 0, data)],
      ['size far past the end', plaintext(65535, 0, data)],
      ['padding in the first byte', Buffer.concat([plaintext(3, 0), Uint8Array.of(1, 0, 0)])],
      ['padding in the last byte', Buffer.concat([plaintext(3, 0), new Uint8Array(100), Uint8Array.of(1)])],
      ['an alert without a code', plaintext(3, 1)],
      ['an alert with half a code', plaintext(4, 1, Uint8Array.of(1))],
      ...Array.from({ length: 13 }, (_, at): [string, Uint8Array] => [
        `type ${at + 3}`,
        plaintext(3 + data.length, at + 3, data),
      ]),
    ]
    if (version === 2) {
      bad.push(['size 0', plaintext(0, 0, data)])
      bad.push(['the reserved flag', plaintext(3 + data.length, FLAG.reserved, data)])
      bad.push(['control without a code', plaintext(3, 2)])
    } else {
      bad.push(['size 0 with data', plaintext(0, 0, data)])
      bad.push(['control', plaintext(5, 2, Uint8Array.of(1, 0))])
      for (const flag of [FLAG.final, FLAG.endOfMessage, FLAG.rekey, FLAG.reserved]) {
        bad.push([`flag ${flag}`, plaintext(3 + data.length, flag, data)])
      }
    }
    for (const [name, plain] of bad) {
      const { server, seal } = forged(version)
      const heard: Heard = { data: Buffer.alloc(0), messages: [], events: [] }
      const wire = Buffer.concat([
        seal(plaintext(6, 0, Buffer.from('yes'))),
        seal(plain),
        seal(plaintext(5, 0, Buffer.from('no'))),
      ])
      assert.is(
        codeOf(() => hearInto(heard, server, wire)),
        'PEER_MALFORMED',
        name,
      )
      assert.is(String(heard.data), 'yes', name)
    }
  })

  test(`v${version}: nothing follows a final record or an alert`, () => {
    for (const [name, ending] of [
      ['final', version === 1 ? emptyPlaintext() : plaintext(3, FLAG.final)],
      ['alert', plaintext(5, 1, Uint8Array.of(1, 0))],
    ] as const) {
      for (const behind of [Uint8Array.of(0), new Uint8Array(100)]) {
        const { server, seal } = forged(version)
        const heard: Heard = { data: Buffer.alloc(0), messages: [], events: [] }
        const wire = Buffer.concat([seal(ending, name === 'final' ? TAG.FINAL : TAG.MESSAGE), behind])
        assert.is(
          codeOf(() => hearInto(heard, server, wire)),
          'PEER_AFTER_END',
          name,
        )
        assert.is(heard.events.at(-1), name === 'final' ? 'end' : 'alert', 'the ending itself is reported first')
      }
    }
  })

  test(`v${version}: random bytes in random pieces, and random changes, never trap`, () => {
    for (let round = 0; round < 300; round++) {
      const outcome = converse(version, message => (sodium.randombytes_uniform(3) ? message : mangle(message)))
      for (const code of outcome.errors) assert.match(code, /^(PEER_|USE_NOT_CONNECTED)/)
      assert.ok([REQUEST, ''].includes(outcome.request) && [REPLY, ''].includes(outcome.reply))
    }
  })
}

test('v1: a final tag on a record with data is refused', () => {
  const { server, seal } = forged(1)
  assert.is(
    codeOf(() => hear(server, seal(plaintext(4, 0, Uint8Array.of(1)), TAG.FINAL))),
    'PEER_MALFORMED',
  )
})

test('v1: a tag that is none of the four is refused, whatever bits it has', () => {
  for (const tag of [4, 5, 6, 7, 8, 0x40, 0x80, 0xff]) {
    const { server, seal } = forged(1)
    for (const plain of [plaintext(4, 0, Uint8Array.of(1)), emptyPlaintext()]) {
      assert.is(
        codeOf(() => hear(server, seal(plain, tag))),
        'PEER_MALFORMED',
        `tag ${tag}`,
      )
    }
  }
})

test('v2: a final record may carry data and end a message', () => {
  const { server, seal } = forged(2)
  const heard = hear(server, seal(plaintext(7, FLAG.final | FLAG.endOfMessage, Buffer.from('last'))))
  assert.equal(heard.messages.map(String), ['last'])
  assert.equal(heard.events, ['message', 'end'])
})

test('v2: a control record may be final; the end waits behind it', () => {
  const { server, seal } = forged(2)
  const heard = hear(
    server,
    Buffer.concat([seal(plaintext(4, 0, Buffer.from('x'))), seal(plaintext(5, 2 | FLAG.final, Uint8Array.of(9, 0)))]),
  )
  assert.equal(heard.events, ['data', 'control', 'end'])
})

test('v2: keys with a zero secret, and ML-KEM keys out of range, are refused', () => {
  const { client, server } = newPair(2)
  const hello = takeAll(client)
  hello.fill(0, 4, 36)
  assert.is(
    codeOf(() => server.receive(hello)),
    'PEER_WEAK_KEY',
  )
  const kem = newPair(2)
  const wide = takeAll(kem.client)
  wide.fill(0xff, 36, 36 + 1184)
  assert.is(
    codeOf(() => kem.server.receive(wide)),
    'PEER_WEAK_KEY',
  )
})

/** An engine that awaits the message of this index, and that message. */
function receiverOf(version: 1 | 2, index: 0 | 1 | 2): { engine: Engine; message: Uint8Array; close(): void } {
  const { client, server } = newPair(version, { strangers: 'answer' })
  const close = () => {
    client.close()
    server.close()
  }
  const hello = takeAll(client)
  if (index === 0) return { engine: server, message: hello, close }
  server.receive(hello)
  const challenge = takeAll(server)
  if (index === 1) return { engine: client, message: challenge, close }
  client.receive(challenge)
  return { engine: server, message: client.take(), close }
}

/** Version 1 with the client's stream header still to be sent. */
function freshVersion1() {
  const { client, server } = newPair(1)
  server.receive(takeAll(client))
  client.receive(takeAll(server))
  client.advance()
  server.receive(client.take())
  server.advance()
  return { client, server }
}

/** A server's engine, and a writer of the second implementation that has the client's key: it seals whatever it is told. */
function forged(version: 1 | 2): { server: Engine; seal(plain: Uint8Array, tag?: number): Uint8Array } {
  const lines: string[] = []
  const server = Engine.server(core, { keyPair: serverKeys, versions: [version], onKeys: line => lines.push(line) })
  const client = Engine.client(core, { keyPair: clientKeys, version, serverKey: serverKeys.publicKey })
  server.receive(takeAll(client))
  client.receive(takeAll(server))
  client.advance()
  server.receive(client.take())
  server.advance()
  const key = bytes(lines[0]?.split(' ')[2] ?? '')
  if (version === 2) {
    const writer = new Writer2(key)
    return { server, seal: plain => writer.seal(plain) }
  }
  const writer = new Writer1(key, length => sodium.randombytes_buf(length))
  hear(server, writer.header)
  return { server, seal: (plain, tag = TAG.MESSAGE) => writer.seal(plain, tag) }
}

function plaintext(size: number, type: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  return Buffer.concat([u16(size), Uint8Array.of(type), data])
}

/** Version 1's record of size 0. */
function emptyPlaintext(): Uint8Array {
  return u16(0)
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8)
}

function mangle(message: Uint8Array): Uint8Array {
  const changed = Buffer.from(message)
  switch (sodium.randombytes_uniform(5)) {
    case 0:
      return changed.subarray(0, sodium.randombytes_uniform(changed.length + 1))
    case 1:
      return Buffer.concat([changed, sodium.randombytes_buf(1 + sodium.randombytes_uniform(2000))])
    case 2:
      return Buffer.concat([changed, changed])
    case 3:
      return Buffer.from(sodium.randombytes_buf(changed.length))
    default:
      for (let at = 0; at < changed.length; at += 1 + sodium.randombytes_uniform(changed.length))
        changed[at] = sodium.randombytes_uniform(256)
      return changed
  }
}

test.run()
