// After close, and after each failed handshake, linear memory holds nothing that did not cross the wire.
//
// Two checks over all of memory. Every secret that the test knows is looked for, in pieces of eight bytes. And whatever a fresh
// instance does not have in the same place has to be bytes of the wire, or the allocator's own small numbers: this finds what the
// test does not know, such as chaining keys, box keys, shared secrets, and the stack of libsodium's functions.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, type ServerEngineOptions } from '../../src/engine/index.js'
import { drawKeyPair } from '../../src/keys/pair.js'
import type { Core } from '../../src/wasm/instance.js'
import { sodium } from '../peer/primitives.js'
import { exportKey } from '../peer/transcript.js'
import { clientKeys, codeOf, freshCore, hear, serverKeys, takeAll } from '../support/engines.js'

await sodium.ready

const PLAINTEXT = Buffer.from('plaintext that nobody may find '.repeat(40))
const CONTEXT = Buffer.from('a context of thirty-two bytes !!')

interface Scene {
  core: Core
  client: Engine
  server: Engine
  /** All bytes that crossed the wire, and public keys, which are for everyone to know. */
  wire: Buffer[]
  secrets: Buffer[]
  send(from: Engine, to: Engine): string
}

function scene(version: 1 | 2, server: Partial<ServerEngineOptions> = {}, pinned = serverKeys.publicKey): Scene {
  const secrets = [clientKeys.secretKey, serverKeys.secretKey, CONTEXT, PLAINTEXT.subarray(0, 31)].map(it =>
    Buffer.from(it),
  )
  const core = freshCore(out => {
    crypto.getRandomValues(out as Uint8Array<ArrayBuffer>)
    // Nonces of 24 bytes are public; keys and seeds are not.
    if (out.length !== 24) secrets.push(Buffer.from(out))
  })
  const onKeys = (line: string) => secrets.push(Buffer.from(line.split(' ')[2] ?? '', 'hex'))
  // Version 1 has no context, and a server that serves it takes none.
  const context = version === 2 && !server.versions?.includes(1) && { context: CONTEXT }
  const common = { onKeys, ...context }
  const wire: Buffer[] = [Buffer.from(clientKeys.publicKey), Buffer.from(serverKeys.publicKey)]
  const send = (from: Engine, to: Engine): string => {
    const bytes = takeAll(from)
    wire.push(Buffer.from(bytes))
    return codeOf(() => hear(to, bytes))
  }
  return {
    core,
    wire,
    secrets,
    send,
    client: Engine.client(core, { keyPair: clientKeys, version, serverKey: pinned, ...common }),
    server: Engine.server(core, { keyPair: serverKeys, versions: [version], ...common, ...server }),
  }
}

