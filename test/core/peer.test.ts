// The second implementation alone, against the vectors and against itself: what it is worth as an oracle.

import type { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Between, interposeVersion1, interposeVersion2 } from '../peer/attacker.js'
import { type Alter, converse, converse1, converse2 } from '../peer/converse.js'
import { forgeChallenge1, forgeChallenge2, forgeReject, forgeResponse1, forgeResponse2 } from '../peer/forger.js'
import {
  BadResponse,
  type ClientOptions,
  openHelloBox,
  REJECT,
  Refused,
  Rejected,
  readReject,
  type ServerOptions,
  type Version,
  writeReject,
} from '../peer/handshake.js'
import { socketPair } from '../peer/loopback.js'
import { concat, keyPairOf, scriptedRandom, sodium, systemRandom } from '../peer/primitives.js'
import { codeAnd, plaintextOf } from '../peer/record.js'
import { type AcceptOptions, acceptPeer, type ConnectOptions, connectPeer, type Peer } from '../peer/socket.js'
import { ByteSource } from '../peer/source.js'
import { createWriter, RecordReader } from '../peer/stream.js'
import { TAG, Writer1 } from '../peer/stream1.js'
import { FLAG, Writer2 } from '../peer/stream2.js'
import { exportKey } from '../peer/transcript.js'
import { bytes, checkRecord, hex, type Vector, type VectorRecord, vectors, writeVectorRecord } from '../peer/vectors.js'
import * as v1 from '../peer/version1.js'
import * as v2 from '../peer/version2.js'

const bytesOrNone = (text: string | null) => (text ? bytes(text) : undefined)

for (const vector of vectors) {
  const { client, server, middlebox, keys } = vector

  test(`${vector.name}: both sides, byte for byte`, () => {
    const clientRandom = scriptedRandom(client.draws.map(bytes))
    const serverRandom = scriptedRandom(server.draws.map(bytes))
    const context = bytes(vector.context)
    const { hello, challenge, response, clientEnd, serverEnd } = converse(
      vector.version,
      clientOf(vector, clientRandom),
      { longTerm: keyPairOf(bytes(server.longTermSecretKey)), context, random: serverRandom },
    )
    assert.is(hex(hello), vector.hello)
    assert.is(hex(challenge), vector.challenge)
    assert.is(hex(response), vector.response)
    assert.is(hex(clientEnd.remotePublicKey), server.longTermPublicKey)
    assert.is(hex(serverEnd.remotePublicKey), client.longTermPublicKey)
    for (const end of [clientEnd, serverEnd]) {
      assert.is(hex(end.clientToServer), keys.clientToServer)
      assert.is(hex(end.serverToClient), keys.serverToClient)
      assert.is(hex(end.handshakeHash), vector.handshakeHash)
      const { exported } = vector
      if (!exported) assert.is(end.exporterSecret, null)
      else
        assert.is(
          hex(exportKey(end.exporterSecret!, exported.label, bytes(exported.context), exported.length)),
          exported.key,
        )
    }
    assert.is(clientRandom.left(), vector.version === 1 ? 1 : 0)
    assert.is(serverRandom.left(), vector.version === 1 ? 1 : 0)
  })

  test(`${vector.name}: the records of both directions`, () => {
    checkRecords(vector, bytes(keys.clientToServer), client.draws, vector.clientHeader, vector.clientRecords)
    checkRecords(vector, bytes(keys.serverToClient), server.draws, vector.serverHeader, vector.serverRecords)
  })

  for (const { code, nonce, wire } of vector.rejects ?? []) {
    test(`${vector.name}: a reject with code ${code}`, () => {
      const addressed = keyPairOf(bytes((middlebox ?? server).longTermSecretKey))
      const random = scriptedRandom([bytes(nonce)])
      assert.is(hex(writeReject(bytes(vector.hello), code, { longTerm: addressed, random })), wire)
      const { state } = v2.writeHello2(clientOf(vector))
      assert.is(readReject(bytes(wire), state).code, code)
    })
  }

  if (middlebox) {
    test(`${vector.name}: the middlebox, and no one else, learns the server`, () => {
      const hello = bytes(vector.hello)
      const named = (secretKey: string) => openHelloBox(hello, vector.version, keyPairOf(bytes(secretKey)))
      assert.is(hex(named(middlebox.longTermSecretKey)), server.longTermPublicKey)
      assert.is(named(server.longTermSecretKey), null)
    })
  }
}

function clientOf({ client, context }: Vector, random = scriptedRandom(client.draws.map(bytes))): ClientOptions {
  return {
    longTerm: keyPairOf(bytes(client.longTermSecretKey)),
    serverKey: bytesOrNone(client.pinnedServerKey),
    middleboxKey: bytesOrNone(client.middleboxKey),
    context: bytes(context),
    random,
  }
}

