// One end of a channel without I/O.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { forgeHello2, forgeReject1 } from '../peer/forger.js'
import { keyPairOf, systemRandom } from '../peer/primitives.js'
import { asSent } from '../support/alerts.js'
import {
  clientKeys,
  codeOf,
  connectedPair,
  freshCore,
  handshake,
  hear,
  LIMITS,
  newPair,
  serverKeys,
  takeAll,
  writeAll,
} from '../support/engines.js'

const VERSIONS = [1, 2] as const
// The most that one record carries, by default.

for (const version of VERSIONS) {
  test(`v${version}: both ends know each other, and the session`, () => {
    const { client, server } = connectedPair(version)
    assert.equal(client.remotePublicKey, serverKeys.publicKey)
    assert.equal(server.remotePublicKey, clientKeys.publicKey)
    assert.is(client.version, version)
    assert.is(server.version, version)
    assert.equal(client.handshakeHash, server.handshakeHash)
    assert.is(client.handshakeHash?.length, version === 2 ? 32 : undefined)
  })

  test(`v${version}: sizes around the limit, both ways`, () => {
    const limit = LIMITS[version]
    const { client, server } = connectedPair(version)
    for (const size of [0, 1, limit - 1, limit, limit + 1, 2 * limit, 1024 * 1024 + 7]) {
      const data = pattern(size)
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        const heard: Buffer[] = []
        writeAll(from, data, bytes => heard.push(hear(to, bytes).data))
        assert.ok(Buffer.concat(heard).equals(data), `${size} bytes`)
      }
    }
  })

  test(`v${version}: input one byte at a time`, () => {
    const { client, server } = newPair(version)
    const byByte = (to: Engine, bytes: Uint8Array) => hear(to, bytes, 1)
    byByte(server, takeAll(client))
    assert.equal(byByte(client, takeAll(server)).events, ['connected'])
    assert.equal(byByte(server, takeAll(client)).events, ['connected'])
    const data = pattern(LIMITS[version] + 100)
    writeAll(client, data, bytes => assert.ok(data.includes(byByte(server, bytes).data)))
    byByte(client, takeAll(server))
    server.write(Buffer.from('last'))
    server.end()
    const heard = byByte(client, takeAll(server))
    assert.is(String(heard.data), 'last')
    assert.is(heard.events.at(-1), 'end')
  })

  test(`v${version}: everything at once, with the next message behind it`, () => {
    const { client, server } = newPair(version)
    server.receive(takeAll(client))
    client.receive(takeAll(server))
    assert.is(client.advance(), 'connected')
    client.write(Buffer.from('first'))
    client.write(Buffer.from('second'), 0, true)
    client.keepAlive()
    client.write(Buffer.from('third'))
    client.end()
    const heard = hear(server, takeAll(client))
    assert.is(heard.events[0], 'connected')
    assert.is(String(heard.data), 'firstsecondthird')
    assert.equal(heard.messages.map(String), ['firstsecond'])
    assert.is(heard.events.at(-1), 'end')
  })

  test(`v${version}: one direction ends, the other goes on`, () => {
    const { client, server } = connectedPair(version)
    client.write(Buffer.from('before'))
    client.end()
    assert.ok(client.writeEnded)
    const heard = hear(server, takeAll(client))
    assert.equal(heard.events, ['data', 'end'])
    assert.ok(server.readEnded)
    assert.is(
      codeOf(() => client.write(Buffer.from('more'))),
      'USE_CLOSED',
    )
    assert.is(
      codeOf(() => client.end()),
      'USE_CLOSED',
    )
    server.write(Buffer.from('after'))
    server.end()
    assert.is(String(hear(client, takeAll(server)).data), 'after')
  })

  test(`v${version}: a link that ends is an end only where the end was authenticated`, () => {
    const ended = connectedPair(version)
    ended.client.end()
    hear(ended.server, takeAll(ended.client))
    ended.server.receiveEnd()
    assert.is(ended.server.advance(), 'idle')

    const cut = connectedPair(version)
    cut.client.write(Buffer.from('all of it?'))
    assert.is(String(hear(cut.server, takeAll(cut.client)).data), 'all of it?')
    cut.server.receiveEnd()
    assert.is(
      codeOf(() => cut.server.advance()),
      'LINK_TRUNCATED',
    )
    assert.is(
      codeOf(() => cut.server.advance()),
      'LINK_TRUNCATED',
      'the first error sticks',
    )

    const early = newPair(version)
    early.server.receive(takeAll(early.client))
    early.server.receiveEnd()
    assert.is(
      codeOf(() => early.server.advance()),
      'LINK_CLOSED',
    )
  })

  test(`v${version}: an alert comes behind the data, with its code and text, and ends its direction`, () => {
    const { client, server } = connectedPair(version)
    server.write(Buffer.from('goodbye'))
    server.alert(4, 'shutting down — später')
    const heard = hear(client, takeAll(server))
    assert.is(String(heard.data), 'goodbye')
    assert.equal(heard.events, ['data', 'alert'])
    assert.equal(client.alertReceived, asSent(version, 4, 'shutting down — später'))
    assert.is(
      codeOf(() => server.write(Buffer.from('more'))),
      'USE_CLOSED',
    )
    assert.is(
      codeOf(() => server.keepAlive()),
      'USE_CLOSED',
    )
    client.receiveEnd()
    assert.is(client.advance(), 'idle', 'what ended with an alert was not cut short')
    client.write(Buffer.from('still here'))
    assert.is(String(hear(server, takeAll(client)).data), 'still here')
  })

  test(`v${version}: an unknown alert code; a long text is cut between characters`, () => {
    const { client, server } = connectedPair(version)
    client.alert(65535, 'é'.repeat(70000))
    hear(server, takeAll(client))
    const { code, text } = asSent(version, 65535, 'é')
    assert.is(server.alertReceived?.code, code)
    assert.ok(server.alertReceived?.text.startsWith(text))
    assert.match(server.alertReceived?.text ?? '', /é+$/)
  })

  test(`v${version}: messages keep their bounds, whatever their size; an empty one too`, () => {
    const { client, server } = connectedPair(version)
    const messages = [pattern(3), pattern(0), pattern(100_000), pattern(0), pattern(LIMITS[version])]
    const wire: Uint8Array[] = []
    for (const message of messages) writeAll(client, message, bytes => wire.push(bytes), true)
    const heard = hear(server, Buffer.concat(wire))
    assert.is(heard.messages.length, messages.length)
    for (const [at, message] of messages.entries()) assert.ok(heard.messages[at]?.equals(message), `message ${at}`)
  })

  test(`v${version}: keep-alives are never seen`, () => {
    const { client, server } = connectedPair(version)
    for (let at = 0; at < 5; at++) client.keepAlive()
    const bytes = takeAll(client)
    assert.is(bytes.length, 5 * 21)
    assert.equal(hear(server, bytes).events, [])
  })

  test(`v${version}: padding hides sizes, and is taken off`, () => {
    for (const [padding, expected] of [
      [{ block: 256 }, [256, 256, 512]],
      ['full', version === 1 ? [8192, 8192, 8192] : [16405, 16405, 16405]],
    ] as const) {
      const { client, server } = connectedPair(version, { padding })
      const lengths = [1, 200, 300].map(size => {
        client.write(pattern(size))
        const bytes = takeAll(client)
        assert.ok(hear(server, bytes).data.equals(pattern(size)))
        return bytes.length
      })
      assert.equal(lengths, expected)
      client.keepAlive()
      client.end()
      const [keepAlive, end] = [client.take(), client.take()]
      const total = keepAlive.length + end.length
      assert.is(total, 2 * (expected[0] ?? 0), 'control records are as long as any other')
      assert.is(hear(server, Buffer.concat([keepAlive, end])).events.at(-1), 'end')
    }
  })

  test(`v${version}: padding never splits what fits, and bulk still flows`, () => {
    for (const padding of [{ block: 1 }, { block: 21 }, { block: 1000 }, { block: 8192 }, 'full'] as const) {
      const { client, server } = connectedPair(version, { padding })
      const data = pattern(300_001)
      const heard: Buffer[] = []
      writeAll(client, data, bytes => heard.push(hear(server, bytes).data))
      assert.ok(Buffer.concat(heard).equals(data), JSON.stringify(padding))
    }
  })

  test(`v${version}: the key turns over by itself and when asked, and nothing is lost`, () => {
    const { client, server } = connectedPair(version, { rekeyAfter: 20_000 })
    const data = pattern(1_000_003)
    const heard: Buffer[] = []
    writeAll(client, data, bytes => heard.push(hear(server, bytes).data))
    client.rekey()
    client.rekey()
    client.write(Buffer.from('!'))
    heard.push(hear(server, takeAll(client)).data)
    assert.ok(Buffer.concat(heard).equals(Buffer.concat([data, Buffer.from('!')])))
  })

  test(`v${version}: messages alone turn the key over too`, () => {
    const { client, server } = connectedPair(version, { rekeyAfter: 1 })
    for (let at = 0; at < 100; at++) {
      client.write(Buffer.from(`message ${at}`), 0, true)
      assert.equal(hear(server, takeAll(client)).messages.map(String), [`message ${at}`])
    }
  })

  test(`v${version}: a write of which the carrier takes a part has the rest of itself left, and no more`, () => {
    // Version 1 has its response, its stream header and each record in a write of its own; version 2 has no such parts.
    const { client, server } = newPair(version)
    server.receive(takeAll(client))
    client.receive(takeAll(server))
    client.advance()
    client.write(new Uint8Array(1000))
    client.write(new Uint8Array(10))
    const writes = version === 1 ? [144, 24, 1022, 32] : [144 + 1021 + 31]
    for (const [at, length] of writes.entries()) {
      for (let left = length; left > 0; left -= Math.min(7, left)) {
        assert.is(client.sendWindow().length, left, `write ${at}`)
        client.sent(Math.min(7, left))
      }
    }
    assert.is(client.sendWindow().length, 0)
    client.close()
    server.close()
  })

  test(`v${version}: zero-copy calls and copying calls say the same`, () => {
    const { client, server } = connectedPair(version)
    const window = client.writeWindow()
    assert.is(window.length, LIMITS[version])
    window.set(Buffer.from('in place'))
    client.wrote(8)
    const sending = client.sendWindow()
    const receiving = server.receiveWindow()
    receiving.set(sending)
    server.received(sending.length)
    client.sent(sending.length)
    assert.is(client.sendWindow().length, 0)
    assert.is(server.advance(), 'data')
    assert.is(String(Buffer.from(server.dataWindow())), 'in place')
    server.consume(3)
    assert.is(server.advance(), 'data', 'what was not consumed is still there')
    assert.is(String(Buffer.from(server.readData())), 'place')
    assert.is(server.advance(), 'idle')
    assert.is(
      codeOf(() => server.consume(1)),
      'USE_BAD_OPTION',
    )
    assert.is(
      codeOf(() => client.sent(1)),
      'USE_BAD_OPTION',
    )
    assert.is(
      codeOf(() => client.wrote(LIMITS[version] + 1)),
      'USE_BAD_OPTION',
    )
  })

  test(`v${version}: a full send window says so, and nothing is lost`, () => {
    const { client, server } = connectedPair(version)
    const data = pattern(200_000)
    const took = client.write(data)
    assert.ok(took > 0 && took < data.length)
    assert.is(client.write(data, took), 0)
    while (codeOf(() => client.keepAlive()) === 'none');
    assert.is(
      codeOf(() => client.end()),
      'USE_SEND_FULL',
    )
    assert.ok(hear(server, takeAll(client)).data.equals(data.subarray(0, took)))
    client.end()
    assert.is(hear(server, takeAll(client)).events.at(-1), 'end')
  })

  test(`v${version}: an idle channel holds no record buffer`, () => {
    const core = freshCore()
    const { client, server } = connectedPair(version, { core })
    writeAll(client, pattern(100_000), bytes => hear(server, bytes))
    assert.is(core.buffersInUse, 0)
    client.close()
    server.close()
    assert.is(core.bytesInUse, 0)
  })

  test(`v${version}: a middlebox can stand in the address, and strangers be ignored`, () => {
    const middlebox = clientKeys.publicKey
    handshake(newPair(version, { middleboxKey: middlebox, strangers: 'answer' }))
    const strict = newPair(version, { middleboxKey: middlebox, strangers: 'ignore' })
    assert.is(
      codeOf(() => strict.server.receive(takeAll(strict.client))),
      'PEER_NOT_ADDRESSED',
    )
    assert.is(takeAll(strict.server).length, 0, 'not a byte in answer')
    handshake(newPair(version, { strangers: 'ignore' }))
  })

  test(`v${version}: the key log has the keys of both directions, under the client’s session key`, () => {
    const lines: string[] = []
    const pair = newPair(version, { onKeys: line => lines.push(line) })
    const hello = takeAll(pair.client)
    pair.server.receive(hello)
    pair.client.receive(takeAll(pair.server))
    pair.server.receive(takeAll(pair.client))
    const session = Buffer.from(hello.subarray(4, 36)).toString('hex')
    assert.is(lines.length, 4)
    assert.equal(lines.slice(0, 2), lines.slice(2), 'both ends log the same')
    assert.match(lines[0] ?? '', new RegExp(`^NOPKI${version}_CLIENT_TO_SERVER ${session} [0-9a-f]{64}$`))
    assert.match(lines[1] ?? '', new RegExp(`^NOPKI${version}_SERVER_TO_CLIENT ${session} [0-9a-f]{64}$`))
  })

  test(`v${version}: calls before the handshake is over, and after close, say so`, () => {
    const { client } = newPair(version)
    for (const call of [
      () => client.write(Buffer.from('x')),
      () => client.end(),
      () => client.alert(1, ''),
      () => client.keepAlive(),
      () => client.rekey(),
      () => client.remotePublicKey,
      () => client.handshakeHash,
      () => client.exportKey('label'),
    ]) {
      assert.is(codeOf(call), 'USE_NOT_CONNECTED', String(call))
    }
    client.close()
    client.close()
    for (const call of [
      () => client.advance(),
      () => client.receive(new Uint8Array(1)),
      () => client.take(),
      () => client.version,
    ]) {
      assert.is(codeOf(call), 'USE_CLOSED', String(call))
    }
  })

  test(`v${version}: wrong pins and wrong servers`, () => {
    const other = newPair(version, { serverKey: clientKeys.publicKey, strangers: 'answer' })
    other.server.receive(takeAll(other.client))
    assert.is(
      codeOf(() => other.client.receive(takeAll(other.server))),
      'PEER_KEY_MISMATCH',
    )
    // Addressed to this server, but asking for another.
    const lost = newPair(version, { serverKey: clientKeys.publicKey, middleboxKey: serverKeys.publicKey })
    assert.is(
      codeOf(() => lost.server.receive(takeAll(lost.client))),
      'PEER_EXPECTED_OTHER',
    )
    const answer = takeAll(lost.server)
    assert.is(answer.length, version === 2 ? 76 : 0)
    if (version === 2)
      assert.is(
        codeOf(() => lost.client.receive(answer)),
        'PEER_REJECTED',
      )
  })

  test(`v${version}: an unpinned client learns who answers`, () => {
    const core = freshCore()
    const pair = {
      client: Engine.client(core, { keyPair: clientKeys, serverKey: 'any', version }),
      server: Engine.server(core, { keyPair: serverKeys, versions: [1, 2], strangers: 'answer' }),
    }
    handshake(pair)
    assert.equal(pair.client.remotePublicKey, serverKeys.publicKey)
  })
}

