// docs/protocol.md, "Several keys": a server that has several, and a client that accepts several; ours against ours, and against the second
// implementation.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientEngineOptions, Engine, type ServerEngineOptions } from '../../src/engine/index.js'
import { encodePublicKey } from '../../src/index.js'
import { drawKeyPair } from '../../src/keys/pair.js'
import { hostPrimitives } from '../../src/wasm/host.js'
import { Core } from '../../src/wasm/instance.js'
import { type ClientOptions, readReject, type ServerOptions } from '../peer/handshake.js'
import { type KeyPair, sodium, systemRandom } from '../peer/primitives.js'
import * as v1 from '../peer/version1.js'
import * as v2 from '../peer/version2.js'
import { clientKeys, codeOf, freshCore, hear, takeAll, wasm } from '../support/engines.js'

await sodium.ready
const core = freshCore()
const KEYS = Array.from({ length: 8 }, () => drawKeyPair(core))
const [next, old, other, stranger] = KEYS as [KeyPair, KeyPair, KeyPair, KeyPair]
const router = drawKeyPair(core)

type Client = Partial<ClientEngineOptions>

/** How it ends: the key that both ends say was proved, or the two errors. */
function meet(version: 1 | 2, client: Client, server: object, on = core): string {
  const near = Engine.client(core, { keyPair: clientKeys, version, ...client } as ClientEngineOptions)
  const far = Engine.server(on, { versions: [version], ...server } as ServerEngineOptions)
  try {
    const heard = codeOf(() => far.receive(near.take()))
    const answered = codeOf(() => near.receive(takeAll(far)))
    if (heard !== 'none' || answered !== 'none') return `${heard}, ${answered}`
    assert.is(near.advance(), 'connected')
    far.receive(takeAll(near))
    assert.is(far.advance(), 'connected')
    assert.equal(far.localPublicKey, near.remotePublicKey)
    hear(near, takeAll(far))
    near.write(Buffer.from('hello'))
    assert.is(String(hear(far, takeAll(near)).data), 'hello')
    assert.equal(near.localPublicKey, clientKeys.publicKey)
    return encodePublicKey(near.remotePublicKey)
  } finally {
    near.close()
    far.close()
  }
}

const nameOf = ({ publicKey }: { publicKey: Uint8Array }) => encodePublicKey(publicKey)
const asks = ({ publicKey }: { publicKey: Uint8Array }, by?: { publicKey: Uint8Array }): Client => ({
  serverKey: publicKey,
  ...(by && { middleboxKey: by.publicKey }),
})

