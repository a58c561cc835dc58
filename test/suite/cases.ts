// What holds in every runtime, over every carrier. A case is one name in the report; it throws where it fails.

import { block, Digest, join, MIB, text, utf8 } from './bytes.js'
import { type End, type Pair, readAll, type Setup } from './carrier.js'
import { equal, fails, hex, ok } from './check.js'

/** What a case works with. */
export interface Bench {
  connect(setup: Setup): Promise<Pair>
  generateKeyPair(): KeyPair | Promise<KeyPair>
}

type KeyPair = Setup['server']['keyPair']

export interface Case {
  name: string
  /** Once in every runtime is enough. */
  bulk?: true
  run(bench: Bench): Promise<void>
}

export const CASES: readonly Case[] = [
  { name: 'version 2, pinned', run: bench => meet(bench, 2, true) },
  { name: 'version 2, not pinned', run: bench => meet(bench, 2, false) },
  { name: 'version 1, pinned', run: bench => meet(bench, 1, true) },
  { name: 'version 1, not pinned', run: bench => meet(bench, 1, false) },
  { name: 'version 2, one byte at a time', run: bench => meet(bench, 2, true, 'bytes') },
  { name: 'version 1, one byte at a time', run: bench => meet(bench, 1, true, 'bytes') },
  { name: 'a wrong key', run: wrongKey },
  { name: 'a version that is not served', run: wrongVersion },
  { name: 'a client that is not authorized', run: notAuthorized },
  { name: 'a client that waits is told whether it is served', run: waiting },
  { name: 'what happens to options later changes nothing', run: changed },
  { name: 'an alert', run: alert },
  { name: 'a connection cut short', run: cutShort },
  { name: 'a channel abandoned', run: abandoned },
  { name: 'one direction ends, the other goes on', run: halfClose },
  { name: 'for await over what comes', run: iterated },
  { name: '64 MiB both ways', bulk: true, run: bulk },
  { name: 'keys that change every 1000 bytes', run: rekeyed },
  { name: 'messages keep their bounds', run: messages },
  { name: 'a slow reader holds the writer back', run: slowReader },
  { name: 'a signal aborts the handshake', run: aborted },
  { name: 'what cannot be is refused at once', run: badOptions },
]

async function meet(bench: Bench, version: 1 | 2, pinned: boolean, wire: Setup['wire'] = 'whole'): Promise<void> {
  const [ours, theirs] = [await bench.generateKeyPair(), await bench.generateKeyPair()]
  const pair = await bench.connect({
    client: { keyPair: ours, version, serverKey: pinned ? theirs.publicKey : 'any' },
    server: { keyPair: theirs, versions: [version], strangers: pinned ? 'ignore' : 'answer', authorize: 'anyone' },
    wire,
  })
  await withEnds(pair, async (client, server) => {
    equal(client.remotePublicKey, theirs.publicKey, 'the key that the server proved')
    equal(server.remotePublicKey, ours.publicKey, 'the key that the client proved')
    equal([client.version, server.version], [version, version], 'the versions')
    equal(hex(client.handshakeHash), hex(server.handshakeHash), 'the handshake hashes')
    if (version === 2) {
      equal(client.handshakeHash?.length, 32, 'the length of the handshake hash')
      equal(client.exportKey('suite', 'a'), server.exportKey('suite', 'a'), 'exported keys')
      ok(hex(client.exportKey('suite', 'a')) !== hex(client.exportKey('suite', 'b')), 'contexts make a difference')
    }
    await echo(client, server, block(0, 3000))
  })
}

async function wrongKey(bench: Bench): Promise<void> {
  const setup = await setupOf(bench)
  const other = (await bench.generateKeyPair()).publicKey
  const pair = await bench.connect({ ...setup, client: { ...setup.client, serverKey: other } })
  const error = await fails(pair.client, 'PEER_KEY_MISMATCH', 'the client')
  ok(/re-keyed/.test(error.message), 'the error says what to do')
  await fails(pair.server, 'LINK_CLOSED', 'the server')
}

async function wrongVersion(bench: Bench): Promise<void> {
  const setup = await setupOf(bench)
  const pair = await bench.connect({ ...setup, client: { ...setup.client, version: 1 } })
  await Promise.all([
    fails(pair.client, 'LINK_CLOSED', 'the client'),
    fails(pair.server, 'PEER_VERSION_NOT_SERVED', 'the server'),
  ])
}

async function notAuthorized(bench: Bench): Promise<void> {
  const { client, server } = await setupOf(bench)
  const asked: string[] = []
  const authorize = (peer: { publicKey: Uint8Array }) => {
    asked.push(hex(peer.publicKey))
    return false
  }
  const pair = await bench.connect({ client, server: { ...server, authorize } })
  const served = fails(pair.server, 'PEER_NOT_AUTHORIZED', 'the server')
  const refused = await fails(
    pair.client.then(it => it.read()),
    'PEER_NOT_AUTHORIZED',
    'the client',
  )
  equal(refused.alert?.code, 3, 'the alert’s code')
  await served
  equal(asked, [hex(client.keyPair.publicKey)], 'who was asked for')
}

