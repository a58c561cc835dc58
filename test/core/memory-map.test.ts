// The memory map, compared with memory: with what libsodium's allocator has given out, and with values that are known otherwise.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { type Inspectable, memoryMap, type Region } from '../../src/inspect/index.js'
import { channelFields, handshakeFields, offerFields, stepFields } from '../../src/inspect/memory-fields.js'
import { drawKeyPair } from '../../src/keys/pair.js'
import type { Core } from '../../src/wasm/instance.js'
import { BOX_BYTES, NONCE_BYTES } from '../../src/wire/layout.js'
import * as at from '../../src/wire/memory.js'
import { concat, generichash, openUnder, utf8 } from '../peer/primitives.js'
import { clientKeys, codeOf, freshCore, hear, newPair, serverKeys, takeAll } from '../support/engines.js'
import { cleanUpAfter, pair, VERSIONS } from '../support/sockets.js'
import { giveUpAfter, streamPair, webPair } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)

const moreKeys = [drawKeyPair(freshCore()), drawKeyPair(freshCore())]
const DATA = new Uint8Array(40_000).fill(0x5a)

interface Scene {
  core: Core
  client: Engine
  server: Engine
  keys: string[]
  draws: Uint8Array[]
}

function scene(version: 1 | 2, several = false): Scene {
  const keys: string[] = []
  const draws: Uint8Array[] = []
  const core = freshCore(out => {
    crypto.getRandomValues(out as Uint8Array<ArrayBuffer>)
    draws.push(out.slice())
  })
  const onKeys = (line: string) => keys.push(line.split(' ')[2] ?? '')
  if (!several) return { core, keys, draws, ...newPair(version, { core, onKeys }) }
  const common = { onKeys, native: true }
  const serverKeyList = [moreKeys[1]!, serverKeys, moreKeys[0]!].map(it => it.publicKey)
  const client = Engine.client(core, { keyPair: clientKeys, serverKeys: serverKeyList, version, ...common })
  const keyPairs = [serverKeys, ...moreKeys]
  return { core, keys, draws, client, server: Engine.server(core, { keyPairs, versions: [version], ...common }) }
}

function give(from: Engine, to: Engine): void {
  to.receive(takeAll(from))
  while (to.advance() !== 'idle');
}

/** A conversation, step by step; behind each, memory is as it says. */
const STEPS: [what: string, step: (it: Scene) => void][] = [
  ['two engines', () => {}],
  ['4 bytes of the hello', ({ client, server }) => server.receive(takeInPart(client, 4))],
  ['a part of the hello', ({ client, server }) => server.receive(takeInPart(client, 50))],
  ['hello', ({ client, server }) => give(client, server)],
  ['challenge', ({ client, server }) => give(server, client)],
  ['response', ({ client, server }) => give(client, server)],
  ['what a server says first', ({ client, server }) => give(server, client)],
  ['a write window', ({ client }) => client.writeWindow(100).fill(0x5a, 0, 90)],
  ['a record', ({ client }) => client.wrote(50)],
  ['more records', ({ client }) => client.write(DATA, 0, true)],
  ['a record that went in part', ({ client, server }) => server.receive(takeInPart(client, 30))],
  ['its start, kept without a buffer', ({ server }) => server.advance()],
  ['the rest', ({ client, server }) => server.receive(takeAll(client))],
  ['a message', ({ server }) => assert.is(server.advance(), 'message')],
  ['a part of it read', ({ server }) => server.consume(20)],
  ['all of it read', ({ server }) => void hear(server)],
  [
    'a rekey',
    ({ client, server }) => {
      server.rekey()
      give(server, client)
    },
  ],
  [
    'data, then an alert',
    ({ client, server }) => {
      server.write(DATA.subarray(0, 9))
      server.alert(1, 'so')
      take(server, client)
    },
  ],
  ['the data', ({ client }) => assert.is(client.advance(), 'data')],
  ['the alert', ({ client }) => void hear(client)],
  [
    'the end',
    ({ client, server }) => {
      client.end()
      give(client, server)
    },
  ],
]

function takeInPart(engine: Engine, length: number): Uint8Array {
  const bytes = engine.sendWindow().slice(0, length)
  engine.sent(bytes.length)
  return bytes
}

function take(from: Engine, to: Engine): void {
  to.receive(takeAll(from))
}