test('v2: control records arrive between data, in order; version 1 has none', () => {
  const { client, server } = connectedPair(2)
  client.write(Buffer.from('a'))
  client.control(7, Buffer.from('payload'))
  client.write(Buffer.from('b'))
  server.receive(takeAll(client))
  assert.is(server.advance(), 'data')
  assert.is(String(Buffer.from(server.readData())), 'a')
  assert.is(server.advance(), 'control')
  assert.is(server.controlReceived?.code, 7)
  assert.is(String(Buffer.from(server.controlReceived?.payload ?? [])), 'payload')
  assert.is(server.advance(), 'data')
  assert.is(String(Buffer.from(server.readData())), 'b')
  assert.is(
    codeOf(() => connectedPair(1).client.control(7)),
    'USE_VERSION',
  )
})

test('v2: the exporter gives both ends the same, and every label, context and length something else', () => {
  const { client, server } = connectedPair(2)
  const seen = new Set<string>()
  for (const [label, context, length] of [
    ['a', '', 32],
    ['b', '', 32],
    ['a', 'b', 32],
    ['ab', '', 32],
    ['a', '', 64],
    ['a', '', 16],
  ] as const) {
    const key = client.exportKey(label, context, length)
    assert.is(key.length, length)
    assert.equal(key, server.exportKey(label, Buffer.from(context), length))
    seen.add(Buffer.from(key).toString('hex').slice(0, 32))
  }
  assert.is(seen.size, 6)
  const other = connectedPair(2)
  assert.not.equal(other.client.exportKey('a'), client.exportKey('a'))
  assert.is(
    codeOf(() => client.exportKey('')),
    'USE_BAD_OPTION',
  )
  for (const label of [new Uint8Array(4), 1, undefined, null]) {
    assert.is(
      codeOf(() => client.exportKey(label as never)),
      'USE_BAD_OPTION',
    )
  }
  assert.is(
    codeOf(() => client.exportKey('a', '', 15)),
    'USE_BAD_OPTION',
  )
  assert.is(
    codeOf(() => client.exportKey('a', '', 65)),
    'USE_BAD_OPTION',
  )
  assert.is(
    codeOf(() => client.exportKey('x'.repeat(256))),
    'USE_BAD_OPTION',
  )
  assert.is(
    codeOf(() => connectedPair(1).client.exportKey('a')),
    'USE_VERSION',
  )
})