function alert(bench: Bench): Promise<void> {
  return withPair(bench, async (client, server) => {
    // Nothing waits for them: the alert goes behind all that was written.
    const before = ['what ', 'came ', 'before']
    const written = Promise.all(before.map(it => server.write(utf8(it))))
    written.catch(() => {})
    const told = server.alert(4, 'until tomorrow')
    let heard = ''
    while (heard.length < before.join('').length) heard += text((await client.read()) ?? utf8(''))
    equal(heard, before.join(''), 'what came before the alert')
    await written
    const error = await fails(client.read(), 'PEER_ALERT', 'reading on')
    equal(error.alert, { code: 4, text: 'until tomorrow' }, 'the alert')
    await client.abandon()
    await told.catch(() => {})
  })
}

function cutShort(bench: Bench): Promise<void> {
  return withPair(bench, async (client, server, pair) => {
    await server.write(utf8('some of it'))
    equal(text((await client.read()) ?? utf8('')), 'some of it', 'what came before the cut')
    pair.cut()
    await fails(readAll(client), 'LINK_TRUNCATED', 'the client’s reading')
    await fails(readAll(server), 'LINK_TRUNCATED', 'the server’s reading')
  })
}

function abandoned(bench: Bench): Promise<void> {
  return withPair(bench, async (client, server) => {
    await echo(client, server, utf8('there and back'), false)
    await client.abandon()
    await fails(readAll(server), 'LINK_TRUNCATED', 'reading what the other end abandoned')
  })
}

function halfClose(bench: Bench): Promise<void> {
  return withPair(bench, async (client, server) => {
    await client.write(utf8('the question'))
    await client.end()
    equal(text(join(await readAll(server))), 'the question', 'what the server read until the end')
    await server.write(utf8('the '))
    await server.write(utf8('answer'))
    await server.end()
    equal(text(join(await readAll(client))), 'the answer', 'what came back after the end')
  })
}

/** Whoever leaves early gives the channel up. */
async function iterated(bench: Bench): Promise<void> {
  await withPair(bench, async (client, server) => {
    const sent = client.write(block(0, 100_000)).then(() => client.end())
    const chunks: Uint8Array[] = []
    for await (const chunk of server.chunks()) chunks.push(chunk)
    await sent
    ok(same(join(chunks), block(0, 100_000)), 'what came is what was sent')
  })
  await withPair(bench, async (client, server) => {
    await server.write(utf8('some of it'))
    let first = ''
    for await (const chunk of client.chunks()) {
      first = text(chunk)
      break
    }
    equal(first, 'some of it', 'what came first')
    await fails(readAll(server), 'LINK_TRUNCATED', 'reading what the other end gave up')
  })
}

function bulk(bench: Bench): Promise<void> {
  return withPair(bench, async (client, server) => {
    const hashes = await Promise.all([pour(client, 0), pour(server, 1000), drain(server), drain(client)])
    equal(hashes[2], hashes[0], 'the SHA-256 of what went to the server')
    equal(hashes[3], hashes[1], 'the SHA-256 of what went to the client')
    ok(hashes[0] !== hashes[1], 'the two directions carry different bytes')
  })
}

async function rekeyed(bench: Bench): Promise<void> {
  const { client, server } = await setupOf(bench)
  const often = { rekeyAfter: 1000 }
  const pair = await bench.connect({ client: { ...client, ...often }, server: { ...server, ...often } })
  await withEnds(pair, async (client, server) => {
    for (let index = 0; index < 20; index++) await echo(client, server, block(index, 10_000), index === 19)
  })
}

function messages(bench: Bench): Promise<void> {
  const sizes = [0, 1, 17, 16_384, 70_000, 0, MIB + 7]
  return withPair(bench, async (client, server) => {
    const sent = (async () => {
      for (const [index, size] of sizes.entries()) await client.send(block(index, size))
      await client.end()
    })()
    const got: Uint8Array[] = []
    for await (const message of server.messages()) got.push(message)
    await sent
    equal(
      got.map(it => it.length),
      sizes,
      'the sizes of the messages',
    )
    for (const [index, message] of got.entries()) ok(same(message, block(index, message.length)), `message ${index}`)
  })
}

/** The writer is let run for as long as it can between any two reads. */
function slowReader(bench: Bench): Promise<void> {
  const total = 32
  return withPair(bench, async (client, server) => {
    const written = new Digest()
    let ahead = 0
    const writing = (async () => {
      for (let index = 0; index < total * 4; index++) {
        const bytes = block(index, MIB / 4)
        await server.write(bytes)
        written.update(bytes)
      }
      await server.end()
    })()
    const read = new Digest()
    await stalled(() => written.length)
    ok(written.length < AHEAD, `without a reader ${written.length} bytes were taken`)
    for (let chunk = await client.read(); chunk; chunk = await client.read()) {
      ahead = Math.max(ahead, written.length - read.length)
      read.update(chunk)
    }
    await writing
    ok(ahead < AHEAD, `the writer was ${ahead} bytes ahead of the reader`)
    equal(read.length, total * MIB, 'the bytes that were read')
    equal(await read.hex(), await written.hex(), 'their SHA-256')
  })
}

