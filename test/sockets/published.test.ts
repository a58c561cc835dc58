// Version 1 with the published program, or what stands in for it: docs/protocol.md, "The published program". First that the stand-in
// has the faults, then our pace, then the two together.

import net from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect } from '../../src/node/index.js'
import { secure } from '../../src/web/index.js'
import { concat, keyPairOf, systemRandom, u16 } from '../peer/primitives.js'
import { codeAnd, plaintextOf, TYPE } from '../peer/record.js'
import { Opener1, TAG, Writer1 } from '../peer/stream1.js'
import { readResponse1, writeChallenge1, writeHello1, writeResponse1 } from '../peer/version1.js'
import { rows } from '../published/rows.js'
import { type Client, type Ending, type Server, startClient, startServer } from '../published/standin.js'
import {
  checkError,
  cleanUpAfter,
  clientKeys,
  guarded,
  listen,
  next,
  readAll,
  rejects,
  serve,
  serverKeys,
  track,
} from '../support/sockets.js'
import { asStreams } from '../support/web.js'

cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>, limit?: number) => guarded(test, name, run, limit)

// The stand-in

check('the stand-in loses what comes together with the stream header', async () => {
  assert.is(heard(await toServer(peer => [[peer.header], [say(peer, 'hello')]])), 'hello')
  assert.is(heard(await toServer(peer => [[peer.header, say(peer, 'hello')]])), '')
  // Two bytes or three: the record is no longer than the header.
  assert.is(heard(await toServer(peer => [[peer.header, say(peer, 'hi')]])), 'hi')
})

check('the stand-in loses what comes together with a shorter record before it', async () => {
  const both = (first: string, second: string, together: boolean) =>
    toServer(peer => {
      const records = [say(peer, first), say(peer, second)]
      return [[peer.header], ...(together ? [records] : records.map(it => [it]))]
    })
  assert.is(heard(await both('short', 'a longer one', false)), 'shorta longer one')
  const { heard: lost, ended } = await both('short', 'a longer one', true)
  assert.is(Buffer.from(lost, 'base64').toString(), 'short')
  assert.match(ended, /^(?:FailedToDecryptRecord|InvalidCryptoEnvelopeSize|UnexpectedEndOfStream)$/)
  assert.is(heard(await both('a longer one', 'short', true)), 'a longer oneshort')
  assert.is(heard(await both('equal', 'again', true)), 'equalagain')
  const three = await toServer(peer => [[peer.header], ['one', 'two', 'six'].map(it => say(peer, it))])
  assert.is(heard(three), 'one')
})

check('the stand-in reads runs of full records, however they come', async () => {
  const data = Buffer.alloc(FULL_DATA * 6, 'full ')
  for (const piece of [16_384, 49_152, 5000, 12_000]) {
    const { heard: got, ended } = await toServer(peer => {
      const records = Array.from({ length: 6 }, (_, at) =>
        seal(peer, TYPE.data, data.subarray(at * FULL_DATA, (at + 1) * FULL_DATA)),
      )
      return [[peer.header], ...pieces(concat(...records), piece).map(it => [it])]
    })
    assert.is(ended, 'UnexpectedEndOfStream', `in pieces of ${piece}`)
    assert.ok(Buffer.from(got, 'base64').equals(data))
  }
})

check('the stand-in aborts at a record of 16,384 bytes that comes in pieces', async () => {
  const long = (peer: Writer1) => seal(peer, TYPE.data, Buffer.alloc(16_384 - 22, 'long'))
  assert.is(Buffer.from((await toServer(peer => [[peer.header], [long(peer)]])).heard, 'base64').length, 16_384 - 22)
  assert.ok((await toServer(peer => [[peer.header], ...pieces(long(peer), 9000).map(it => [it])])).aborted)
  // Half of it leaves no room at all to read into.
  const half = await toServer(peer => [[peer.header], ...pieces(long(peer), 8192).map(it => [it])])
  assert.is(half.ended, 'UnexpectedEndOfStream')
  assert.is(half.heard, '')
})