test('v2: the two ends have to agree on the context', () => {
  handshake(newPair(2, { context: 'orders/1' }))
  handshake(newPair(1, { context: '' }))
  const pair = newPair(2, { context: 'orders/1' })
  const server = Engine.server(freshCore(), { keyPair: serverKeys, context: 'orders/2' })
  server.receive(takeAll(pair.client))
  assert.is(
    codeOf(() => pair.client.receive(takeAll(server))),
    'PEER_KEY_UNREADABLE',
  )
  assert.is(takeAll(pair.client).length, 0, 'the client says nothing more')
})

test('v1: a close without an end can be told to pass, but not in the middle of a record', () => {
  const { client, server } = connectedPair(1, { allowTruncation: true })
  client.write(Buffer.from('whole'))
  assert.is(String(hear(server, takeAll(client)).data), 'whole')
  client.write(Buffer.from('cut'))
  server.receive(takeAll(client).subarray(0, 20))
  server.receiveEnd()
  assert.is(
    codeOf(() => hear(server)),
    'LINK_TRUNCATED',
  )

  const passing = connectedPair(1, { allowTruncation: true })
  hear(passing.server, takeAll(passing.client))
  passing.server.receiveEnd()
  assert.is(passing.server.advance(), 'end')
  assert.is(passing.server.advance(), 'idle')
})

