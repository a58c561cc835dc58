// The platform's own cipher and X25519: who uses them, both kinds in one connection, and that they are told of as they are.

import { spawnSync } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { nodeCipher } from '../../src/node/cipher.js'
import { multiplies, nativeCipher, nativeMultiplier, works } from '../../src/node/native.js'
import { sodiumMultiplier } from '../../src/node/sodium.js'
import { hostPrimitives, type Multiplier, type RecordCipher } from '../../src/wasm/host.js'
import { Core } from '../../src/wasm/instance.js'
import {
  connectedPair,
  handshake,
  hear,
  clientKeys as keys,
  serverKeys as otherKeys,
  wasm,
} from '../support/engines.js'
import {
  cleanUpAfter,
  delay,
  duplexPair,
  guarded,
  hashOf,
  pair,
  pairOver,
  plainPair,
  readAll,
  someBytes,
  throws,
  turn,
} from '../support/sockets.js'

cleanUpAfter(test)

const name = process.env.NOPKI_NATIVE === '0' ? undefined : 'node:crypto, sodium-native'

guarded(test, 'sockets say what is in use, and the option turns it off at one end or both', async () => {
  const byDefault = await pair(2)
  assert.is(byDefault.client.accelerated, name)
  assert.is(byDefault.server.accelerated, name)
  const mixed = await pair(2, { client: { native: false } })
  assert.is(mixed.client.accelerated, undefined)
  assert.is(mixed.server.accelerated, name)
  const old = await pair(1)
  assert.is(old.client.accelerated, undefined, 'version 1 uses none of it')
  throws(
    () => Engine.client(new Core(wasm), { keyPair: keys, serverKey: 'any', native: 'no' as unknown as boolean }),
    'USE_BAD_OPTION',
  )
})

test('NOPKI_NATIVE=0 turns it off for a whole process', () => {
  const core = new URL('../../src/node/load.js', import.meta.url).href
  const code = `import { nodeCore } from '${core}'; console.log(nodeCore().primitives?.name)`
  const args = ['--input-type=module', '-e', code]
  for (const [value, expected] of [
    ['0', 'undefined'],
    ['1', 'node:crypto, sodium-native'],
    [undefined, 'node:crypto, sodium-native'],
  ]) {
    const { stdout } = spawnSync(process.execPath, args, {
      env: { ...process.env, NOPKI_NATIVE: value },
      encoding: 'utf8',
    })
    assert.is(stdout, `${expected}\n`)
  }
})

guarded(test, 'one connection mixes both kinds, in both directions, whatever the ends use', async () => {
  for (const client of [true, false]) {
    for (const server of [true, false]) {
      const both = await pair(2, {
        client: { native: client },
        server: { native: server },
        both: { allowHalfOpen: true },
      })
      const sizes = [1, 70_000, 10, 8170, 8171, 8172, 200_000, 3, 65_514, 65_515, 0, 400_000]
      const data = Buffer.concat(sizes.map(someBytes))
      for (const [from, to] of [
        [both.client, both.server],
        [both.server, both.client],
      ] as const) {
        const heard = readAll(to)
        for (const size of sizes) from.write(someBytes(size))
        from.end()
        assert.is(hashOf(await heard), hashOf(data))
      }
    }
  }
})

guarded(test, 'memory that was written goes into the next write only if nobody else has seen it', async () => {
  for (const kind of ['plain', 'wrapped', 'duplex'] as const) {
    const ends: [Duplex, Duplex] = kind === 'duplex' ? duplexPair() : await plainPair()
    const { client, server, clientTransport } = await pairOver(2, ends)
    if (kind === 'wrapped') {
      const { write } = clientTransport
      // It calls back before it has passed the bytes on.
      clientTransport.write = ((chunk: Uint8Array, done?: () => void) => {
        done?.()
        return write.call(clientTransport, chunk, 'utf8')
      }) as typeof write
    }
    const given = watchWrites(clientTransport)
    const heard = readAll(server)
    for (let round = 0; round < 10; round++) {
      await new Promise(resolve => client.write(someBytes(60_000), resolve))
      await turn()
    }
    client.end()
    assert.is((await heard).length, 600_000)
    const used = new Set(given.filter(it => it.length > 50_000).map(it => it.buffer)).size
    if (kind === 'plain') assert.ok(used < 10, `${used} pieces of memory for 10 writes`)
    else assert.is(used, 10, kind)
  }
})