check('the stand-in knows the alerts 1 and 2, and aborts at any other', async () => {
  for (const code of [1, 2]) {
    const { ended } = await toServer(peer => [[peer.header], [seal(peer, TYPE.alert, codeAnd(code, 'bye'))]])
    assert.is(ended, `alert ${code} bye`)
  }
  for (const code of [0, 3, 4, 5, 258]) {
    assert.ok((await toServer(peer => [[peer.header], [seal(peer, TYPE.alert, codeAnd(code, 'bye'))]])).aborted)
  }
  const client = await toClient(peer => [[peer.header], [seal(peer, TYPE.alert, codeAnd(4, 'bye'))]])
  assert.ok(client.aborted)
})

check('the stand-in aborts where a peer leaves between its handshake and its stream header', async () => {
  assert.ok((await toServer(() => [])).aborted)
  assert.ok((await toClient(() => [])).aborted)
  const server = track2(await startServer(serverKeys, ['hear all']))
  const socket = track(net.connect(server.port, '127.0.0.1'))
  socket.write(writeHello1(clientOptions()).hello)
  await next(socket, 'data')
  socket.end()
  assert.is((await server.next()).ended, 'EndOfStream')
})

check('the stand-in tells a key that it has not filled, and skips or misreads empty records', async () => {
  const ending = await toServer(peer => [
    [peer.header],
    [peer.keepAlive()],
    [say(peer, 'hello')],
    [say(peer, 'again')],
    [peer.seal(u16(0), TAG.FINAL)],
  ])
  assert.is(ending.key, 'aa'.repeat(32))
  assert.is(heard(ending), 'helloagain')
  // It takes the end for nothing, and the connection's for one.
  assert.is(ending.ended, 'UnexpectedEndOfStream')
  assert.is((await toServer(peer => [[peer.header], [seal(peer, TYPE.data, new Uint8Array())]])).ended, 'EndOfStream')
})

check('the stand-in takes a hello of any version, and says so where a response is bad', async () => {
  const server = track2(await startServer(serverKeys, ['hear all']))
  const socket = track(net.connect(server.port, '127.0.0.1'))
  const { hello, state } = writeHello1(clientOptions())
  socket.write(concat(new Uint8Array(4), hello.subarray(4)))
  const { response, established } = writeResponse1((await next(socket, 'data'))[0], state)
  const { header } = new Writer1(established.clientToServer, systemRandom)
  response[5]! ^= 1
  socket.write(concat(response, header))
  const opener = new Opener1(established.serverToClient)
  const bytes = await readAll(socket)
  opener.start(bytes.subarray(0, 24))
  const said = opener.open(bytes.subarray(24))
  assert.is(said.kind === 'alert' && said.code, 2)
  assert.is((await server.next()).ended, 'DecryptionFailure')
})

check('the stand-in never sends an end', async () => {
  for (const allowTruncation of [false, true]) {
    const server = track2(await startServer(serverKeys, ['say all of it']))
    const socket = track(await connect({ ...targetOf(server.port), allowTruncation }))
    if (allowTruncation) assert.is((await readAll(socket)).toString(), 'all of it')
    else await rejects(readAll(socket), 'LINK_TRUNCATED')
  }
})

check('with allowTruncation a close in the middle of a record is no end either', async () => {
  const server = track(net.createServer())
  const port = await listen(server)
  const accepted = next(server, 'connection')
  const connecting = connect({ ...targetOf(port), allowTruncation: true })
  const peer = await serveByHand((await accepted)[0])
  peer.socket.write(peer.writer.header)
  const failure = readAll(track(await connecting)).catch(error => error)
  peer.socket.end(Buffer.from([100, 0, 1, 2, 3]))
  checkError(await failure, 'LINK_TRUNCATED')
})

// The pace