for (const version of [1, 2] as const) {
  test(`v${version}: after a conversation`, () => {
    const it = connected(version)
    const { client, server } = it
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.write(PLAINTEXT)
      from.rekey()
      from.write(PLAINTEXT, 0, true)
      it.send(from, to)
    }
    if (version === 2) it.secrets.push(Buffer.from(client.exportKey('wiping')))
    client.end()
    server.alert(1, String(PLAINTEXT.subarray(0, 31)))
    it.send(client, server)
    it.send(server, client)
    closeAndSearch(it)
  })

  test(`v${version}: after a close in the middle of everything`, () => {
    const it = connected(version)
    const { client, server } = it
    // Sealed but not sent; a window written to and never sealed; received and not opened; opened and not read.
    client.write(PLAINTEXT)
    it.wire.push(Buffer.from(client.sendWindow()))
    server.receive(client.take())
    assert.is(server.advance(), 'data')
    client.write(PLAINTEXT)
    it.wire.push(Buffer.from(client.sendWindow()))
    client.writeWindow(PLAINTEXT.length).set(PLAINTEXT)
    server.write(PLAINTEXT)
    const cut = server.take()
    it.wire.push(Buffer.from(cut))
    client.receive(cut.subarray(0, cut.length - 1))
    client.advance()
    closeAndSearch(it)
  })

  test(`v${version}: a window that was written to, but never sealed, goes with its buffer`, () => {
    const it = connected(version)
    it.client.writeWindow().set(PLAINTEXT)
    it.client.keepAlive()
    it.client.writeWindow().set(PLAINTEXT, 1000)
    it.send(it.client, it.server)
    closeAndSearch(it)
  })

  test(`v${version}: a window of which only a part was sealed`, () => {
    const it = connected(version)
    fillWith(it.client.writeWindow(), PLAINTEXT)
    it.client.wrote(10)
    it.send(it.client, it.server)
    closeAndSearch(it)
  })

  test(`v${version}: closed at each step of the handshake`, () => {
    for (let steps = 0; steps < 4; steps++) {
      const it = scene(version)
      const turns = [
        [it.client, it.server],
        [it.server, it.client],
        [it.client, it.server],
      ] as const
      for (const [from, to] of turns.slice(0, steps)) it.send(from, to)
      for (const engine of [it.client, it.server]) it.wire.push(Buffer.from(takeAll(engine)))
      closeAndSearch(it)
    }
  })

  test(`v${version}: the handshake fails, whatever is wrong with it, and nothing is left even before close`, () => {
    const flips: [number, 'client' | 'server'][] = [
      [version === 1 ? 40 : 1124 + 5, 'client'],
      [version === 1 ? 110 : 1196 + 5, 'client'],
    ]
    for (const [at] of flips) {
      const it = scene(version)
      it.send(it.client, it.server)
      const challenge = it.server.take()
      it.wire.push(Buffer.from(challenge))
      challenge[at] = (challenge[at] ?? 0) ^ 1
      it.wire.push(Buffer.from(challenge))
      assert.match(
        codeOf(() => it.client.receive(challenge)),
        /^PEER_/,
      )
      // The client failed and is still there; the server waits: it is closed first.
      it.server.close()
      searchForSecrets(it)
      closeAndSearch(it)
    }
    for (const at of [5, 80]) {
      const it = scene(version)
      it.send(it.client, it.server)
      it.send(it.server, it.client)
      const response = it.client.take()
      it.wire.push(Buffer.from(response))
      response[at] = (response[at] ?? 0) ^ 1
      it.wire.push(Buffer.from(response))
      assert.match(
        codeOf(() => it.server.receive(response)),
        /^PEER_/,
      )
      for (const engine of [it.client, it.server]) it.wire.push(Buffer.from(takeAll(engine)))
      it.client.close()
      searchForSecrets(it)
      closeAndSearch(it)
    }
    const mismatch = scene(version, { strangers: 'answer' }, clientKeys.publicKey)
    mismatch.send(mismatch.client, mismatch.server)
    assert.is(mismatch.send(mismatch.server, mismatch.client), 'PEER_KEY_MISMATCH')
    closeAndSearch(mismatch)
    const ignored = scene(version, { strangers: 'ignore' }, clientKeys.publicKey)
    assert.is(ignored.send(ignored.client, ignored.server), 'PEER_NOT_ADDRESSED')
    closeAndSearch(ignored)
    const further = [drawKeyPair(freshCore()), drawKeyPair(freshCore())]
    for (const pinned of [serverKeys, further[1]!, clientKeys]) {
      const several = scene(version, { keyPairs: [serverKeys, ...further] }, pinned.publicKey)
      for (const { publicKey, secretKey } of further) {
        several.wire.push(Buffer.from(publicKey))
        several.secrets.push(Buffer.from(secretKey))
      }
      several.send(several.client, several.server)
      several.send(several.server, several.client)
      several.send(several.client, several.server)
      for (const engine of [several.client, several.server]) several.wire.push(Buffer.from(takeAll(engine)))
      closeAndSearch(several)
    }
    const other = scene(version, { versions: [version === 1 ? 2 : 1] })
    assert.is(other.send(other.client, other.server), 'PEER_VERSION_NOT_SERVED')
    other.send(other.server, other.client)
    closeAndSearch(other)
  })

  test(`v${version}: a record that does not open takes all keys with it`, () => {
    const it = connected(version)
    it.client.write(PLAINTEXT)
    const record = it.client.take()
    it.wire.push(Buffer.from(record))
    record[record.length - 1] = (record[record.length - 1] ?? 0) ^ 1
    it.wire.push(Buffer.from(record))
    assert.is(
      codeOf(() => hear(it.server, record)),
      'PEER_BAD_RECORD',
    )
    it.client.close()
    searchForSecrets(it)
    closeAndSearch(it)
  })

  test(`v${version}: a buffer that held more once than at its end is wiped as far as it was used`, () => {
    const it = connected(version)
    const send = (length: number) => {
      it.client.write(Buffer.alloc(length, PLAINTEXT))
      const record = takeAll(it.client)
      it.wire.push(Buffer.from(record))
      return record
    }
    const long = send(8000)
    const short = send(3000)
    // So much of the short one that it is not parked: it moves to the front, behind it nothing is written any more.
    it.server.receive(Buffer.concat([long, short.subarray(0, 2900)]))
    assert.is(it.server.advance(), 'data')
    it.server.readData()
    assert.is(it.server.advance(), 'idle')
    it.server.receive(short.subarray(2900))
    assert.is(it.server.advance(), 'data')
    it.server.readData()
    assert.is(it.server.advance(), 'idle')
    assert.is(it.core.buffersInUse, 0)
    closeAndSearch(it)
  })
}