for (const version of [1, 2] as const) {
  test(`v${version}: each of eight keys is proved to whoever asks for it`, () => {
    for (const key of KEYS) assert.is(meet(version, asks(key), { keyPairs: KEYS }), nameOf(key))
  })

  test(`v${version}: a box that opens under one key and names another of ours is served as the named one`, () => {
    for (const named of [next, old, other]) {
      for (const by of [next, old, other]) {
        assert.is(meet(version, asks(named, by), { keyPairs: [next, old, other] }), nameOf(named))
      }
    }
  })

  test(`v${version}: one that names none of ours is refused, by the key that it was addressed to`, () => {
    const refused = version === 1 ? 'PEER_EXPECTED_OTHER, none' : 'PEER_EXPECTED_OTHER, PEER_REJECTED'
    for (const by of [next, old, other]) {
      assert.is(meet(version, asks(stranger, by), { keyPairs: [next, old, other] }), refused)
    }
  })

  test(`v${version}: a box with any byte changed opens under none of them`, () => {
    const near = Engine.client(core, { keyPair: clientKeys, version, serverKey: old.publicKey })
    const hello = near.take()
    for (let at = hello.length - 72; at < hello.length; at++) {
      const far = Engine.server(core, { keyPairs: [next, old], versions: [version] })
      const altered = hello.slice()
      altered[at]! ^= 0x80
      assert.is(
        codeOf(() => far.receive(altered)),
        'PEER_NOT_ADDRESSED',
        `byte ${at}`,
      )
      far.close()
    }
    near.close()
  })

  test(`v${version}: several keys ignore strangers, unless one is named as the default`, () => {
    const anybody: Client[] = [{ serverKey: 'any' }, asks(stranger), asks(old, router)]
    for (const client of anybody) {
      assert.is(meet(version, client, { keyPairs: [next, old] }), 'PEER_NOT_ADDRESSED, none')
      assert.is(
        meet(version, client, { keyPair: next, keyPairs: [next, old], strangers: 'ignore' }),
        'PEER_NOT_ADDRESSED, none',
      )
    }
    const answers = version === 1 ? { strangers: 'answer' } : {}
    for (const keyPair of [next, old, other]) {
      const server = { keyPair, keyPairs: [next, old], ...answers }
      assert.is(meet(version, { serverKey: 'any' }, server), nameOf(keyPair))
      assert.is(meet(version, asks(old), server), nameOf(old))
    }
    // One that is there twice is one, and one alone needs no name.
    assert.is(meet(version, { serverKey: 'any' }, { keyPairs: [old, { ...old }], ...answers }), nameOf(old))
    const unnamed = () => meet(version, asks(old), { keyPairs: [next, old], strangers: 'answer' })
    assert.is(codeOf(unnamed), 'USE_BAD_OPTION')
  })

  test(`v${version}: a client takes any of the keys that it accepts, and no other`, () => {
    const serverKeys = [next, old, other].map(it => it.publicKey)
    for (const keyPair of [next, old, other]) {
      assert.is(meet(version, { serverKeys }, { keyPair, strangers: 'answer' }), nameOf(keyPair))
    }
    const mismatch = meet(version, { serverKeys }, { keyPair: stranger, strangers: 'answer' })
    assert.is(mismatch, 'none, PEER_KEY_MISMATCH')
    const near = Engine.client(core, { keyPair: clientKeys, serverKeys, version })
    const far = Engine.server(core, { keyPair: stranger, strangers: 'answer', versions: [version] })
    far.receive(near.take())
    assert.throws(
      () => near.receive(takeAll(far)),
      new RegExp(`not as the pinned ${serverKeys.map(encodePublicKey).join(' or ')}`),
    )
  })

  test(`v${version}: a client asks for the first key that it accepts, or the one that it names`, () => {
    const serverKeys = [next, old, other].map(it => it.publicKey)
    const server = { keyPairs: [other, old, next] }
    assert.is(meet(version, { serverKeys }, server), nameOf(next))
    assert.is(meet(version, { serverKey: other.publicKey, serverKeys }, server), nameOf(other))
    const wrong: Client[] = [{ serverKey: stranger.publicKey }, { serverKey: 'any' }]
    for (const it of wrong)
      assert.is(
        codeOf(() => meet(version, { ...it, serverKeys }, server)),
        'USE_BAD_OPTION',
      )
  })

  test(`v${version}: the same against the second implementation, at either end`, () => {
    for (const wanted of [next, old, other]) {
      const others = [old, other]
      assert.is(ourClient(version, asks(wanted), { longTerm: next, others, random: systemRandom }), nameOf(wanted))
      const client = { longTerm: clientKeys, serverKey: wanted.publicKey, random: systemRandom }
      assert.is(ourServer(version, client, [next, old, other]), nameOf(wanted))
      const routed = { ...client, middleboxKey: other.publicKey }
      assert.is(ourServer(version, routed, [next, old, other]), nameOf(wanted))
      const either = { ...client, serverKey: next.publicKey, otherServerKeys: [old.publicKey, other.publicKey] }
      assert.is(ourServer(version, either, [wanted]), nameOf(wanted))
    }
    if (version === 1) return
    const lost = {
      longTerm: clientKeys,
      serverKey: stranger.publicKey,
      middleboxKey: old.publicKey,
      random: systemRandom,
    }
    const { hello, state } = v2.writeHello2(lost)
    const far = Engine.server(core, { keyPairs: [next, old] })
    assert.is(
      codeOf(() => far.receive(hello)),
      'PEER_EXPECTED_OTHER',
    )
    assert.is(readReject(far.take(), state).code, 1)
  })
}