test('v1: a link that has failed is no end, even where a close may pass for one', () => {
  const { client, server } = connectedPair(1, { allowTruncation: true })
  client.write(Buffer.from('whole'))
  assert.is(String(hear(server, takeAll(client)).data), 'whole')
  server.receiveEnd(false)
  assert.is(
    codeOf(() => server.advance()),
    'LINK_TRUNCATED',
  )
})

test('a server says which versions it serves, and an addressed client of version 2 learns it', () => {
  const pair = newPair(2, { versions: [1] })
  assert.is(
    codeOf(() => pair.server.receive(takeAll(pair.client))),
    'PEER_VERSION_NOT_SERVED',
  )
  assert.is(
    codeOf(() => pair.client.receive(takeAll(pair.server))),
    'PEER_REJECTED',
  )
  const stranger = newPair(2, { versions: [1], middleboxKey: clientKeys.publicKey })
  assert.is(
    codeOf(() => stranger.server.receive(takeAll(stranger.client))),
    'PEER_VERSION_NOT_SERVED',
  )
  assert.is(takeAll(stranger.server).length, 0)
  const old = newPair(1, { versions: [2] })
  assert.is(
    codeOf(() => old.server.receive(takeAll(old.client))),
    'PEER_VERSION_NOT_SERVED',
  )
})