for (const version of [1, 2] as const) {
  for (const several of [false, true]) {
    const kind = several ? ' with several keys' : ''
    test(`v${version}: no byte of a channel${kind} is on no region, and no region is outside its memory`, () => {
      const it = scene(version, several)
      for (const [what, step] of STEPS) {
        step(it)
        compare(it, `v${version}, ${what}`)
        search(it, `v${version}, ${what}`)
      }
      it.client.close()
      compare(it, 'one is closed')
      it.server.close()
      compare(it, 'both are closed')
    })
  }

  test(`v${version}: several keys, and that they are zero behind the handshake`, () => {
    const it = scene(version, true)
    const [first] = memoryMap(it.server).filter(region => region.name === 'own secret key 2')
    assert.is(first?.part, 'further keys')
    assert.equal(it.core.copy(first!.pointer, first!.length), moreKeys[0]!.secretKey)
    const [accepted] = memoryMap(it.client).filter(region => region.name === 'accepted server key 3')
    assert.equal(it.core.copy(accepted!.pointer, accepted!.length), moreKeys[0]!.publicKey)
    give(it.client, it.server)
    give(it.server, it.client)
    give(it.client, it.server)
    const gone = memoryMap(it.server)
    assert.is(gone.find(region => region.name === 'own secret key 3')?.state, 'wiped')
    // The allocator has its own numbers in the first 24 bytes of memory that is given back.
    assert.is(gone.find(region => region.name === 'own secret key 2')?.pointer, first!.pointer)
    assert.equal(it.core.copy(first!.pointer + 24, 8), new Uint8Array(8))
  })

  test(`v${version}: what failed keeps no secret`, () => {
    const it = scene(version)
    give(it.client, it.server)
    const challenge = takeAll(it.server)
    challenge[challenge.length - 30]! ^= 1
    assert.throws(() => it.client.receive(challenge))
    compare(it, 'failed')
    for (const region of memoryMap(it.client)) {
      if (region.secret) assert.is(region.state, region.part === 'channel' ? 'zero' : 'wiped', nameOf(region))
    }
  })

  test(`v${version}: names say what is there`, () => {
    const it = scene(version)
    const { client, server } = it
    const here = (engine: Engine, name: string, part?: string) => {
      const found = memoryMap(engine).filter(region => region.name === name && (!part || region.part === part))
      assert.is(found.length, 1, name)
      const { pointer, length } = found[0]!
      return it.core.copy(pointer, length)
    }
    assert.equal(here(client, 'own long-term secret key'), clientKeys.secretKey)
    assert.equal(here(client, 'own long-term public key'), clientKeys.publicKey)
    assert.equal(here(client, 'own session secret key'), it.draws[0])
    assert.equal(here(client, 'expected server key'), serverKeys.publicKey)
    assert.equal(here(client, 'send window'), new Uint8Array(client.sendWindow()))
    const session = here(client, 'own session public key')
    assert.equal(session, client.sendWindow().slice(4, 36))
    if (version === 2) {
      const hello = here(client, 'hello that was sent')
      assert.equal(hello, client.sendWindow().slice())
      // An ML-KEM-768 secret key has its public key in it.
      assert.equal(here(client, 'ML-KEM-768 secret key').slice(1152, 1152 + 1184), hello.slice(36, 36 + 1184))
    }
    give(client, server)
    assert.equal(here(server, 'peer’s session public key'), session)
    const running = version === 2 && {
      h: here(server, 'transcript hash h'),
      ck: here(server, 'chaining key ck', 'handshake'),
    }
    client.receive(takeAll(server))
    const response = takeAll(client)
    if (running) {
      // k = mixKey(empty) opens the box of the client's long-term key.
      const boxKey = generichash(64, running.h, running.ck).slice(32)
      assert.equal(openUnder(boxKey, response.subarray(0, BOX_BYTES)), clientKeys.publicKey)
    }
    assert.is(client.advance(), 'connected')
    server.receive(response)
    assert.is(server.advance(), 'connected')
    hear(client, takeAll(server))
    hear(server, takeAll(client))
    assert.is(it.keys.length, 4)
    assert.equal(here(server, 'peer’s long-term public key'), clientKeys.publicKey)
    for (const direction of ['client to server', 'server to client']) {
      const key = here(client, `record key, ${direction}`)
      assert.equal(here(server, `record key, ${direction}`), key)
      if (version === 2) assert.is(Buffer.from(key).toString('hex'), it.keys[direction.startsWith('client') ? 0 : 1])
    }
    if (version === 2) {
      assert.equal(here(client, 'handshake hash'), client.handshakeHash)
      const exported = generichash(32, concat(Uint8Array.of(3), utf8('map')), here(client, 'exporter secret'))
      assert.equal(client.exportKey('map'), exported)
    }
    for (let records = 0; records < 3; records++) client.write(DATA.subarray(0, 100))
    if (version === 2) assert.equal(here(client, 'send window'), client.sendWindow().slice())
    assert.is(Buffer.from(here(client, 'records sealed under this key, client to server')).readUInt32LE(), 3)
    if (version === 2) assert.is(Buffer.from(here(client, 'counter, client to server')).readBigUInt64LE(), 3n)
    server.receive(takeAll(client))
    server.advance()
    assert.equal(here(server, 'data window'), server.dataWindow().slice())
    client.writeWindow(64)
    assert.is(here(client, 'write window').length, 64)
  })

  test(`v${version}: where secrets were, and that they are zero now`, () => {
    const it = scene(version)
    const { client, server } = it
    const during = new Map([client, server].map(engine => [engine, [] as Region[]]))
    const look = () => {
      for (const [engine, maps] of during) maps.push(...memoryMap(engine).filter(region => region.part === 'handshake'))
    }
    look()
    for (const [from, to] of [
      [client, server],
      [server, client],
      [client, server],
      [server, client],
    ] as const) {
      give(from, to)
      look()
    }
    for (const [engine, seen] of during) {
      const map = memoryMap(engine)
      const gone = map.filter(region => region.state === 'wiped')
      assert.ok(gone.every(region => region.secret))
      for (const name of [
        'own long-term secret key',
        'own session secret key',
        'chaining key ck',
        'session key, client to server',
      ]) {
        const [region] = gone.filter(other => other.part === 'handshake' && other.name === name)
        assert.ok(region, name)
        if (name.startsWith('own'))
          assert.ok(seen.some(other => other.pointer === region!.pointer && other.state === 'set'))
        assert.equal(it.core.copy(region!.pointer, region!.length), new Uint8Array(region!.length))
      }
      for (const secret of [clientKeys.secretKey, serverKeys.secretKey, it.draws[0]!]) {
        assert.is(Buffer.from(it.core.bytes.buffer).indexOf(secret), -1)
      }
      assert.is(
        gone.some(region => region.name === 'ML-KEM-768 secret key'),
        version === 2 && engine === client,
      )
      assert.is(
        gone.some(region => region.part === 'step' && region.name === 'ML-KEM secret'),
        true,
      )
      // Somebody else's bytes are not taken for what is wiped.
      const place = gone.find(region => region.name === 'chaining key ck' && region.part === 'handshake')!
      it.core.bytes[place.pointer + 5] = 1
      assert.is(
        memoryMap(engine).find(other => other.pointer === place.pointer && other.name === place.name)?.state,
        'overwritten',
      )
      it.core.bytes[place.pointer + 5] = 0
    }
  })

  test(`v${version}: a closed channel has nothing, and an earlier map says where its secrets were`, () => {
    const it = scene(version)
    for (const [, step] of STEPS.slice(0, 8)) step(it)
    const before = memoryMap(it.client)
    assert.is(before.find(region => region.name === 'write window')?.state, 'set')
    it.client.close()
    assert.equal(memoryMap(it.client), [])
    const after = memoryMap(it.client, before)
    assert.equal(after.map(nameOf), before.filter(region => region.secret).map(nameOf))
    // The first word of a buffer that is given back names the next idle one.
    const rest = after.filter(region => region.name !== 'head of the next record')
    assert.equal([...new Set(rest.map(region => region.state))], ['wiped'])
  })
}