test('all keys are tried on every hello, in one order, whichever it is for', () => {
  const server = { keyPairs: [next, old, other] }
  const clients = [
    asks(next),
    asks(old),
    asks(other),
    asks(next, other),
    asks(other, next),
    asks(stranger, old),
    asks(stranger),
  ]
  for (const client of clients) {
    const { core: counting, calls } = countingCore()
    meet(2, client, server, counting)
    assert.equal(
      calls.filter(it => it !== 'session'),
      ['key 0', 'key 1', 'key 2'],
    )
  }
})

test('lists of keys are checked', () => {
  const bad = (server: object) => codeOf(() => Engine.server(core, server as ServerEngineOptions))
  assert.is(bad({}), 'USE_BAD_KEY')
  assert.is(bad({ keyPairs: [] }), 'USE_BAD_OPTION')
  assert.is(bad({ keyPairs: next }), 'USE_BAD_OPTION')
  assert.is(bad({ keyPairs: [...KEYS, drawKeyPair(core)] }), 'USE_BAD_OPTION')
  assert.is(bad({ keyPairs: [next, undefined] }), 'USE_BAD_KEY')
  assert.is(bad({ keyPairs: [next, { ...old, publicKey: next.publicKey }] }), 'USE_BAD_KEY')
  assert.is(bad({ keyPairs: [next, { publicKey: other.publicKey, secretKey: old.secretKey }] }), 'USE_BAD_KEY')
  const badClient = (client: object) =>
    codeOf(() => Engine.client(core, { keyPair: clientKeys, ...client } as ClientEngineOptions))
  assert.is(badClient({}), 'USE_BAD_OPTION')
  assert.is(badClient({ serverKeys: [] }), 'USE_BAD_OPTION')
  assert.is(badClient({ serverKeys: 'any' }), 'USE_BAD_OPTION')
  assert.is(badClient({ serverKeys: [next.publicKey, 'any'] }), 'USE_BAD_KEY')
  assert.is(badClient({ serverKeys: [...KEYS, router].map(it => it.publicKey) }), 'USE_BAD_OPTION')
  assert.is(badClient({ keyPairs: [clientKeys], serverKey: next.publicKey }), 'USE_BAD_OPTION')
})

/** What a client of ours gets from the other implementation's server. */
function ourClient(version: 1 | 2, client: Client, server: ServerOptions): string {
  const near = Engine.client(core, { keyPair: clientKeys, version, ...client } as ClientEngineOptions)
  const hello = near.take()
  near.receive((version === 1 ? v1.writeChallenge1(hello, server) : v2.writeChallenge2(hello, server)).challenge)
  assert.is(near.advance(), 'connected')
  const key = encodePublicKey(near.remotePublicKey)
  near.close()
  return key
}

function ourServer(version: 1 | 2, client: ClientOptions, keyPairs: KeyPair[]): string {
  const far = Engine.server(core, {
    keyPairs,
    versions: [version],
    ...(keyPairs.length === 1 && { strangers: 'answer' }),
  })
  const one = version === 1 ? v1.writeHello1(client) : undefined
  const two = version === 2 ? v2.writeHello2(client) : undefined
  far.receive((one ?? two)!.hello)
  const challenge = far.take()
  const { response, established } = one
    ? v1.writeResponse1(challenge, one.state)
    : v2.writeResponse2(challenge, two!.state)
  far.receive(response)
  assert.is(far.advance(), 'connected')
  assert.equal(far.localPublicKey, established.remotePublicKey)
  far.close()
  return encodePublicKey(established.remotePublicKey)
}

/** A core whose host does the multiplications, and writes down by which of the keys. */
function countingCore(): { core: Core; calls: string[] } {
  const calls: string[] = []
  const multiplier = {
    name: 'a host that counts',
    multiply(out: Uint8Array, secretKey: Uint8Array, publicKey?: Uint8Array): boolean {
      const at = KEYS.findIndex(it => sodium.memcmp(it.secretKey, secretKey.slice()))
      calls.push(at < 0 ? 'session' : `key ${at}`)
      out.set(publicKey ? sodium.crypto_scalarmult(secretKey, publicKey) : sodium.crypto_scalarmult_base(secretKey))
      return true
    },
  }
  return { core: new Core(wasm, undefined, hostPrimitives(undefined, multiplier)), calls }
}

test.run()