function checkRecords(
  { version }: Vector,
  key: Uint8Array,
  draws: string[],
  header: string | null,
  records: VectorRecord[],
): void {
  const writer = createWriter(version, key, scriptedRandom(draws.slice(-1).map(bytes)))
  assert.is(hex(writer.header), header ?? '')
  for (const record of records) assert.is(hex(writeVectorRecord(writer, record)), record.wire, record.kind)

  const wire = bytes((header ?? '') + records.map(record => record.wire).join(''))
  const whole = new RecordReader(version, key)
  const pieces = new RecordReader(version, key)
  const read = whole.push(wire)
  assert.is(read.length, records.length)
  read.forEach((record, index) => {
    checkRecord(record, records[index]!)
  })
  assert.equal(
    [...wire].flatMap(byte => pieces.push(Uint8Array.of(byte))),
    read,
  )
  const last = records.at(-1)!.kind
  if (last === 'final' || last === 'alert') whole.finish()
  else throws(() => whole.finish(), 'cut short')
}

const clientKeys = keyPairOf(systemRandom(32))
const serverKeys = keyPairOf(systemRandom(32))
const clientDefaults: ClientOptions = { longTerm: clientKeys, serverKey: serverKeys.publicKey, random: systemRandom }
const serverDefaults: ServerOptions = { longTerm: serverKeys, random: systemRandom }

test('a change to any part of any message is refused', () => {
  const flip =
    (target: string, at: number): Alter =>
    (name, message) => {
      if (name !== target) return message
      const altered = message.slice()
      altered[at]! ^= 1
      return altered
    }
  const refuses = (run: typeof converse1, target: string, at: number) =>
    throws(() => run(clientDefaults, serverDefaults, flip(target, at)), '', `${run.name} ${target} ${at}`)
  // Version 1 binds less: its hello's box may be anything that does not open.
  for (const at of [0, 4]) refuses(converse1, 'hello', at)
  for (const at of [0, 32, 64, 80, 104, 136, 175]) refuses(converse1, 'challenge', at)
  for (const at of [0, 4, 36, 1219, 1220, 1252, 1291]) refuses(converse2, 'hello', at)
  for (const at of [0, 4, 36, 1123, 1124, 1195, 1196, 1267]) refuses(converse2, 'challenge', at)
  for (const at of [0, 71, 72, 143]) {
    refuses(converse1, 'response', at)
    refuses(converse2, 'response', at)
  }
})

test('another pinned key, another context and a key of small order are refused', () => {
  const pinned = { ...clientDefaults, serverKey: clientKeys.publicKey, middleboxKey: clientKeys.publicKey }
  throws(() => converse1(pinned, serverDefaults), 'another key than the pinned one')
  throws(() => converse2(pinned, serverDefaults), 'another key than the pinned one')
  const context = Uint8Array.of(1)
  throws(() => converse2({ ...clientDefaults, context }, serverDefaults), "server's key box does not open")
  const zero: Alter = (name, message) => {
    const altered = message.slice()
    if (name === 'hello') altered.fill(0, 4, 36)
    return altered
  }
  throws(() => converse1(clientDefaults, serverDefaults, zero), 'small order')
  throws(() => converse2(clientDefaults, serverDefaults, zero), 'small order')
  const bad: Alter = (name, message) => (name === 'response' ? new Uint8Array(message.length) : message)
  const caught = throws(() => converse1(clientDefaults, serverDefaults, bad))
  assert.ok(caught instanceof BadResponse && caught.keys)
})

test('boxes that open and say the wrong thing are refused', () => {
  const wrong = () => systemRandom(32)
  const client1 = v1.writeHello1(clientDefaults)
  throws(
    () => v1.writeResponse1(forgeChallenge1(client1.hello, serverDefaults, wrong), client1.state),
    'proof is for another',
  )
  const server1 = v1.writeChallenge1(client1.hello, serverDefaults)
  const response1 = forgeResponse1(server1.challenge, client1.state, wrong)
  throws(() => v1.readResponse1(response1, server1.state), 'answer is for another')

  const client2 = v2.writeHello2(clientDefaults)
  throws(
    () => v2.writeResponse2(forgeChallenge2(client2.hello, serverDefaults, wrong), client2.state),
    'proof is for another',
  )
  const server2 = v2.writeChallenge2(client2.hello, serverDefaults)
  const response2 = forgeResponse2(server2.challenge, client2.state, wrong)
  throws(() => v2.readResponse2(response2, server2.state), 'answer is for another')

  const reject = new Uint8Array(32).fill(1, 0, 1)
  assert.is(readReject(forgeReject(client2.hello, serverDefaults, reject), client2.state).code, 1)
  reject[31] = 1
  assert.is(readReject(forgeReject(client2.hello, serverDefaults, reject), client2.state).code, null)
})

