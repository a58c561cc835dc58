// Large writes of one turn: the last bytes of each go in one record with the next one, and none is late or lost.

import { execFile } from 'node:child_process'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSocket, encodePublicKey, type SecureSocket } from '../../src/node/index.js'
import { LIMITS } from '../support/engines.js'
import {
  cleanUpAfter,
  closed,
  dial,
  duplexPair,
  failureOf,
  guarded,
  hashOf,
  next,
  pair,
  pairOver,
  plainPair,
  plainServer,
  readAll,
  readUntilError,
  serve,
  serverKeys,
  someBytes,
  track,
  turn,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)

// Fills no number of records, and is more than a stream's buffer holds.
const PIECE = 100_000
const OVERHEAD = 21

/** Writes the bytes in pieces, as long as there is room for more, and ends. */
function pour(socket: SecureSocket, data: Buffer): void {
  for (let at = 0; at < data.length; ) {
    const goesOn = socket.write(data.subarray(at, at + PIECE))
    at += PIECE
    if (!goesOn) return void socket.once('drain', () => pour(socket, data.subarray(at)))
  }
  socket.end()
}

/** How many bytes this stream is written, from now on. */
function bytesOf(stream: Duplex): () => number {
  const { write } = stream
  let bytes = 0
  stream.write = ((...args: Parameters<typeof write>) => {
    bytes += args[0].length
    return write.apply(stream, args)
  }) as typeof write
  return () => bytes
}

check('they fill the records of all of them', async () => {
  const { client, server, serverTransport } = await pair(2)
  const before = serverTransport.bytesRead
  const data = someBytes(30 * PIECE)
  const heard = readAll(server)
  pour(client, data)
  assert.is(hashOf(await heard), hashOf(data))
  const records = Math.ceil(data.length / LIMITS[2])
  // The end has one of its own; and there are some of control.
  const overhead = serverTransport.bytesRead - before - data.length
  assert.ok(overhead < (records + 5) * OVERHEAD, `${overhead / OVERHEAD} records in place of ${records}`)
})

check('when a write is called back, all of it has been handed on', async () => {
  const [near, far] = duplexPair()
  const { client, server } = await pairOver(2, [near, far])
  const sent = bytesOf(near)
  server.resume()
  for (let writes = 1; writes < 4; writes++) {
    await new Promise<void>(resolve => client.write(someBytes(PIECE), () => resolve()))
    assert.ok(sent() > writes * PIECE, `${sent()} bytes`)
  }
})

check('called back by a transport that lets it wait, too', async () => {
  const [near, far] = duplexPair({ highWaterMark: 1000 })
  const { client, server } = await pairOver(2, [near, far])
  const sent = bytesOf(near)
  const calledBack = new Promise<number>(resolve => client.write(someBytes(PIECE), () => resolve(sent())))
  await turn()
  server.resume()
  assert.ok((await calledBack) > PIECE)
})

// Writes large chunks, and has what they hold changed as soon as it may be; returns what the peer is to get.
const REUSING: Record<string, (client: SecureSocket, chunk: () => Buffer, done: () => void) => Buffer[]> = {
  'in a drain behind a small write and a large one'(client, chunk, done) {
    const chunks = [Buffer.from('small'), chunk()]
    for (const it of chunks) client.write(it)
    client.once('drain', done)
    return chunks
  },
  'in a callback that is that of the write before, too'(client, chunk, done) {
    const chunks = [Buffer.alloc(LIMITS[2] * 4), chunk()]
    let writes = 0
    const callback = () => void (++writes === chunks.length && done())
    for (const it of chunks) client.write(it, callback)
    return chunks
  },
  'in the callback of a write that has waited for the start'(client, chunk, done) {
    const chunks = [chunk()]
    for (const it of chunks) client.write(it, done)
    return chunks
  },
}
for (const [when, write] of Object.entries(REUSING)) {
  check(`their memory is used again ${when}: what goes out is what was written`, async () => {
    const { server: listener, port } = await serve({ keyPair: serverKeys })
    const accepted = next(listener, 'secureConnection')
    const target = { host: '127.0.0.1', port, serverKey: serverKeys.publicKey }
    const client = track(connectSocket(target))
    if (!when.endsWith('start')) await next(client, 'secureConnect')
    const chunks = write(
      client,
      () => Buffer.from(someBytes(PIECE)),
      () => {
        for (const it of chunks) it.fill(0)
        client.end()
      },
    )
    const expected = hashOf(Buffer.concat(chunks))
    const [server] = await accepted
    assert.is(hashOf(await readAll(server as SecureSocket)), expected)
  })
}

check('what is written to a peer that answers within the write is not lost', async () => {
  const { client, server } = await pairOver(2, duplexPair({ highWaterMark: 1_000_000 }), {
    client: { allowHalfOpen: true },
    server: { allowHalfOpen: true },
  })
  server.on('data', chunk => server.write(chunk))
  server.once('end', () => server.end())
  const answers = ['c', 'd', 'e']
  client.on('data', () => {
    const answer = answers.shift()
    if (answer) client.write(answer)
    else client.end()
  })
  const heard = readAll(client)
  await turn()
  client.cork()
  client.write('a')
  client.write('b')
  client.uncork()
  assert.is((await heard).toString(), 'abcde')
})

