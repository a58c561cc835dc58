// The middlebox without I/O: which hellos it opens, what it learns of them, and how it refuses.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, Router } from '../../src/engine/index.js'
import { drawKeyPair } from '../../src/keys/pair.js'
import { forgeHello2 } from '../peer/forger.js'
import { openHelloBox, type Rejected, readReject } from '../peer/handshake.js'
import { keyPairOf, systemRandom } from '../peer/primitives.js'
import { bytes, hex, vectors } from '../peer/vectors.js'
import { writeHello1 } from '../peer/version1.js'
import { writeHello2 } from '../peer/version2.js'
import { clientKeys, codeOf, freshCore, hear, serverKeys, takeAll } from '../support/engines.js'

const core = freshCore()
const middleboxKeys = drawKeyPair(core)
const router = new Router(core, middleboxKeys)
const VERSIONS = [1, 2] as const
const LENGTH = { 1: 108, 2: 1292 }

function client(version: 1 | 2, options: { serverKey?: Uint8Array; middleboxKey?: Uint8Array } = {}): Engine {
  return Engine.client(core, { keyPair: clientKeys, serverKey: 'any', version, ...options })
}

const addressed = { serverKey: serverKeys.publicKey, middleboxKey: middleboxKeys.publicKey }

for (const { name, hello, server, middlebox, rejects = [] } of vectors) {
  for (const { code, nonce, wire } of rejects) {
    test(`${name}: rejects it with code ${code}, byte for byte`, () => {
      const random = freshCore(out => out.set(bytes(nonce)))
      const rejecting = new Router(random, keyPairOf(bytes((middlebox ?? server).longTermSecretKey)))
      const received = bytes(hello)
      assert.is(hex(rejecting.reject(received, rejecting.open(received)!, code)), wire)
    })
  }
}

test('the hellos of the vectors', () => {
  const routed = vectors.filter(it => it.middlebox)
  assert.equal(
    routed.map(it => it.version),
    [1, 2],
  )
  for (const { middlebox, server, hello, version } of routed) {
    const secretKey = bytes(middlebox!.longTermSecretKey)
    const opened = new Router(core, keyPairOf(secretKey)).open(bytes(hello))
    assert.is(hex(opened!.wanted), server.longTermPublicKey)
    assert.is(opened!.version, version)
  }
  for (const { middlebox, hello } of vectors) {
    if (!middlebox)
      assert.is(
        codeOf(() => router.open(bytes(hello))),
        'PEER_NOT_ADDRESSED',
      )
  }
})

for (const version of VERSIONS) {
  test(`v${version}: names the wanted server when the hello is whole, whatever comes behind it`, () => {
    const hello = client(version, addressed).take()
    assert.is(hello.length, LENGTH[version])
    for (let length = 0; length < hello.length; length++) assert.is(router.open(hello.subarray(0, length)), undefined)
    for (const behind of [0, 1, 5000]) {
      const opened = router.open(Buffer.concat([hello, Buffer.alloc(behind, 7)]))!
      assert.equal(opened, { version, wanted: serverKeys.publicKey, length: hello.length })
    }
  })

  test(`v${version}: a hello for another key, changed, or from a client that knows none, is not for it`, () => {
    const notFor = (hello: Uint8Array) =>
      assert.is(
        codeOf(() => router.open(hello)),
        'PEER_NOT_ADDRESSED',
      )
    notFor(client(version, { serverKey: serverKeys.publicKey }).take())
    notFor(client(version, { serverKey: serverKeys.publicKey, middleboxKey: clientKeys.publicKey }).take())
    notFor(client(version).take())
    const hello = client(version, addressed).take()
    // Every byte of the box, and of the session key; the top bit of an X25519 key says nothing.
    for (const at of [4, 20, 35, ...Array.from({ length: 72 }, (_, i) => hello.length - 72 + i)]) {
      const changed = hello.slice()
      changed[at]! ^= 1
      notFor(changed)
    }
    assert.ok(router.open(hello))
  })

  test(`v${version}: session keys without a secret are refused`, () => {
    const hello = client(version, addressed).take()
    for (const weak of [0, 1]) {
      hello.fill(0, 4, 36)[4] = weak
      assert.is(
        codeOf(() => router.open(hello)),
        'PEER_WEAK_KEY',
      )
    }
  })
}