test('a reject is believed only from the key that was addressed', () => {
  const { hello, state } = v2.writeHello2({
    ...clientDefaults,
    middleboxKey: serverKeys.publicKey,
    serverKey: clientKeys.publicKey,
  })
  const refused = throws(() => v2.writeChallenge2(hello, serverDefaults))
  assert.ok(refused instanceof Refused && refused.reject)
  assert.is(refused.reject.length, 76)
  assert.is(readReject(refused.reject, state).code, REJECT.notMyKey)
  const forged = writeReject(hello, REJECT.noRoute, { ...serverDefaults, longTerm: clientKeys })
  assert.is(readReject(forged, state).code, null)
})

test('records that the protocol forbids are refused', () => {
  const key = systemRandom(32)
  const refuses2 = (plaintext: Uint8Array, message: string) =>
    throws(() => new RecordReader(2, key).push(new Writer2(key).seal(plaintext)), message)
  const refuses1 = (plaintext: Uint8Array, tag: number, message: string) => {
    const writer = new Writer1(key, systemRandom)
    const reader = new RecordReader(1, key)
    reader.push(writer.header)
    throws(() => reader.push(writer.seal(plaintext, tag)), message)
    throws(() => reader.push(new Uint8Array()), message)
  }
  const none = new Uint8Array()
  for (const size of [0, 1, 2, 5]) refuses2(Uint8Array.of(size, 0, 0, 0), `a size of ${size}`)
  for (const size of [1, 2, 5]) refuses1(Uint8Array.of(size, 0, 0, 0), TAG.MESSAGE, `a size of ${size}`)
  refuses2(Uint8Array.of(3, 0, 0, 0, 1), 'padding')
  refuses1(Uint8Array.of(0, 0, 1), TAG.MESSAGE, 'padding')
  refuses2(plaintextOf(FLAG.reserved, none), 'reserved')
  refuses2(plaintextOf(3, none), 'type 3')
  refuses1(plaintextOf(2, codeAnd(1, none)), TAG.MESSAGE, 'control record in version 1')
  refuses1(plaintextOf(0x40, none), TAG.MESSAGE, 'type 64')
  refuses2(plaintextOf(1, Uint8Array.of(1)), 'without a code')
  refuses1(plaintextOf(0, Uint8Array.of(1)), TAG.FINAL, 'not empty')
  for (const length of [20, 0]) throws(() => new RecordReader(2, key).push(Uint8Array.of(length, 0)), 'a record of')
  const long = new RecordReader(1, key)
  throws(() => long.push(new Uint8Array([...systemRandom(24), 1, 64])), 'a record of 16385 bytes')
})

test('nothing follows the end, and a stream without one was cut short', () => {
  const key = systemRandom(32)
  for (const version of [1, 2] as const) {
    for (const end of ['final', 'alert'] as const) {
      const writer = createWriter(version, key, systemRandom)
      const last = end === 'final' ? writer.final() : writer.alert(4, 'bye')
      throws(() => writer.keepAlive(), 'after the end')
      const reader = new RecordReader(version, key)
      reader.push(writer.header)
      assert.is(reader.push(last)[0]!.kind, end)
      throws(() => reader.push(Uint8Array.of(0)), 'bytes after the end')
    }
    const writer = createWriter(version, key, systemRandom)
    const wire = [writer.header, writer.keepAlive()]
    const lenient = new RecordReader(version, key, { acceptMissingEnd: true })
    for (const part of wire) lenient.push(part)
    if (version === 1) lenient.finish()
    else throws(() => lenient.finish(), 'cut short')
  }
})

for (const version of [1, 2] as const) {
  test(`version ${version} over a socket`, async () => {
    const { client, server } = await pair({ version }, { versions: [version] })
    assert.is(client.version, version)
    assert.is(hex(client.remotePublicKey), hex(serverKeys.publicKey))
    assert.is(hex(server.remotePublicKey), hex(clientKeys.publicKey))
    assert.is(hex(client.handshakeHash), hex(server.handshakeHash))
    const long = Buffer.from(systemRandom(200_000))
    const talk = async (peer: Peer) => {
      await peer.keepAlive()
      await peer.write(long.subarray(0, 100_000), { rekey: true, padding: 7 })
      await peer.write(long.subarray(100_000), { endOfMessage: true })
      if (version === 2) await peer.control(77, Uint8Array.of(1))
      await peer.end()
    }
    const [, , heardByServer, heardByClient] = await Promise.all([
      talk(client),
      talk(server),
      server.readAll(),
      client.readAll(),
    ])
    assert.ok(heardByServer.equals(long))
    assert.ok(heardByClient.equals(long))
  })

  test(`version ${version} over a socket: an alert, and a cut`, async () => {
    const { client, server } = await pair({ version }, { versions: [version] })
    await server.write('one')
    await server.alert(4, 'shutting down')
    assert.is((await client.readRecord())?.kind, 'data')
    const alert = await client.readRecord()
    assert.ok(alert?.kind === 'alert' && alert.code === 4 && alert.text === 'shutting down')
    assert.is(await client.readRecord(), null)
    await client.write('two')
    client.destroy()
    await rejects(server.readAll(), /cut short|ECONNRESET|aborted|premature/i)
  })
}