check('our client: response and header in one write, and no record before the server’s header', async () => {
  const writes: Write[] = []
  const server = track(net.createServer())
  const port = await listen(server)
  const accepted = next(server, 'connection')
  const connecting = connect({ ...overRecorded(port, writes), allowTruncation: true })
  const peer = await serveByHand((await accepted)[0])
  const socket = track(await connecting)
  socket.write('hello')
  // It waits: for how long, the handshake tells. What comes meanwhile would be the record.
  const held = writes.map(it => it.length)
  assert.equal(held, [108, 168])
  const told = performance.now()
  peer.socket.write(peer.writer.header)
  await peer.heard(1)
  assert.equal(writes.map(it => it.length).slice(2), [27])
  assert.ok(writes[2]!.at > told, 'the record has not waited')
})

check('our client sends after a while where no header comes', async () => {
  const writes: Write[] = []
  const server = track(net.createServer())
  const port = await listen(server)
  const accepted = next(server, 'connection')
  const connecting = connect({ ...overRecorded(port, writes), allowTruncation: true })
  const peer = await serveByHand((await accepted)[0])
  track(await connecting).write('hello')
  await peer.heard(1)
  assert.ok(writes[2]!.at - writes[1]!.at >= 50, 'no while has passed')
})

check('our server: its header at once, its records when the client has spoken or a while has passed', async () => {
  for (const speaks of [true, false]) {
    const writes: Write[] = []
    const { server } = await serve({ versions: [1], allowTruncation: true })
    server.on('secureConnection', socket => socket.on('data', () => {}).write('welcome'))
    const near = await tcpTo(server, writes)
    const { hello, state } = writeHello1(clientOptions())
    near.write(hello)
    const { response, established } = writeResponse1((await next(near, 'data'))[0], state)
    const writer = new Writer1(established.clientToServer, systemRandom)
    near.write(concat(response, writer.header))
    assert.is((await next(near, 'data'))[0].length, 24)
    if (speaks) near.write(say(writer, 'hello'))
    await next(near, 'data')
    assert.equal(
      writes.map(it => it.length),
      [176, 24, 29],
    )
    const waited = writes[2]!.at - writes[1]!.at
    assert.ok(speaks ? waited >= 3 : waited >= 50, `it has waited ${waited} ms`)
  }
})

check('a pause behind every short record, and none behind a full one', async () => {
  const writes: Write[] = []
  const server = track2(await startServer(serverKeys, [`hear ${SHORT.length * 10 + 60_000}`]))
  const socket = track(await connect({ ...overRecorded(server.port, writes), allowTruncation: true }))
  // Each has gone out before the next is written: so they stay apart.
  for (let at = 0; at < 10; at++) await new Promise(resolve => socket.write(SHORT, resolve))
  socket.write(Buffer.alloc(60_000, 'bulk'))
  await server.next()
  const records = writes.slice(2)
  const short = records.filter(it => it.length < 8192)
  assert.ok(short.length > 1, 'no short records')
  assert.ok(records.length - short.length > 1, 'no full records')
  for (const [at, { length, at: time }] of records.entries()) {
    const { at: before = 0, length: last = 8192 } = records[at - 1] ?? {}
    if (last < 8192) assert.ok(time - before >= 3, `${length} bytes ${time - before} ms behind ${last}`)
  }
  // Much data ends in a full record: another burst need not wait.
  assert.is(records.at(-1)?.length, 8192)
})

check('the same over Web Streams', async () => {
  const writes: Write[] = []
  const server = track2(await startServer(serverKeys, [`hear ${SHORT.length * 10}`]))
  const { stream, ...options } = overRecorded(server.port, writes)
  const channel = await secure(asStreams(stream), { ...options, allowTruncation: true })
  channel.closed.catch(() => {})
  for (let at = 0; at < 10; at++) await channel.send(Buffer.from(SHORT))
  assert.is(heard(await server.next()), SHORT.repeat(10))
  assert.equal(
    writes.map(it => it.length),
    [108, 168, ...Array(10).fill(SHORT.length + 22)],
  )
  for (let at = 3; at < writes.length; at++) assert.ok(writes[at]!.at - writes[at - 1]!.at >= 3)
})