guarded(test, 'what the host sealed counts as sent: a socket that writes nothing else is not inactive', async () => {
  const { client, server } = await pair(2)
  server.resume()
  let inactive = false
  client.setTimeout(1000, () => {
    inactive = true
  })
  for (let round = 0; round < 10; round++) {
    client.write(someBytes(65_536))
    await delay(200)
  }
  assert.not(inactive)
})

test('what the host opened joins what the core opened in one window, and can be read in parts', () => {
  const core = new Core(wasm, undefined, hostPrimitives(nodeCipher(1000)))
  const client = Engine.client(core, { keyPair: keys, serverKey: otherKeys.publicKey })
  const server = Engine.server(core, { keyPair: otherKeys })
  handshake({ client, server })
  const parts = [someBytes(10), someBytes(5000), someBytes(20), someBytes(30)]
  for (const part of parts) client.write(part)
  client.alert(1, 'x'.repeat(2000))
  server.receive(client.take())
  const seen: number[] = []
  const read: Buffer[] = []
  for (let event = server.advance(); event === 'data'; event = server.advance()) {
    const window = server.dataWindow().subarray(0, 4000)
    seen.push(server.dataWindow().length)
    read.push(Buffer.from(window))
    server.consume(window.length)
  }
  assert.equal(seen, [5060, 1060])
  assert.is(hashOf(Buffer.concat(read)), hashOf(Buffer.concat(parts)))
  assert.is(server.alertReceived?.text.length, 2000, 'an alert that the host opened')
  client.close()
  server.close()
})

test('the platform’s cipher is checked before it is used', () => {
  const cipher = nodeCipher() as RecordCipher
  assert.ok(works(cipher))
  assert.not(works({ ...cipher, seal: () => {} }), 'which does nothing')
  assert.not(works({ ...cipher, open: () => true }), 'which takes any tag')
  assert.not(works({ ...cipher, open: () => false }), 'which takes none')
  const wrongTag: RecordCipher['seal'] = (key, nonce, additional, text, tag) => {
    cipher.seal(key, nonce, additional, text, tag)
    tag.fill(0, tag.length - 1)
  }
  assert.not(works({ ...cipher, seal: wrongTag }), 'whose tag is wrong')
  assert.is(nativeCipher()?.name, 'node:crypto')
})

test('the platform’s cipher and the linked one open what the other sealed', () => {
  const [first, second] = [new Core(wasm, undefined, hostPrimitives(nodeCipher(1))), new Core(wasm)]
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    const client = Engine.client(one, { keyPair: keys, serverKey: otherKeys.publicKey })
    const server = Engine.server(other, { keyPair: otherKeys })
    handshake({ client, server })
    const data = someBytes(50_000)
    client.write(data)
    const wire = client.take()
    assert.is(hear(server, wire.subarray(0, 10_000)).data.length, 0)
    assert.is(hashOf(hear(server, wire.subarray(10_000)).data), hashOf(data))
    server.write(data)
    const changed = server.take()
    changed[10_000] = (changed[10_000] ?? 0) ^ 1
    throws(() => hear(client, changed), 'PEER_BAD_RECORD')
    client.close()
    server.close()
  }
})

test('linear memory that grows between two records is where the next one is sealed and opened', () => {
  const cipher = nodeCipher(1) as RecordCipher
  let done = 0
  const seal: RecordCipher['seal'] = (...views) => {
    cipher.seal(...views)
    done++
  }
  const open: RecordCipher['open'] = (...views) => {
    const opened = cipher.open(...views)
    done++
    return opened
  }
  const core = new Core(wasm, undefined, hostPrimitives({ ...cipher, seal, open }))
  const { client, server } = connectedPair(2, { core })
  const memory = core.exports.memory as unknown as { grow(pages: number): void }
  for (let round = 0; round < 3; round++) {
    for (let record = 0; record < 2; record++) {
      client.write(someBytes(5000))
      assert.is(hashOf(hear(server, client.take()).data), hashOf(someBytes(5000)))
    }
    memory.grow(1)
  }
  // Not by the linked cipher, which does the work if this one fails.
  assert.is(done, 12)
  client.close()
  server.close()
})

test('a cipher of the platform that fails costs time, and no byte', () => {
  const cipher = nodeCipher(1) as RecordCipher
  let calls = 0
  // Every second call fails before anything is done.
  const failing = <T extends unknown[], R>(call: (...args: T) => R) => {
    return (...args: T): R => {
      if (calls++ % 2 === 0) throw new Error('out of memory')
      return call(...args)
    }
  }
  const broken = { ...cipher, seal: failing(cipher.seal), open: failing(cipher.open) }
  const core = new Core(wasm, undefined, hostPrimitives(broken))
  const { client, server } = connectedPair(2, { core })
  const heard: Buffer[] = []
  for (let round = 0; round < 9; round++) {
    client.write(someBytes(5000 + round))
    heard.push(hear(server, client.take()).data)
  }
  assert.is(
    hashOf(Buffer.concat(heard)),
    hashOf(Buffer.concat(Array.from({ length: 9 }, (_, round) => someBytes(5000 + round)))),
  )
  assert.is(calls, 18)
  client.close()
  server.close()
})