check('a new key is for what is written behind it', async () => {
  const [near, far] = await plainPair()
  const { client, server } = await pairOver(2, [near, far])
  const sent = bytesOf(near)
  server.resume()
  client.write(someBytes(PIECE))
  client.rekey()
  assert.ok(sent() > PIECE, `${sent()} bytes`)
})

check(
  'called back as done, they have been handed on, though a corrupt record comes right behind what they answer',
  async () => {
    const { server: listener, port } = await serve()
    const accepted = next(listener, 'secureConnection')
    const held: Buffer[] = []
    const sizeHeld = () => held.reduce((size, it) => size + it.length, 0)
    let holds = false
    const onward = track(net.connect(port, '127.0.0.1'))
    const relay = await plainServer(near => {
      onward.pipe(near)
      near.on('data', chunk => void (holds ? held.push(chunk) : onward.write(chunk)))
    })
    const client = await dial(relay)
    await client.accepted
    const [server] = await accepted
    holds = true
    // Two records, which come at once.
    for (const size of [1000, 2000]) {
      client.write(someBytes(1000))
      await until(() => sizeHeld() > size)
    }
    const calledBack = new Promise<unknown>(resolve =>
      server.once('data', () => server.write(someBytes(PIECE), (error: unknown) => resolve(error ?? 'done'))),
    )
    const failure = failureOf(server)
    const bytes = Buffer.concat(held)
    bytes[bytes.length - 1]! ^= 1
    onward.write(bytes)
    const { data } = await readUntilError(client)
    assert.is((await failure).code, 'PEER_BAD_RECORD')
    assert.is(await calledBack, 'done')
    assert.is(data.length, PIECE)
  },
)

const LEAVING: Record<string, (client: SecureSocket) => void> = {
  'at once': client => {
    client.write(someBytes(PIECE))
    client.destroy()
  },
  'when it is called back': client => void client.write(someBytes(PIECE), () => client.destroy()),
}
for (const [when, leave] of Object.entries(LEAVING)) {
  check(`destroyed ${when}: the peer has all of it`, async () => {
    const { client, server } = await pair(2)
    const heard = readUntilError(server)
    leave(client)
    const { data, error } = await heard
    assert.is(error.code, 'LINK_TRUNCATED')
    assert.is(data.length, PIECE)
  })
}

const LOST: Record<string, [code: string, lose: (client: SecureSocket, transport: Duplex) => void]> = {
  'the socket': ['USE_CLOSED', client => client.destroy()],
  'the connection below': ['LINK_TRUNCATED', (_, transport) => transport.destroy()],
}
for (const [what, [code, lose]] of Object.entries(LOST))
  for (const size of [60_000, PIECE]) {
    check(`a write of ${size} bytes that waits for the connection to take it fails with ${what}`, async () => {
      const { client, clientTransport } = await pairOver(2, await plainPair())
      client.on('error', () => {})
      clientTransport.cork()
      const calledBack = new Promise<Error | null | undefined>(resolve => client.write(someBytes(size), resolve))
      await turn()
      lose(client, clientTransport)
      assert.is(((await calledBack) as NodeJS.ErrnoException | undefined)?.code, code)
    })
  }

for (const size of [1, 60_000, PIECE]) {
  check(
    `a write of ${size} bytes to a connection that has closed fails, though what came waits to be read`,
    async () => {
      const { client, server, clientTransport } = await pairOver(2, await plainPair())
      client.on('error', () => {})
      server.on('error', () => {}).write(someBytes(4 * PIECE))
      await next(client, 'readable')
      clientTransport.destroy()
      await closed(clientTransport)
      assert.is(client.destroyed, false)
      const error = await new Promise<Error | null | undefined>(resolve => client.write(someBytes(size), resolve))
      assert.is((error as NodeJS.ErrnoException | undefined)?.code, 'LINK_TRUNCATED')
    },
  )
}

check('a process that exits when its write is called back has sent all of it', async () => {
  const { server: listener, port } = await serve({ keyPair: serverKeys })
  const accepted = next(listener, 'secureConnection')
  const node = fileURLToPath(new URL('../../src/node/index.js', import.meta.url))
  const address = `nopki://${encodePublicKey(serverKeys.publicKey)}@127.0.0.1:${port}`
  const program = `
    import { connect, generateKeyPair } from ${JSON.stringify(node)}
    const socket = await connect(${JSON.stringify(address)}, { keyPair: generateKeyPair() })
    await socket.accepted
    socket.write(Buffer.alloc(${PIECE}), () => process.exit())`
  const ended = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const [server] = await accepted
  const { data } = await readUntilError(server as SecureSocket)
  assert.is(data.length, PIECE)
  await ended
})

check('what else is done in this turn is behind them: a message, a new key, the end', async () => {
  const { client, server } = await pair(2)
  const messages: number[] = []
  client.write(someBytes(PIECE))
  client.rekey()
  void client.send(someBytes(10))
  void client.send(someBytes(20))
  client.end()
  for await (const message of server.messages()) messages.push(message.length)
  assert.equal(messages, [PIECE + 10, 20])
})

check('with a reader that stalls, both ways, in any sizes', async () => {
  const { client, server } = await pair(2, { both: { allowHalfOpen: true } })
  const data = someBytes(40 * PIECE + 77)
  const pace = () => new Promise<void>(resolve => setTimeout(resolve, 1))
  const heard = [readAll(server, pace), readAll(client, pace)]
  for (const end of [client, server]) pour(end, data)
  for (const all of heard) assert.is(hashOf(await all), hashOf(data))
})

test.run()