check('a refusal is one by its code, or by how the text begins', async () => {
  const cases: [number, string, string][] = [
    [3, 'ask somebody', 'PEER_NOT_AUTHORIZED'],
    [1, 'not authorized: ask somebody', 'PEER_NOT_AUTHORIZED'],
    [1, 'not authorized', 'PEER_NOT_AUTHORIZED'],
    [1, 'not authorized to be slow', 'PEER_ALERT'],
    [2, 'not authorized', 'PEER_ALERT'],
    [4, 'later', 'PEER_ALERT'],
  ]
  for (const [code, text, expected] of cases) {
    const server = track(net.createServer())
    const port = await listen(server)
    const accepted = next(server, 'connection')
    const connecting = connect(targetOf(port))
    const { socket, writer } = await serveByHand((await accepted)[0])
    socket.write(concat(writer.header, seal(writer, TYPE.alert, codeAnd(code, text))))
    const { alert } = await rejects(readAll(track(await connecting)), expected)
    assert.equal(alert, { code, text })
  }
})

check('connect() and destroy() at once: the header is there', async () => {
  const server = track2(await startServer(serverKeys, ['hear all']))
  for (let at = 0; at < 5; at++) {
    ;(await connect(targetOf(server.port))).destroy()
    const { aborted, ended } = await server.next()
    assert.ok(!aborted)
    assert.match(ended, /^(?:UnexpectedEndOfStream|ECONNRESET)$/)
  }
})

check('a transport whose callbacks come late, and a channel that ends meanwhile', async () => {
  for (const what of ['refuse', 'alert', 'destroy']) {
    const { server } = await serve({ versions: [1], authorize: () => what !== 'refuse' })
    server.on('secureConnection', socket => {
      socket.on('error', () => {}).resume()
      if (what === 'alert') socket.alert(1, 'bye').catch(() => {})
      if (what === 'destroy') socket.destroy()
    })
    const [near, far] = latePair()
    const gone = next(far, 'close')
    server.emit('connection', far)
    const client = await connect({ stream: near, keyPair: clientKeys, serverKey: serverKeys.publicKey, version: 1 })
    track(client).resume()
    if (what !== 'destroy') await rejects(readAll(client), what === 'refuse' ? 'PEER_NOT_AUTHORIZED' : 'PEER_ALERT')
    client.destroy()
    near.destroy()
    far.destroy()
    await gone
  }
})

// The two together. Each row of test/published/table.ts once: a machine that is busy for long may keep the stand-in from reading in
// time, so it has three tries.

for (const row of rows({ relays: [25, 60] })) {
  check(
    row.name,
    async () => {
      let good = false
      for (let tries = 0; tries < 3 && !good; tries++) good = await row.run()
      row.stop()
      assert.ok(good)
    },
    60_000,
  )
}

interface Write {
  length: number
  /** When it was written, as of performance.now(). */
  at: number
}

/** A connection to a port, and what our end writes to it. */
function recorded(socket: net.Socket, writes: Write[]): Duplex {
  const duplex = new Duplex({
    read() {
      socket.resume()
    },
    write(chunk: Buffer, _encoding, callback) {
      writes.push({ length: chunk.length, at: performance.now() })
      socket.write(chunk, callback)
    },
    final(callback) {
      socket.end(callback)
    },
    destroy(error, callback) {
      socket.destroy()
      callback(error)
    },
  })
  socket.on('data', chunk => duplex.push(chunk) || socket.pause())
  socket.on('end', () => duplex.push(null))
  socket.on('error', error => duplex.destroy(error))
  return track(duplex)
}

function overRecorded(port: number, writes: Write[]) {
  const stream = recorded(net.connect({ port, host: '127.0.0.1', noDelay: true }), writes)
  return { stream, keyPair: clientKeys, serverKey: serverKeys.publicKey, version: 1 as const }
}

/** A connection to our server, which writes to it through what records it. */
async function tcpTo(server: net.Server, writes: Write[]): Promise<net.Socket> {
  const listener = track(net.createServer(socket => server.emit('connection', recorded(socket, writes))))
  return track(net.connect({ port: await listen(listener), host: '127.0.0.1' }))
}

