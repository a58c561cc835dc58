// Version 1 with a peer that has the faults of the published program: docs/protocol.md, "The published program".

import { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ChannelError, type ConnectOptions, connect, type SecureServer, type SecureSocket } from '../src/node/index.js'
import { concat, keyPairOf, readU16, systemRandom } from './peer/primitives.js'
import { plaintextOf, TYPE } from './peer/record.js'
import { Opener1, TAG, Writer1 } from './peer/stream1.js'
import { readResponse1, writeChallenge1, writeHello1, writeResponse1 } from './peer/version1.js'
import {
  checkError,
  cleanUpAfter,
  clientKeys,
  guarded,
  next,
  readAll,
  rejects,
  serve,
  serverKeys,
  someBytes,
  track,
} from './support/sockets.js'

cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)
const HEADER = 24
const SIZES = [1, 2, 3, 100, 1000, 8170]

/** What is written within one turn of the event loop comes as one read, and no more than that, however busy the machine is. */
class Wire extends Duplex {
  #other: () => Wire
  #written: Uint8Array[] = []

  constructor(other: () => Wire) {
    super()
    this.#other = other
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: () => void): void {
    if (this.#written.push(chunk) === 1) endOfTurn(() => this.#other().push(concat(...this.#written.splice(0))))
    callback()
  }

  override _final(callback: () => void): void {
    endOfTurn(() => this.#other().push(null))
    callback()
  }
}

/** Behind what follows within this turn, by the callbacks of its writes too; before the next turn, a timer that is due or an immediate. */
function endOfTurn(then: () => void, ticks = 4): void {
  if (ticks === 0) then()
  else process.nextTick(endOfTurn, then, ticks - 1)
}

function wire(): [Wire, Wire] {
  const near: Wire = new Wire(() => far)
  const far: Wire = new Wire(() => near)
  return [track(near), track(far)]
}

/** Bytes as that program reads them: what shares a read with the message before it is lost. */
class LossyReader {
  #reads: Uint8Array[] = []
  #wake: () => void = () => {}
  #ended = false

  constructor(socket: Duplex) {
    socket.on('data', chunk => {
      this.#reads.push(chunk)
      this.#wake()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#wake()
    })
    socket.on('error', () => {})
  }

  message(length: number): Promise<Uint8Array> {
    return this.#take(() => length)
  }

  record(): Promise<Uint8Array> {
    return this.#take(head => (head.length < 2 ? 2 : readU16(head)))
  }

  async #take(lengthOf: (head: Uint8Array) => number): Promise<Uint8Array> {
    let bytes: Uint8Array = new Uint8Array()
    while (bytes.length === 0 || bytes.length < lengthOf(bytes)) {
      const read = this.#reads.shift()
      if (read) bytes = concat(bytes, read)
      else if (this.#ended) throw new Error('the connection has ended')
      else
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
    }
    return bytes.slice(0, lengthOf(bytes))
  }
}

/** The stream as that program speaks it: no tags, no end but a plain close. */
class NaivePeer {
  #socket: Duplex
  #reader: LossyReader
  #writer: Writer1
  #opener: Opener1

  constructor(socket: Duplex, reader: LossyReader, writer: Writer1, opener: Opener1) {
    this.#socket = socket
    this.#reader = reader
    this.#writer = writer
    this.#opener = opener
  }

  static async connect(server: SecureServer, { glued = false } = {}): Promise<NaivePeer> {
    const [socket, far] = wire()
    server.emit('connection', far)
    const reader = new LossyReader(socket)
    const longTerm = keyPairOf(clientKeys.secretKey)
    const { hello, state } = writeHello1({ longTerm, serverKey: serverKeys.publicKey, random: systemRandom })
    socket.write(hello)
    const { response, established } = writeResponse1(await reader.message(176), state)
    const writer = new Writer1(established.clientToServer, systemRandom)
    if (glued) socket.write(concat(response, writer.header))
    else for (const message of [response, writer.header]) socket.write(message)
    const opener = new Opener1(established.serverToClient)
    const peer = new NaivePeer(socket, reader, writer, opener)
    // It speaks first: a server waits for that.
    peer.say(Buffer.from('first'))
    opener.start(await reader.message(HEADER))
    return peer
  }

  static async accept(socket: Duplex): Promise<NaivePeer> {
    const reader = new LossyReader(socket)
    const longTerm = keyPairOf(serverKeys.secretKey)
    const { challenge, state } = writeChallenge1(await reader.message(108), { longTerm, random: systemRandom })
    socket.write(challenge)
    const { clientToServer, serverToClient } = readResponse1(await reader.message(144), state)
    const writer = new Writer1(serverToClient, systemRandom)
    socket.write(writer.header)
    const opener = new Opener1(clientToServer)
    opener.start(await reader.message(HEADER))
    return new NaivePeer(socket, reader, writer, opener)
  }

  say(data: Uint8Array): void {
    this.#socket.write(this.#writer.seal(plaintextOf(TYPE.data, data), TAG.MESSAGE))
  }

  /** The next data; an alert's text. It skips empty records, whatever their tag. */
  async hear(): Promise<string> {
    for (;;) {
      const record = this.#opener.open(await this.#reader.record())
      if (record.kind === 'data') return Buffer.from(record.data).toString('base64')
      if (record.kind === 'alert') return `alert ${record.code} ${record.text}`
    }
  }

  async hearAll(length: number): Promise<Buffer> {
    let heard = Buffer.alloc(0)
    while (heard.length < length) heard = Buffer.concat([heard, Buffer.from(await this.hear(), 'base64')])
    return heard
  }

  close(last?: Uint8Array): void {
    this.#socket.end(last)
  }
}

/** Our server, which sends back what it gets, but for the greeting. */
async function echoServer() {
  const { server } = await serve({ versions: [1], allowTruncation: true })
  const accepted = next(server, 'secureConnection')
  server.on('secureConnection', socket => {
    socket.once('data', greeting => {
      assert.is(greeting.toString(), 'first')
      socket.on('data', data => socket.write(data))
    })
  })
  return { server, accepted }
}

for (const glued of [false, true]) {
  check(`our server and the published client${glued ? ', which glues its header to the response' : ''}`, async () => {
    const { server, accepted } = await echoServer()
    const peer = await NaivePeer.connect(server, { glued })
    const [socket] = (await accepted) as [SecureSocket]
    for (const size of SIZES) {
      const data = someBytes(size)
      peer.say(data)
      assert.is(await peer.hear(), data.toString('base64'), `${size} bytes`)
    }
    const ended = next(socket, 'end')
    peer.close()
    await ended
    await next(socket, 'close')
    assert.is(socket.errored, null)
  })
}

check('our client and the published server', async () => {
  const { accepted, client } = await publishedServer({ allowTruncation: true })
  const peer = await accepted
  for (const size of SIZES) {
    const data = someBytes(size)
    client.write(data)
    assert.is(await peer.hear(), data.toString('base64'), `${size} bytes`)
    peer.say(data)
    assert.ok((await next(client, 'data'))[0].equals(data))
  }
  const ended = next(client, 'end')
  peer.close()
  await ended
})

check('our client may send at once, and a lot', async () => {
  const { accepted, client } = await publishedServer({ allowTruncation: true, keepAlive: 1 })
  const data = someBytes(200_000)
  client.write(data)
  const peer = await accepted
  assert.ok((await peer.hearAll(data.length)).equals(data))
  peer.close()
  assert.is((await readAll(client)).length, 0)
})

check('our server may send many small messages, and a lot', async () => {
  const { server } = await serve({ versions: [1], allowTruncation: true })
  const data = someBytes(200_000)
  server.on('secureConnection', async socket => {
    socket.resume()
    for (let at = 0; at < 20; at++) socket.write(data.subarray(at * 10, at * 10 + 10))
    socket.end(data.subarray(200))
  })
  const peer = await NaivePeer.connect(server)
  assert.ok((await peer.hearAll(data.length)).equals(data))
})

check('a refusal reaches the published client', async () => {
  const { server } = await serve({
    versions: [1],
    authorize: () => {
      throw new ChannelError('PEER_NOT_AUTHORIZED', 'not today')
    },
  })
  const peer = await NaivePeer.connect(server)
  assert.is(await peer.hear(), 'alert 3 not today')
})

check('without allowTruncation its close is no end', async () => {
  const { accepted, client } = await publishedServer()
  ;(await accepted).close()
  await rejects(readAll(client), 'LINK_TRUNCATED')
})

check('with allowTruncation a close in the middle of a record is no end either', async () => {
  const { accepted, client } = await publishedServer({ allowTruncation: true })
  client.write('hello')
  const failure = readAll(client).catch(error => error)
  ;(await accepted).close(Buffer.from([100, 0, 1, 2, 3]))
  checkError(await failure, 'LINK_TRUNCATED')
})

/** Our client, connected to that program. */
async function publishedServer(
  options: Partial<ConnectOptions> = {},
): Promise<{ client: SecureSocket; accepted: Promise<NaivePeer> }> {
  const [near, far] = wire()
  const accepted = NaivePeer.accept(far)
  const target = { stream: near, keyPair: clientKeys, serverKey: serverKeys.publicKey, version: 1 as const }
  return { client: track(await connect({ ...target, ...options })), accepted }
}

test.run()
