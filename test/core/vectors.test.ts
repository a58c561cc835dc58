// Every conversation of test/vectors/channel.json, byte for byte, through channel.wasm on both sides.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Core } from '../../src/wasm/instance.js'
import {
  EVENT_ALERT,
  EVENT_CONTROL,
  EVENT_DATA,
  EVENT_END,
  EVENT_MESSAGE,
  EVENT_NONE,
  EVENT_PROVED,
  OPTION_MIDDLEBOX_KEY,
  OPTION_SERVER_KEY,
  ROLE_CLIENT,
  ROLE_SERVER,
  SERVES_1,
  SERVES_2,
} from '../../src/wire/abi.js'
import { STATUS_EXPECTED_OTHER, STATUS_REJECTED, STATUS_VERSION_REFUSED } from '../../src/wire/status.js'
import { FLAG_FINAL, FLAG_MESSAGE_END, FLAG_REKEY, TYPE_ALERT, TYPE_CONTROL, TYPE_DATA } from '../../src/wire/stream.js'
import { keyPairOf } from '../peer/primitives.js'
import { bytes, hex, type Vector, type VectorRecord, type VectorReject, vectors } from '../peer/vectors.js'
import { AbiChannel } from '../support/abi.js'
import { freshCore } from '../support/engines.js'

interface Scripted {
  core: Core
  left(): number
}

for (const vector of vectors) {
  test(`${vector.name}: handshake and stream, both sides`, () => {
    const client = scripted(vector.client.draws)
    const server = scripted(vector.server.draws)
    const ends = [clientOf(vector, client.core), serverOf(vector, server.core)] as const
    shakeHands(vector, ...ends)
    converse(vector, ...ends)
    assert.is(client.left(), 0, 'every draw of the client was taken')
    assert.is(server.left(), 0, 'every draw of the server was taken')
  })

  for (const reject of vector.rejects ?? []) {
    test(`${vector.name}: the client believes a reject with code ${reject.code}`, () => {
      const client = clientOf(vector, scripted(vector.client.draws).core)
      client.take()
      assert.is(client.give(bytes(reject.wire)), STATUS_REJECTED)
      assert.is(client.core.exports.rejectCode(client.pointer), reject.code)
    })
  }
}

test('v2 middlebox: whoever opens the hello, and is not named in it, rejects it with code 1', () => {
  const vector = vectors.find(it => it.name === 'v2 middlebox')!
  rejects(vector, vector.rejects![0]!, vector.middlebox!.longTermSecretKey, SERVES_2, STATUS_EXPECTED_OTHER)
})

for (const name of ['v2 pinned', 'v2 context']) {
  test(`${name}: a server of version 1 alone rejects it with code 4`, () => {
    const vector = vectors.find(it => it.name === name)!
    rejects(vector, vector.rejects![3]!, vector.server.longTermSecretKey, SERVES_1, STATUS_VERSION_REFUSED)
  })
}

/** That a server with this key answers the vector's hello with this reject, byte for byte. */
function rejects(
  { hello, context }: Vector,
  { wire, nonce }: VectorReject,
  secretKey: string,
  versions: number,
  status: number,
): void {
  const { core, left } = scripted([nonce])
  const longTerm = keyPairOf(bytes(secretKey))
  const server = new AbiChannel(core, { role: ROLE_SERVER, versions, options: 0, ...longTerm, context: bytes(context) })
  assert.is(server.give(bytes(hello)), status)
  assert.is(hex(server.take()), wire)
  assert.is(left(), 0)
}

function shakeHands(vector: Vector, client: AbiChannel, server: AbiChannel): void {
  const hello = client.take()
  assert.is(hex(hello), vector.hello)
  assert.is(server.give(hello), EVENT_NONE)
  const challenge = server.take()
  assert.is(hex(challenge), vector.challenge)
  assert.is(client.give(challenge), EVENT_PROVED)
  const response = client.take()
  assert.is(hex(response), vector.response)
  assert.is(server.give(response), EVENT_PROVED)
  for (const end of [client, server]) {
    const { core, pointer } = end
    const keys = core.exports.sessionKeys(pointer)
    assert.is(hex(core.view(keys, 32)), vector.keys.clientToServer)
    assert.is(hex(core.view(keys + 32, 32)), vector.keys.serverToClient)
    const peer = end === client ? vector.server : vector.client
    assert.is(hex(core.view(core.exports.peerKey(pointer), 32)), peer.longTermPublicKey)
    assert.is(core.exports.version(pointer), vector.version)
    if (vector.handshakeHash) assert.is(hex(core.view(core.exports.handshakeHash(pointer), 32)), vector.handshakeHash)
    if (vector.exported) assert.is(hex(exported(end, vector.exported)), vector.exported.key)
    core.exports.start(pointer)
  }
}