test('bytes of something else', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01',
    'SSH-2.0-x',
    'npkR',
    'npk1',
    'orEN',
    '\0\0\0\0',
  ]) {
    assert.is(
      codeOf(() => router.open(Buffer.from(text, 'latin1'))),
      'PEER_VERSION',
      text,
    )
  }
  assert.is(router.open(Buffer.from('npk')), undefined)
})

test('the client believes a reject, and says who made it and why', () => {
  const says = (code: number, reason: RegExp) => {
    const lost = client(2, addressed)
    const hello = lost.take()
    const opened = router.open(hello)!
    const reject = router.reject(hello, opened, code)
    assert.is(reject.length, 76)
    try {
      lost.receive(reject)
      assert.unreachable('the client did not notice')
    } catch (error) {
      const { code: name, reject: found, message } = error as { code: string; reject: number; message: string }
      assert.is(name, 'PEER_REJECTED')
      assert.is(found, code)
      assert.match(message, reason)
    }
  }
  says(2, /the middlebox has no route to pk_/)
  says(3, /the middlebox cannot reach pk_/)
  says(777, /the middlebox refused the hello with the unknown code 777/)
})

test('the second implementation reads the same, and believes the same', () => {
  const options = { longTerm: keyPairOf(clientKeys.secretKey), ...addressed, context: new Uint8Array() }

  const two = writeHello2({ ...options, random: systemRandom })
  const opened = router.open(two.hello)!
  assert.equal(opened.wanted, new Uint8Array(openHelloBox(two.hello, 2, keyPairOf(middleboxKeys.secretKey))!))
  const rejected: Rejected = readReject(router.reject(two.hello, opened, 2), two.state)
  assert.is(rejected.code, 2)
  assert.is(
    codeOf(() => router.open(forgeHello2({ ...options, random: systemRandom }).hello)),
    'PEER_NOT_ADDRESSED',
    'a box sealed as in version 1',
  )
  // One sealed by another middlebox is not believed.
  const other = new Router(core, clientKeys)
  assert.is(readReject(other.reject(two.hello, opened, 2), two.state).code, null)
  const one = writeHello1({ ...options, random: systemRandom })
  assert.equal(router.open(one.hello)!.wanted, serverKeys.publicKey)
})

test('version 1 knows no reject', () => {
  const hello = client(1, addressed).take()
  assert.is(router.reject(hello, router.open(hello)!, 2).length, 0)
})

for (const version of VERSIONS) {
  test(`v${version}: the server goes on with a hello that passed through, and the middlebox keeps nothing`, () => {
    const own = freshCore()
    const box = new Router(own, middleboxKeys)
    const before = own.bytesInUse
    const asking = client(version, addressed)
    const answering = Engine.server(core, { keyPair: serverKeys, versions: [version], strangers: 'answer' })
    const hello = asking.take()
    const { wanted } = box.open(hello)!
    assert.equal(wanted, serverKeys.publicKey)
    box.reject(hello, box.open(hello)!, 2)
    assert.is(own.bytesInUse, before)
    const memory = Buffer.from(own.bytes)
    for (const secret of [middleboxKeys.secretKey, serverKeys.publicKey, clientKeys.publicKey]) {
      assert.is(memory.indexOf(Buffer.from(secret).subarray(0, 8)), -1)
    }
    hear(answering, hello)
    asking.receive(takeAll(answering))
    assert.is(asking.advance(), 'connected')
    hear(answering, takeAll(asking))
    assert.equal(answering.remotePublicKey, clientKeys.publicKey)
  })
}

test('a hello with a key of small order is not rejected, even by who has not opened it', () => {
  const hello = client(2, addressed).take()
  const opened = router.open(hello)!
  hello.fill(0, 4, 36)
  for (const call of [() => router.open(hello), () => router.reject(hello, opened, 2)]) {
    assert.is(codeOf(call), 'PEER_WEAK_KEY')
  }
})

test('a key pair that does not fit is refused', () => {
  const keyPair = { publicKey: clientKeys.publicKey, secretKey: serverKeys.secretKey }
  assert.is(
    codeOf(() => new Router(core, keyPair)),
    'USE_BAD_KEY',
  )
  const hello = client(2, addressed).take()
  assert.is(
    codeOf(() => router.reject(hello, router.open(hello)!, 65536)),
    'USE_BAD_OPTION',
  )
})

test.run()