for (const version of VERSIONS) {
  test(`v${version}: a socket, and a web channel, give their memory to who has asked for it`, async () => {
    const web = (client: object, server: object) => webPair(version, streamPair(), { client, server })
    const sockets = (client: object, server: object) =>
      pair(version, { client, server: { versions: [version], ...server } })
    for (const open of [sockets, web]) {
      const silent = await open({}, { inspect: false })
      for (const it of [silent.client, silent.server]) {
        assert.is(
          codeOf(() => it.memory),
          'USE_BAD_OPTION',
        )
      }
      const told = await open({ inspect: true }, { inspect: true })
      for (const it of [told.client, told.server]) {
        const region = memoryMap(it).find(({ name }) => name === 'peer’s long-term public key')!
        const shown = it.memory.bytes.slice(region.pointer, region.pointer + region.length)
        assert.equal(shown, new Uint8Array(it.remotePublicKey))
      }
    }
  })
}

test('every offset of the layout is on the map', () => {
  const offsets = (prefix: string) =>
    Object.entries(at)
      .filter(([name]) => name.startsWith(prefix) && name !== `${prefix}BYTES`)
      .map(([, offset]) => offset)
  const cipher = offsets('CIPHER_')
  const reader = [...cipher, ...offsets('READER_')].map(offset => at.CHANNEL_READER + offset)
  const writer = [...cipher, ...offsets('WRITER_')].map(offset => at.CHANNEL_WRITER + offset)
  const transcript = offsets('TRANSCRIPT_')
  const running = transcript.filter(offset => offset < at.RUNNING_BYTES).map(offset => at.HANDSHAKE_RUNNING + offset)
  const second = at.HANDSHAKE_SESSION_KEYS + 32
  const boxKey = at.STEP_BOX_KEY + at.BOX_KEY_STATE
  for (const [fields, wanted] of [
    [channelFields(2, true), [...offsets('CHANNEL_'), ...reader, ...writer]],
    [channelFields(1, false), [...offsets('CHANNEL_'), ...reader, ...writer]],
    [handshakeFields(false), [...offsets('HANDSHAKE_'), ...running, second]],
    [handshakeFields(true), [...offsets('HANDSHAKE_'), ...running, second]],
    [offerFields(), offsets('OFFER_')],
    [stepFields(), [...transcript, ...offsets('STEP_'), boxKey]],
  ] as const) {
    const sorted = [...new Set(wanted)].sort((a, b) => a - b)
    assert.equal(
      fields.map(field => field.offset),
      sorted,
    )
    assert.is(new Set(fields.map(field => field.name)).size, fields.length, 'names')
  }
})