test('the search finds what is there: a live channel has its keys in memory', () => {
  const it = connected(2)
  assert.throws(() => search(it), /secret/)
  it.secrets.length = 0
  assert.throws(() => search(it), /never crossed the wire/)
})

function fillWith(window: Uint8Array, text: Buffer): void {
  for (let at = 0; at < window.length; at++) window[at] = text[at % text.length] ?? 0
}

function connected(version: 1 | 2): Scene {
  const it = scene(version)
  assert.is(it.send(it.client, it.server), 'none')
  assert.is(it.send(it.server, it.client), 'none')
  assert.is(it.send(it.client, it.server), 'none')
  assert.is(it.send(it.server, it.client), 'none')
  if (version === 2) it.secrets.push(exporterSecret(it))
  return it
}

/** It lies behind the handshake's hash, and nobody outside of memory has it: what is exported says that it is the one. */
function exporterSecret({ core, server }: Scene): Buffer {
  const memory = Buffer.from(core.bytes.buffer)
  const at = memory.indexOf(server.handshakeHash ?? new Uint8Array(32).fill(1)) + 32
  const secret = Buffer.from(memory.subarray(at, at + 32))
  assert.equal(exportKey(secret, 'which', new Uint8Array(), 32), server.exportKey('which'))
  return secret
}

function closeAndSearch(it: Scene): void {
  it.client.close()
  it.server.close()
  assert.is(it.core.bytesInUse, 0)
  search(it)
}

function search(it: Scene): void {
  searchForSecrets(it)
  searchForStrangers(
    Buffer.from(it.core.bytes.buffer),
    Buffer.concat(it.wire.flatMap(bytes => [bytes, Buffer.alloc(4)])),
  )
}

/** Any piece of a secret of eleven bytes or more has eight of them on a word's boundary, and is found. */
function searchForSecrets({ core, secrets }: Scene): void {
  const pieces = new Map<number, string[]>()
  for (const secret of secrets) {
    for (let at = 0; at + 8 <= secret.length; at++) {
      const word = secret.readUInt32LE(at)
      pieces.set(word, [...(pieces.get(word) ?? []), secret.toString('hex', at, at + 8)])
    }
  }
  const memory = Buffer.from(core.bytes.buffer)
  for (const [index, word] of new Uint32Array(memory.buffer).entries()) {
    const found = word && pieces.get(word)?.includes(memory.toString('hex', 4 * index, 4 * index + 8))
    if (found) throw new Error(`8 bytes of a secret are left at ${4 * index}`)
  }
}

/** A word that is neither in a fresh instance, nor a small number, nor on the wire, was computed, and is still there. */
function searchForStrangers(memory: Buffer, wire: Buffer): void {
  const known = new Set<number>()
  for (let at = 0; at + 4 <= wire.length; at++) known.add(wire.readUInt32LE(at))
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length / 4)
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? 0
    if (word === 0) continue
    const at = 4 * index
    // Pointers, sizes, flags and counters of libsodium’s malloc.
    const small = word < memory.length || word > 0xffff0000 || (word & (word - 1)) === 0
    if (small || word === FRESH.readUInt32LE(at) || known.has(word)) continue
    // A buffer that was used again is wiped as far as it was used, and that may end within a word.
    const rest = memory.subarray(at, at + 4)
    if (rest[0] === 0 && wire.includes(rest.subarray(rest.findIndex(byte => byte !== 0)))) continue
    throw new Error(`the word ${word.toString(16)} at ${at} never crossed the wire`)
  }
}

const FRESH = Buffer.from(freshCore().bytes)

test('what a client copies of its secret key and context is wiped when linear memory has it', () => {
  const { Uint8Array: Real } = globalThis
  const made: Uint8Array[] = []
  const { secretKey } = clientKeys
  const from: unknown[] = [secretKey, CONTEXT]
  globalThis.Uint8Array = class extends Real {
    constructor(...args: [never]) {
      super(...args)
      if (from.includes(args[0])) made.push(this)
    }
  } as typeof Uint8Array
  try {
    const options = { keyPair: clientKeys, serverKey: serverKeys.publicKey, context: CONTEXT }
    Engine.client(freshCore(), options).close()
  } finally {
    globalThis.Uint8Array = Real
  }
  assert.is(made.length, 2)
  assert.ok(made.every(copy => copy.length === 32 && copy.every(byte => byte === 0)))
  assert.ok([secretKey, CONTEXT].every(own => own.some(byte => byte !== 0)))
})

test.run()
