// One secret key has one public key: what X25519 takes for another spelling of it is refused, from the wire, in the API and in text.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, Router } from '../../src/engine/index.js'
import { decodeBareKey, decodePublicKey, decodeSecretKey, encodePublicKey, encodeSecretKey } from '../../src/index.js'
import { type KeyPair, keyPairOf, sodium, systemRandom } from '../peer/primitives.js'
import { writeChallenge1, writeHello1, writeResponse1 } from '../peer/version1.js'
import { writeChallenge2, writeHello2, writeResponse2 } from '../peer/version2.js'
import { clientKeys, codeOf, freshCore, newPair, serverKeys, takeAll } from '../support/engines.js'

await sodium.ready
const core = freshCore()
const PRIME = 2n ** 255n - 19n

/** The same point, as X25519 sees it. */
function alias(publicKey: Uint8Array): Uint8Array {
  const other = publicKey.slice()
  other[31]! |= 0x80
  return other
}

const aliased = (secretKey: Uint8Array): KeyPair => {
  const pair = keyPairOf(secretKey)
  return { ...pair, publicKey: alias(pair.publicKey) }
}

function keyOf(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse())
}

for (const version of [1, 2] as const) {
  test(`v${version}: a client whose long-term key is another spelling`, () => {
    const server = Engine.server(core, { keyPair: serverKeys, versions: [version], strangers: 'answer' })
    const options = {
      longTerm: aliased(clientKeys.secretKey),
      serverKey: serverKeys.publicKey,
      random: systemRandom,
    }
    const [write, respond] = version === 1 ? [writeHello1, writeResponse1] : [writeHello2, writeResponse2]
    const { hello, state } = write(options)
    server.receive(hello)
    const { response } = respond(server.take(), state as never)
    assert.is(
      codeOf(() => server.receive(response)),
      'PEER_WEAK_KEY',
    )
    server.close()
  })

  test(`v${version}: a server whose long-term key is another spelling, pinned or not`, () => {
    for (const serverKey of ['any', serverKeys.publicKey] as const) {
      // The hello is for a middlebox: the server cannot see that another spelling is named.
      const client = Engine.client(core, {
        keyPair: clientKeys,
        version,
        serverKey,
        ...(serverKey !== 'any' && { middleboxKey: clientKeys.publicKey }),
      })
      const write = version === 1 ? writeChallenge1 : writeChallenge2
      const { challenge } = write(client.take(), { longTerm: aliased(serverKeys.secretKey), random: systemRandom })
      assert.is(
        codeOf(() => client.receive(challenge)),
        'PEER_WEAK_KEY',
      )
      client.close()
    }
  })

  for (const [what, index, at] of [
    ['client', 0, 35],
    ['server', 1, version === 1 ? 31 : 35],
  ] as const) {
    test(`v${version}: the ${what}'s session key is another spelling`, () => {
      const { client, server } = newPair(version)
      const message = takeAll(client)
      let receiver = server
      if (index === 1) {
        server.receive(message)
        receiver = client
      }
      const changed = index === 0 ? message : takeAll(server)
      changed[at]! ^= 0x80
      assert.is(
        codeOf(() => receiver.receive(changed)),
        'PEER_WEAK_KEY',
      )
      client.close()
      server.close()
    })
  }

  test(`v${version}: a hello that names what is no key is routed nowhere`, () => {
    const router = new Router(core, serverKeys)
    const named = (serverKey: Uint8Array) => {
      const options = { longTerm: clientKeys, serverKey, middleboxKey: serverKeys.publicKey, random: systemRandom }
      return (version === 1 ? writeHello1(options) : writeHello2(options)).hello
    }
    assert.equal(router.open(named(clientKeys.publicKey))?.wanted, clientKeys.publicKey)
    for (const wanted of [alias(clientKeys.publicKey), new Uint8Array(32)]) {
      assert.is(
        codeOf(() => router.open(named(wanted))),
        'PEER_WEAK_KEY',
      )
    }
  })
}

test('the border is 2^255 - 19', () => {
  for (const below of [PRIME - 1n, 2n ** 254n, PRIME - 2n ** 64n, 9n]) {
    assert.equal(decodePublicKey(encodePublicKey(keyOf(below))), keyOf(below))
  }
  for (const above of [PRIME, PRIME + 9n, 2n ** 255n - 1n, 2n ** 255n, 2n ** 255n + 9n, 2n ** 256n - 1n]) {
    const key = keyOf(above)
    const text = `pk_${Buffer.from(key).toString('base64url')}`
    for (const act of [
      () => encodePublicKey(key),
      () => decodePublicKey(text),
      () => Engine.client(core, { keyPair: clientKeys, serverKey: key }),
      () => Engine.client(core, { keyPair: clientKeys, serverKey: serverKeys.publicKey, middleboxKey: key }),
      () => Engine.server(core, { keyPair: { ...clientKeys, publicKey: key } }),
    ]) {
      assert.is(codeOf(act), 'USE_BAD_KEY', `${above}`)
    }
    const session = newPair(2)
    const hello = takeAll(session.client)
    hello.set(key, 4)
    assert.is(
      codeOf(() => session.server.receive(hello)),
      'PEER_WEAK_KEY',
    )
    session.client.close()
    session.server.close()
  }
})

test('a key’s text needs the prefix that says what it is', () => {
  const secret = encodeSecretKey(clientKeys.secretKey)
  const hex = Buffer.from(clientKeys.secretKey).toString('hex')
  for (const text of [secret, secret.slice(3), hex, `pk_${hex}`]) {
    assert.is(
      codeOf(() => decodePublicKey(text)),
      'USE_BAD_KEY',
    )
  }
  const known = encodePublicKey(clientKeys.publicKey)
  for (const text of [known, known.slice(3), secret.slice(3), hex, `sk_${hex}`]) {
    assert.is(
      codeOf(() => decodeSecretKey(text)),
      'USE_BAD_KEY',
    )
  }
  for (const text of [secret.slice(3), hex, ` ${hex.toUpperCase()}\n`])
    assert.equal(decodeBareKey(text), clientKeys.secretKey)
  for (const text of [secret, known, hex.slice(1), '']) {
    assert.is(
      codeOf(() => decodeBareKey(text)),
      'USE_BAD_KEY',
    )
  }
})

test.run()