test('who knows no key is answered by version 2, and by version 1 if it is asked for', () => {
  const answered = (version: 1 | 2, strangers?: 'answer' | 'ignore') => {
    const options = { keyPair: serverKeys, versions: [1, 2] as (1 | 2)[], ...(strangers && { strangers }) }
    const server = Engine.server(freshCore(), options)
    const code = codeOf(() =>
      server.receive(takeAll(Engine.client(freshCore(), { keyPair: clientKeys, version, serverKey: 'any' }))),
    )
    assert.is(takeAll(server).length > 0, code === 'none')
    return code
  }
  assert.is(answered(2), 'none')
  assert.is(answered(1), 'PEER_NOT_ADDRESSED')
  for (const version of VERSIONS) {
    assert.is(answered(version, 'answer'), 'none')
    assert.is(answered(version, 'ignore'), 'PEER_NOT_ADDRESSED')
  }
})

// So did version 2 before its boxes had keys of their own: whoever still does is told so.
test('v2: a hello or a reject whose box is sealed as in version 1 is nobody’s', () => {
  const client = { longTerm: keyPairOf(clientKeys.secretKey), serverKey: serverKeys.publicKey, random: systemRandom }
  const { hello } = forgeHello2(client)
  const strict = newPair(2, { strangers: 'ignore' }).server
  assert.is(
    codeOf(() => strict.receive(hello)),
    'PEER_NOT_ADDRESSED',
  )
  const rejected = newPair(2).client
  const reject = forgeReject1(rejected.take(), 1, { longTerm: keyPairOf(serverKeys.secretKey), random: systemRandom })
  assert.is(
    codeOf(() => rejected.receive(reject)),
    'PEER_REJECT_UNVERIFIED',
  )
})

