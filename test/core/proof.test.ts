// An end that holds its keys, and proves something else: its boxes open, and what is in them has to be compared.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { forgeChallenge1, forgeChallenge2, forgeResponse1, forgeResponse2 } from '../peer/forger.js'
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

test.run()