async function waiting(bench: Bench): Promise<void> {
  const { client, server } = await setupOf(bench)
  const patient = { ...client, waitForAccept: true }
  await withEnds(await bench.connect({ client: patient, server }), async () => {})
  const refused = await bench.connect({ client: patient, server: { ...server, authorize: () => false } })
  refused.server.catch(() => {})
  await fails(refused.client, 'PEER_NOT_AUTHORIZED', 'a client that waits')
}

async function changed(bench: Bench): Promise<void> {
  const setup = await setupOf(bench)
  const { publicKey } = setup.server.keyPair
  const [key, pinned] = [publicKey.slice(), publicKey.slice()]
  const pair = await bench.connect({ ...setup, client: { ...setup.client, serverKey: pinned, padding: { block: 64 } } })
  setup.server.keyPair.secretKey.fill(9)
  pinned.fill(9)
  await withEnds(pair, async client => equal(client.remotePublicKey, key, 'the key that was pinned'))
}

async function aborted(bench: Bench): Promise<void> {
  const { client, server } = await setupOf(bench)
  const abort = new AbortController()
  abort.abort()
  const pair = await bench.connect({ client: { ...client, signal: abort.signal }, server })
  await fails(pair.client, 'AbortError', 'the client')
}

async function badOptions(bench: Bench): Promise<void> {
  const { client, server } = await setupOf(bench)
  const short = new Uint8Array(31)
  const wrong: [Partial<Setup['client']>, string][] = [
    [{ keyPair: { publicKey: client.keyPair.publicKey, secretKey: short } }, 'USE_BAD_KEY'],
    [{ serverKey: short }, 'USE_BAD_KEY'],
    [{ version: 3 as 2 }, 'USE_BAD_OPTION'],
    [{ padding: { block: -1 } }, 'USE_BAD_OPTION'],
    [{ rekeyAfter: 0 }, 'USE_BAD_OPTION'],
    [{ serverKey: undefined as never }, 'USE_BAD_OPTION'],
    [{ serverkey: short } as object, 'USE_BAD_OPTION'],
    [{ context: '\ud800' }, 'USE_BAD_OPTION'],
    [{ waitForAccept: true, version: 1 }, 'USE_VERSION'],
  ]
  for (const [options, code] of wrong) {
    const pair = await bench.connect({ client: { ...client, ...options }, server })
    await fails(pair.client, code, `a client with a bad ${Object.keys(options)}`)
  }
}

async function setupOf({ generateKeyPair }: Bench): Promise<Setup> {
  const server = await generateKeyPair()
  return {
    client: { keyPair: await generateKeyPair(), serverKey: server.publicKey },
    server: { keyPair: server, authorize: 'anyone' },
  }
}

async function withPair(bench: Bench, use: (client: End, server: End, pair: Pair) => Promise<void>): Promise<void> {
  await withEnds(await bench.connect(await setupOf(bench)), use)
}

async function withEnds(pair: Pair, use: (client: End, server: End, pair: Pair) => Promise<void>): Promise<void> {
  const ends = await Promise.all([pair.client, pair.server])
  await use(...ends, pair)
}

/** There and back, and, unless told otherwise, the end of both directions. */
async function echo(client: End, server: End, bytes: Uint8Array, ends = true): Promise<void> {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    await from.write(bytes)
    const chunks: Uint8Array[] = []
    for (let length = 0; length < bytes.length; ) {
      const chunk = await to.read()
      ok(chunk, 'no end before all has come')
      chunks.push(chunk)
      length += chunk.length
    }
    ok(same(join(chunks), bytes), 'what came is what was sent')
  }
  if (!ends) return
  await Promise.all([client.end(), server.end()])
  equal(
    [await client.read(), await server.read()].map(it => it === undefined),
    [true, true],
    'both ends came',
  )
}

async function pour(end: End, first: number): Promise<string> {
  const digest = new Digest()
  for (let index = 0; index < BULK; index++) {
    const bytes = block(first + index)
    digest.update(bytes)
    await end.write(bytes)
  }
  await end.end()
  return digest.hex()
}

async function drain(end: End): Promise<string> {
  const digest = new Digest()
  let chunks = 0
  for (let chunk = await end.read(); chunk; chunk = await end.read()) {
    digest.update(chunk)
    chunks++
  }
  equal(digest.length, BULK * MIB, 'the bytes that came')
  ok(digest.length / chunks >= 16_384, `bulk comes in large chunks, not in ${chunks}`)
  return digest.hex()
}

/** Resolves when a count has not moved in as many turns of the event loop as would do to move it. */
async function stalled(count: () => number): Promise<void> {
  for (let turns = 0, last = -1; turns < 100; turns++) {
    if (count() !== last) turns = 0
    last = count()
    await new Promise(resolve => setTimeout(resolve))
  }
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}

const BULK = 64
// What the system’s socket buffers may hold between two ends of a TCP connection, and some.
const AHEAD = 20 * MIB