test('wrong options are named', () => {
  const core = freshCore()
  const half = { secretKey: clientKeys.secretKey, publicKey: serverKeys.publicKey }
  // biome-ignore lint/suspicious/noExplicitAny: what a caller without types may give
  const server = (options: any) => codeOf(() => Engine.server(core, { keyPair: serverKeys, ...options }))
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const client = (options: any) =>
    codeOf(() => Engine.client(core, { keyPair: clientKeys, serverKey: 'any', ...options }))
  assert.is(server({ keyPair: half }), 'USE_BAD_KEY')
  assert.is(server({ keyPair: undefined }), 'USE_BAD_KEY')
  assert.is(client({ serverKey: 'pk_x' }), 'USE_BAD_KEY')
  assert.is(client({ serverKey: new Uint8Array(31) }), 'USE_BAD_KEY')
  assert.is(client({ serverKey: new Uint8Array(32) }), 'USE_BAD_KEY')
  assert.is(client({ middleboxKey: null }), 'USE_BAD_KEY')
  assert.is(client({ version: 3 }), 'USE_BAD_OPTION')
  assert.is(client({ context: 5 }), 'USE_BAD_OPTION')
  for (const context of ['x', Uint8Array.of(0)]) {
    assert.is(client({ context, version: 1 }), 'USE_BAD_OPTION', 'version 1 would walk past it')
    assert.is(server({ context, versions: [1, 2] }), 'USE_BAD_OPTION')
    assert.is(server({ context, versions: [1] }), 'USE_BAD_OPTION')
  }
  assert.is(client({ padding: { block: 0 } }), 'USE_BAD_OPTION')
  assert.is(client({ padding: 'some' }), 'USE_BAD_OPTION')
  assert.is(client({ rekeyAfter: 2 ** 30 + 1 }), 'USE_BAD_OPTION')
  assert.is(client({ maxRecord: 10 }), 'USE_BAD_OPTION')
  assert.is(client({ onKeys: 'file' }), 'USE_BAD_OPTION')
  assert.is(server({ versions: [] }), 'USE_BAD_OPTION')
  assert.is(server({ versions: [2, 3] }), 'USE_BAD_OPTION')
  assert.is(server({ strangers: 'shoot' }), 'USE_BAD_OPTION')
  assert.is(core.bytesInUse, 0)
})

function pattern(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) & 0xff))
}

test('a key pair is multiplied out once, and again if it is another one by then', () => {
  let own = 0
  const core = freshCore()
  const { derivePublicKey } = core.exports
  core.exports.derivePublicKey = pair => {
    own += 1
    derivePublicKey(pair)
  }
  const keyPair = { ...clientKeys }
  const open = () => Engine.client(core, { keyPair, serverKey: serverKeys.publicKey }).close()
  for (let times = 0; times < 3; times++) open()
  assert.is(own, 1)
  keyPair.secretKey = serverKeys.secretKey.slice()
  assert.is(codeOf(open), 'USE_BAD_KEY')
  keyPair.publicKey = serverKeys.publicKey.slice()
  open()
  assert.is(own, 3)
  keyPair.secretKey.fill(0)
  assert.is(codeOf(open), 'USE_BAD_KEY')
})

test.run()