test('a server that does not serve version 2 says so to who knows its key', async () => {
  const error = await rejects(pair({ version: 2 }, { versions: [1] }), /rejected with code 4/)
  assert.ok(error instanceof Rejected)
  await rejects(pair({ version: 1 }, { versions: [2] }), /closed during the handshake|ECONNRESET/)
  await rejects(pair({ version: 2, serverKey: undefined }, { versions: [1] }), /closed during the handshake|ECONNRESET/)
})

test('a bad response gets alert 2 in version 1, and nothing in version 2', async () => {
  const answerTo = async (version: Version) => {
    const [near, far] = await socketPair()
    const accepting = acceptPeer({ socket: far, longTermSecretKey: serverKeys.secretKey, versions: [version] })
    const refused = rejects(accepting, /bad challenge response/)
    const source = new ByteSource(near)
    const [hello, length] =
      version === 1 ? [v1.writeHello1(clientDefaults), 176] : [v2.writeHello2(clientDefaults), 1268]
    near.write(hello.hello)
    const challenge = await source.exactly(length)
    near.end(new Uint8Array(144))
    assert.ok((await refused) instanceof BadResponse)
    const parts: Uint8Array[] = []
    for (let chunk = await source.chunk(); chunk; chunk = await source.chunk()) parts.push(chunk)
    return { challenge, session: hello.state.session, said: concat(...parts) }
  }
  const { challenge, session, said } = await answerTo(1)
  const { sharedRx } = sodium.crypto_kx_client_session_keys(
    session.publicKey,
    session.secretKey,
    challenge.slice(0, 32),
  )
  const [alert] = new RecordReader(1, sharedRx).push(said)
  assert.ok(alert?.kind === 'alert' && alert.code === 2)
  assert.is((await answerTo(2)).said.length, 0)
})

test('the one in the middle reads what a version 1 client says', async () => {
  const { connection, attack } = await inTheMiddle(interposeVersion1)
  const client = await connectPeer({ ...connecting(connection), version: 1 })
  await client.write('for the server alone')
  const { clientLongTermKey, plaintext } = await attack
  assert.is(hex(client.remotePublicKey), hex(serverKeys.publicKey))
  assert.is(hex(clientLongTermKey), hex(clientKeys.publicKey))
  assert.is(Buffer.from(plaintext).toString(), 'for the server alone')
  client.destroy()
})

test('the one in the middle gets nothing from a version 2 client', async () => {
  const { connection, attack } = await inTheMiddle(interposeVersion2)
  await rejects(connectPeer(connecting(connection)), /the server's proof does not open/)
  assert.is((await attack).sentAfterChallenge.length, 0)
})

// Both ends over the loopback; rejects with the client's error.
async function pair(client: Partial<ConnectOptions>, server: Partial<AcceptOptions>) {
  const [near, far] = await socketPair()
  const accepting = acceptPeer({ socket: far, longTermSecretKey: serverKeys.secretKey, ...server })
  accepting.catch(() => {})
  const connected = await connectPeer({ ...connecting(near), ...client })
  return { client: connected, server: await accepting }
}

function connecting(socket: Duplex): ConnectOptions {
  return { socket, longTermSecretKey: clientKeys.secretKey, serverKey: serverKeys.publicKey }
}

// A client's connection that ends at the attacker, who has one to a real server of both versions.
async function inTheMiddle<T>(interpose: (between: Between) => Promise<T>) {
  const [connection, clientSide] = await socketPair()
  const [serverSide, far] = await socketPair()
  acceptPeer({ socket: far, longTermSecretKey: serverKeys.secretKey, versions: [1, 2] }).catch(() => {})
  const attack = interpose({ clientSide, serverSide, serverKey: serverKeys.publicKey })
  return { connection, attack }
}

// uvu's own `throws` takes a string for its message, not for what is due.
function throws(action: () => unknown, text = '', about = ''): unknown {
  let thrown: unknown = null
  try {
    action()
  } catch (error) {
    thrown = error
  }
  assert.instance(thrown, Error, `nothing was thrown: ${text} ${about}`)
  assert.ok(String(thrown).includes(text), `${thrown}, where this was due: ${text} ${about}`)
  return thrown
}

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<unknown> {
  const error = await promise.then(
    () => assert.unreachable('nothing was thrown'),
    (error: unknown) => error,
  )
  assert.match(String(error), message)
  return error
}

test.run()