/** A secret that is anywhere in memory is on a region that is called one. */
function search({ core, client, server, draws, keys }: Scene, what: string): void {
  const memory = Buffer.from(core.bytes.buffer)
  const regions = [client, server].flatMap(engine => memoryMap(engine))
  const logged = keys.map(key => Buffer.from(key, 'hex'))
  const drawn = draws.filter(bytes => bytes.length !== NONCE_BYTES)
  for (const secret of [...LONG_TERM, DATA.subarray(0, 8), ...drawn, ...logged]) {
    for (let place = memory.indexOf(secret); place >= 0; place = memory.indexOf(secret, place + 1)) {
      const on = regions.find(it => it.pointer <= place && place < it.pointer + it.length && it.state === 'set')
      assert.ok(on?.secret, `${what}: a secret at ${place}, on ${on ? nameOf(on) : 'no region'}`)
    }
  }
}

/** All of what the allocator has given out is the arena's, an idle buffer, or a part of one channel, region behind region. */
function compare({ core, client, server }: Scene, what: string): void {
  const own = [client, server].map(engine => ownOf(engine))
  const sum = own.flat().reduce((bytes, region) => bytes + region.length, 0)
  assert.is(sum, core.bytesInUse, `${what}: bytes on regions, and bytes in use`)
  const idle = idleBuffers(core)
  const left = new Map(own.flat().map(region => [region.pointer, region]))
  for (const { pointer, length } of chunks(core)) {
    if (pointer === core.arena || idle.includes(pointer)) continue
    const part = left.get(pointer)?.part
    assert.ok(part, `${what}: ${length} bytes at ${pointer} are on no region`)
    let end = pointer
    for (let region = left.get(end); region && region.part === part; region = left.get(end)) {
      left.delete(end)
      end += region.length
    }
    assert.ok(end <= pointer + length, `${what}: ${part} ends at ${end}, behind its memory`)
    assert.ok(pointer + length - end < SMALLEST_CHUNK, `${what}: ${part} ends at ${end}, ahead of its memory's end`)
  }
  assert.equal([...left.values()].map(nameOf), [], `${what}: regions outside memory that was given out`)
}

function ownOf(engine: Inspectable): Region[] {
  return memoryMap(engine).filter(region => region.state === 'set' || region.state === 'zero')
}

function nameOf({ part, name }: Region): string {
  return `${part}: ${name}`
}

function idleBuffers(core: Core): number[] {
  const words = new DataView(core.bytes.buffer)
  const found: number[] = []
  for (let it = words.getUint32(core.arena + at.ARENA_FREE, true); it !== 0; it = words.getUint32(it, true))
    found.push(it)
  return found
}

/**
 * libsodium's allocator is Doug Lea's: ahead of what it gives out stands the chunk's size, of which the second lowest bit says that it
 * is given out; behind it begins the next. The arena is the first.
 */
function chunks(core: Core): { pointer: number; length: number }[] {
  const words = new DataView(core.bytes.buffer)
  const found: { pointer: number; length: number }[] = []
  for (let pointer = core.arena; pointer < core.bytes.length; ) {
    const head = words.getUint32(pointer - 4, true)
    const size = head & ~7
    if (size === 0) break
    if (head & 2) found.push({ pointer, length: size - 4 })
    pointer += size
  }
  assert.ok(found.length > 0)
  return found
}

const LONG_TERM = [clientKeys, serverKeys, ...moreKeys].map(it => it.secretKey)
const SMALLEST_CHUNK = 16

test.run()