/** The published program's end of a handshake, by hand. Its header is the caller's to send. */
async function serveByHand(socket: net.Socket) {
  track(socket)
  const hello = (await next(socket, 'data'))[0]
  const { challenge, state } = writeChallenge1(hello, {
    longTerm: keyPairOf(serverKeys.secretKey),
    random: systemRandom,
  })
  socket.write(challenge)
  let bytes = Buffer.alloc(0)
  let wake = () => {}
  socket.on('data', chunk => {
    bytes = Buffer.concat([bytes, chunk])
    wake()
  })
  const reach = async (length: number) => {
    while (bytes.length < length)
      await new Promise<void>(resolve => {
        wake = resolve
      })
  }
  await reach(144)
  const { serverToClient } = readResponse1(new Uint8Array(bytes.subarray(0, 144)), state)
  return {
    socket,
    writer: new Writer1(serverToClient, systemRandom),
    /** Until so many bytes have come behind the client's header. */
    heard: (length: number) => reach(144 + 24 + length),
  }
}

/** What the stand-in makes of a client that sends this behind its response, each group in one write and a read of its own. */
async function toServer(groups: (writer: Writer1) => Uint8Array[][]): Promise<Ending> {
  const server = track2(await startServer(serverKeys, ['hear all']))
  const socket = track(net.connect({ port: server.port, host: '127.0.0.1', noDelay: true }))
  const { hello, state } = writeHello1(clientOptions())
  socket.write(hello)
  const { response, established } = writeResponse1((await next(socket, 'data'))[0], state)
  socket.write(response)
  await send(socket, server, groups(new Writer1(established.clientToServer, systemRandom)))
  return await server.next()
}

/** The same of a server, behind its challenge. */
async function toClient(groups: (writer: Writer1) => Uint8Array[][]): Promise<Ending> {
  const listener = track(net.createServer())
  const port = await listen(listener)
  const client = track2(startClient(clientKeys, serverKeys.publicKey))
  const accepted = next(listener, 'connection')
  const ending = client.call(port, ['hear all'])
  const { socket, writer } = await serveByHand((await accepted)[0])
  await send(socket, client, groups(writer))
  return await ending
}

/** Has the stand-in read each group alone. One that aborts before may reset the connection. */
async function send(socket: net.Socket, standIn: Server | Client, groups: Uint8Array[][]): Promise<void> {
  socket.on('error', () => {})
  for (const group of groups) {
    socket.write(concat(...group))
    await standIn.took(socket.bytesWritten)
  }
  socket.end()
}

function say(writer: Writer1, text: string): Uint8Array {
  return seal(writer, TYPE.data, Buffer.from(text))
}

function seal(writer: Writer1, type: number, data: Uint8Array): Uint8Array {
  return writer.seal(plaintextOf(type, data), TAG.MESSAGE)
}

function pieces(bytes: Uint8Array, length: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
    bytes.slice(at * length, (at + 1) * length),
  )
}

function heard(ending: Ending): string {
  return Buffer.from(ending.heard, 'base64').toString()
}

function clientOptions() {
  return { longTerm: keyPairOf(clientKeys.secretKey), serverKey: serverKeys.publicKey, random: systemRandom }
}

function targetOf(port: number) {
  return { host: '127.0.0.1', port, keyPair: clientKeys, serverKey: serverKeys.publicKey, version: 1 as const }
}

/** Stops a stand-in behind the test. */
function track2<T extends { stop(): void }>(it: T): T {
  track({ on: () => {}, destroy: () => it.stop() })
  return it
}

/** Two ends of which each has its bytes at once, and calls back later. */
function latePair(): [Duplex, Duplex] {
  const end = (other: () => Duplex) =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, callback) {
        other().push(Buffer.from(chunk))
        setTimeout(callback, 5)
      },
      final(callback) {
        other().push(null)
        callback()
      },
    })
  const near: Duplex = end(() => far)
  const far: Duplex = end(() => near)
  return [track(near), track(far)]
}

const FULL_DATA = 8192 - 22
const SHORT = 'a short message'

test.run()