test('the platform’s X25519 is checked before it is used, and multiplies each pair of keys once', () => {
  const native = sodiumMultiplier() as Multiplier
  assert.ok(multiplies(native))
  assert.not(multiplies({ ...native, multiply: () => true }), 'which does nothing')
  assert.not(multiplies({ ...native, multiply: (...all) => native.multiply(...all) || true }), 'which takes weak keys')
  assert.not(multiplies({ ...native, multiply: (out, secretKey) => native.multiply(out, secretKey) }))
  assert.is(nativeMultiplier()?.name, 'sodium-native')

  const calls: string[] = []
  const counted = (end: string): Multiplier => ({
    name: 'counted',
    multiply(out, secretKey, publicKey) {
      calls.push(publicKey ? `${end}: pair` : `${end}: own`)
      return native.multiply(out, secretKey, publicKey)
    },
  })
  const [one, other] = ['client', 'server'].map(
    end => new Core(wasm, undefined, hostPrimitives(nodeCipher(), counted(end))),
  ) as [Core, Core]
  const talk = (version: 1 | 2, clientNative: boolean, serverNative: boolean) => {
    calls.length = 0
    const options = { keyPair: keys, serverKey: otherKeys.publicKey, version, native: clientNative }
    const client = Engine.client(one, options)
    const server = Engine.server(other, { keyPair: otherKeys, versions: [version], native: serverNative })
    handshake({ client, server })
    client.write(someBytes(100))
    assert.equal(Buffer.from(hear(server, client.take()).data), someBytes(100))
    client.close()
    server.close()
    return calls.sort().join(', ')
  }
  const [client, server] = ['client', 'server'].map(
    end => `${end}: own, ${[1, 2, 3].map(() => `${end}: pair`).join(', ')}`,
  )
  assert.is(talk(2, true, true), `${client}, ${server}`)
  assert.is(talk(2, true, false), client)
  assert.is(talk(2, false, true), server)
  assert.is(talk(2, false, false), '')
  assert.is(talk(1, true, true), '', 'version 1 uses none of it')
})

test('padding, messages, control records and rekeying are the same by either kind', () => {
  const core = new Core(wasm, undefined, hostPrimitives(nodeCipher(1)))
  for (const padding of ['none', 'full', { block: 1000 }] as const) {
    const { client, server } = connectedPair(2, { core, padding, rekeyAfter: 40_000 })
    const message = someBytes(30_000)
    for (let round = 0; round < 5; round++) {
      let taken = client.write(message, 0, true)
      const wire = [client.take()]
      for (; taken < message.length; wire.push(client.take())) taken += client.write(message, taken, true)
      const heard = hear(server, Buffer.concat(wire))
      assert.is(hashOf(heard.data), hashOf(message))
      assert.is(heard.events.at(-1), 'message')
      if (padding === 'full') assert.is(Buffer.concat(wire).length % 16_405, 0, 'as without the host’s cipher')
      if (typeof padding === 'object') assert.is(Buffer.concat(wire).length % 1000, 0)
    }
    client.control(7, someBytes(500))
    assert.equal(hear(server, client.take()).events, ['control'])
    assert.equal(Buffer.from(server.controlReceived?.payload ?? []), someBytes(500))
    client.close()
    server.close()
  }
})

/** What is written from here on. Of a socket it is seen below it: one that is wrapped is no plain one. */
function watchWrites(transport: Duplex): Uint8Array[] {
  const given: Uint8Array[] = []
  const handle = Reflect.get(transport, '_handle')
  if (!handle) {
    const { write } = transport
    transport.write = ((...args: Parameters<typeof write>) => {
      given.push(args[0])
      return write.apply(transport, args)
    }) as typeof write
    return given
  }
  const { writeBuffer, writev } = handle
  handle.writeBuffer = (request: unknown, chunk: Uint8Array) => {
    given.push(chunk)
    return writeBuffer.call(handle, request, chunk)
  }
  handle.writev = (request: unknown, chunks: Uint8Array[], allBytes: boolean) => {
    given.push(...chunks)
    return writev.call(handle, request, chunks, allBytes)
  }
  return given
}

test.run()
