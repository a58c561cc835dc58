// An end that holds its keys, and proves something else: its boxes open, and what is in them has to be compared.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { forgeChallenge1, forgeChallenge2, forgeReject, forgeResponse1, forgeResponse2 } from '../peer/forger.js'
import { openHelloBox } from '../peer/handshake.js'
import { keyPairOf, sodium, systemRandom } from '../peer/primitives.js'
import { writeHello1 } from '../peer/version1.js'
import { writeHello2 } from '../peer/version2.js'
import { clientKeys, codeOf, freshCore, newPair, serverKeys, takeAll } from '../support/engines.js'

await sodium.ready
const core = freshCore()
const FORGE = {
  1: { challenge: forgeChallenge1, write: writeHello1, response: forgeResponse1 },
  2: { challenge: forgeChallenge2, write: writeHello2, response: forgeResponse2 },
}

/** What a proof may say in place of the right 32 bytes: each of the words that are compared has its turn. */
const WRONG: ((right: Uint8Array) => Uint8Array)[] = [
  ...[0, 7, 8, 15, 16, 23, 24, 31].map(at => (right: Uint8Array) => {
    const other = right.slice()
    other[at]! ^= 0x80
    return other
  }),
  () => new Uint8Array(32),
  () => systemRandom(32),
]

for (const version of [1, 2] as const) {
  const forge = FORGE[version]

  test(`v${version}: a server whose proof opens, and says another thing`, () => {
    const options = { longTerm: keyPairOf(serverKeys.secretKey), random: systemRandom }
    const answer = (alter: (right: Uint8Array) => Uint8Array) => {
      const client = Engine.client(core, { keyPair: clientKeys, version, serverKey: serverKeys.publicKey })
      const challenge = forge.challenge(takeAll(client), options, alter)
      const code = codeOf(() => client.receive(challenge))
      assert.is(takeAll(client).length > 0, code === 'none', 'a client that is not convinced says nothing of itself')
      client.close()
      return code
    }
    assert.is(
      answer(right => right),
      'none',
    )
    for (const [at, alter] of WRONG.entries()) assert.is(answer(alter), 'PEER_BAD_PROOF', `proof ${at}`)
  })

  test(`v${version}: a client whose answer opens, and says another thing`, () => {
    const options = { longTerm: keyPairOf(clientKeys.secretKey), serverKey: serverKeys.publicKey, random: systemRandom }
    const enter = (alter: (right: Uint8Array) => Uint8Array) => {
      const { server } = newPair(version, { core })
      const { hello, state } = forge.write(options)
      server.receive(hello)
      const response = forge.response(takeAll(server), state as never, alter)
      const code = codeOf(() => server.receive(response))
      server.close()
      return code
    }
    assert.is(
      enter(right => right),
      'none',
    )
    for (const [at, alter] of WRONG.entries()) assert.is(enter(alter), 'PEER_BAD_PROOF', `answer ${at}`)
  })
}

test('v2: a reject that opens, and has more in it than a code, is none', () => {
  const options = { longTerm: keyPairOf(serverKeys.secretKey), random: systemRandom }
  const reject = (at?: number) => {
    const { client } = newPair(2, { core })
    const reason = new Uint8Array(32)
    reason[0] = 1
    if (at !== undefined) reason[at] = 1
    const answer = forgeReject(takeAll(client), options, reason)
    const code = codeOf(() => client.receive(answer))
    client.close()
    return code
  }
  assert.is(reject(), 'PEER_REJECTED')
  for (const at of [2, 9, 10, 24, 31]) assert.is(reject(at), 'PEER_REJECT_UNVERIFIED', `byte ${at}`)
})

test('v2: a client that knows no key takes no reject for genuine, not even one of the key that it made up', () => {
  const draws: Uint8Array[] = []
  const watched = freshCore(out => {
    out.set(systemRandom(out.length))
    draws.push(out.slice())
  })
  const client = Engine.client(watched, { keyPair: clientKeys, serverKey: 'any' })
  const hello = takeAll(client)
  // "Draws": the session key, the seed, and two keys whose secrets nobody is to know.
  const longTerm = keyPairOf(draws[3]!)
  assert.equal(
    draws.map(it => it.length),
    [32, 64, 32, 32, 24],
  )
  assert.ok(openHelloBox(hello, 2, longTerm), 'that is the key that the hello is for')
  const reject = forgeReject(hello, { longTerm, random: systemRandom }, new Uint8Array(32).fill(1, 0, 1))
  assert.is(
    codeOf(() => client.receive(reject)),
    'PEER_REJECT_UNVERIFIED',
  )
  client.close()
})

for (const version of [1, 2] as const) {
  test(`v${version}: a challenge whose session key has no secret is refused as that, whatever its boxes are`, () => {
    const at = version === 1 ? 0 : 4
    for (const weak of [0, 1]) {
      const { client, server } = newPair(version, { core })
      server.receive(takeAll(client))
      const challenge = takeAll(server)
      challenge.fill(0, at, at + 32)[at] = weak
      assert.is(
        codeOf(() => client.receive(challenge)),
        'PEER_WEAK_KEY',
      )
      client.close()
      server.close()
    }
  })
}

test.run()
