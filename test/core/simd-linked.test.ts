// channel.wasm with the record cipher in libsodium's place, beside one that is all libsodium's: the same bytes cross the wire.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, type EngineOptions } from '../../src/engine/index.js'
import { Core } from '../../src/wasm/instance.js'
import { VERSION, VERSION_SECTION } from '../../src/wasm/version.js'
import { cipherBytes, coreBytes, libsodium, link, withCustomSection } from '../support/assembly.js'
import { clientKeys, hear, serverKeys, takeAll, wasm, writeAll } from '../support/engines.js'

const CIPHER = ['crypto_aead_chacha20poly1305_ietf_encrypt', 'crypto_aead_chacha20poly1305_ietf_decrypt']
const names = new Map([...libsodium.names].filter(([name]) => !CIPHER.includes(name)))
const allLibsodium = withCustomSection(link(coreBytes, libsodium), VERSION_SECTION, VERSION)

test('channel.wasm has nothing of libsodium’s record cipher', () => {
  const linked = withCustomSection(link(coreBytes, { ...libsodium, names }, cipherBytes), VERSION_SECTION, VERSION)
  assert.ok(Buffer.from(linked).equals(wasm))
  assert.throws(() => link(coreBytes, { ...libsodium, names }), `the libsodium package no longer has ${CIPHER[1]}`)
  assert.not.ok(Buffer.from(allLibsodium).equals(wasm))
})

for (const options of [{}, { maxRecord: 65_535 }, { padding: { block: 256 } }]) {
  test(`the same conversation gives the same bytes, with ${JSON.stringify(options)}`, () => {
    const withCipher = conversation(wasm, wasm, options)
    assert.ok(withCipher.length > 300_000)
    assert.ok(withCipher.equals(conversation(allLibsodium, allLibsodium, options)))
    assert.ok(withCipher.equals(conversation(allLibsodium, wasm, options)))
  })
}

/** All that crosses the wire, in both versions, while the random source gives the same draws each time. */
function conversation(clientWasm: Bytes, serverWasm: Bytes, options: Partial<EngineOptions>): Buffer {
  const wire: Uint8Array[] = []
  for (const version of [1, 2] as const) {
    const draws = { count: 0 }
    const common = { ...options, ...(version === 1 && { maxRecord: 8192 }) }
    const client = Engine.client(coreOf(clientWasm, draws), { ...common, ...CLIENT, version })
    const server = Engine.server(coreOf(serverWasm, draws), { ...common, keyPair: serverKeys, versions: [version] })
    const send = (from: Engine, to: Engine) => {
      const sent = takeAll(from)
      wire.push(sent)
      return hear(to, sent)
    }
    for (const from of [client, server, client, server]) send(from, from === client ? server : client)
    for (const length of LENGTHS) {
      const data = Buffer.alloc(length, `${length} bytes, `)
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        const heard: Buffer[] = []
        writeAll(from, data, sent => {
          wire.push(sent)
          heard.push(hear(to, sent).data)
        })
        assert.ok(Buffer.concat(heard).equals(data), `${length} bytes`)
        from.rekey()
        send(from, to)
      }
    }
    client.end()
    assert.equal(send(client, server).events, ['end'])
  }
  return Buffer.concat(wire)
}

function coreOf(bytes: Bytes, draws: { count: number }): Core {
  return new Core(bytes, out => {
    out.fill(++draws.count)
  })
}

type Bytes = Uint8Array<ArrayBuffer>

const CLIENT = { keyPair: clientKeys, serverKey: serverKeys.publicKey }
const LENGTHS = [1, 40, 61, 62, 64, 173, 189, 190, 400, 445, 446, 1000, 16_000, 64_000]

test.run()