function converse(vector: Vector, client: AbiChannel, server: AbiChannel): void {
  if (vector.version === 1) {
    const [clientHeader, serverHeader] = [client.take(), server.take()]
    assert.is(hex(clientHeader), vector.clientHeader)
    assert.is(hex(serverHeader), vector.serverHeader)
    server.give(clientHeader)
    client.give(serverHeader)
  }
  for (const record of vector.clientRecords) send(record, client, server)
  for (const record of vector.serverRecords) send(record, server, client)
}

function send(record: VectorRecord, from: AbiChannel, to: AbiChannel): void {
  const { kind, data = '', code = 0, text = '', padding = 0, marks } = record
  const flags = (marks === 'rekey' ? FLAG_REKEY : 0) | (marks === 'end of message' ? FLAG_MESSAGE_END : 0)
  const block = padding ? bytes(record.wire).length : 0
  const codeAnd = (rest: Uint8Array) => Uint8Array.from([code & 0xff, code >> 8, ...rest])
  const payload =
    kind === 'alert' ? codeAnd(Buffer.from(text)) : kind === 'control' ? codeAnd(bytes(data)) : bytes(data)
  const types = {
    data: TYPE_DATA,
    keepalive: TYPE_DATA,
    final: TYPE_DATA | FLAG_FINAL,
    alert: TYPE_ALERT,
    control: TYPE_CONTROL,
  }
  assert.is(hex(from.seal(types[kind] | flags, payload, block)), record.wire, kind)

  to.give(bytes(record.wire))
  const events = {
    data: EVENT_DATA,
    keepalive: EVENT_NONE,
    final: EVENT_END,
    alert: EVENT_ALERT,
    control: EVENT_CONTROL,
  }
  const heard = to.read()
  assert.is(heard.event, marks === 'end of message' ? EVENT_MESSAGE : events[kind])
  assert.is(hex(heard.data), hex(payload))
}

function exported(
  { core, pointer }: AbiChannel,
  { label, context, length }: NonNullable<Vector['exported']>,
): Uint8Array {
  const input = Uint8Array.from([label.length, ...Buffer.from(label), ...bytes(context)])
  return core.lend(input.length + length, at => {
    core.bytes.set(input, at)
    core.exports.exportKey(pointer, at + input.length, length, at, input.length)
    return core.copy(at + input.length, length)
  })
}

function clientOf({ client, version, context }: Vector, core: Core): AbiChannel {
  return new AbiChannel(core, {
    role: ROLE_CLIENT,
    versions: version === 1 ? SERVES_1 : SERVES_2,
    options: (client.pinnedServerKey ? OPTION_SERVER_KEY : 0) | (client.middleboxKey ? OPTION_MIDDLEBOX_KEY : 0),
    secretKey: bytes(client.longTermSecretKey),
    publicKey: bytes(client.longTermPublicKey),
    serverKey: client.pinnedServerKey ? bytes(client.pinnedServerKey) : undefined,
    middleboxKey: client.middleboxKey ? bytes(client.middleboxKey) : undefined,
    context: bytes(context),
  })
}

function serverOf({ server, context }: Vector, core: Core): AbiChannel {
  return new AbiChannel(core, {
    role: ROLE_SERVER,
    versions: SERVES_1 | SERVES_2,
    options: 0,
    secretKey: bytes(server.longTermSecretKey),
    publicKey: bytes(server.longTermPublicKey),
    context: bytes(context),
  })
}

/** A core whose random source gives the vector's draws, in their order and sizes, and no others. */
function scripted(draws: string[]): Scripted {
  const left = draws.map(bytes)
  const core = freshCore(out => {
    const draw = left.shift()
    if (draw?.length !== out.length) throw new Error(`${out.length} bytes were drawn, not ${draw?.length}`)
    out.set(draw)
  })
  return { core, left: () => left.length }
}

test.run()
