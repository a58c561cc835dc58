// Data through a SecureSocket: records, pieces, back-pressure.

import { createHash } from 'node:crypto'
import { type Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LIMITS } from '../support/engines.js'
import {
  cleanUpAfter,
  delay,
  hashOf,
  inBothVersions,
  MEGABYTE,
  next,
  PIECE,
  pair,
  readAll,
  someBytes,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

inBothVersions(test, (version, check) => {
  check('small writes of one turn go in few records, the first at once; each is called back, in order', async () => {
    const { client, server, serverTransport } = await pair(version)
    const before = serverTransport.bytesRead
    const done: number[] = []
    const heard = readAll(server)
    for (let at = 0; at < 1000; at++) client.write(someBytes(12), () => done.push(at))
    assert.is(client.bytesWritten, 12, 'the first')
    client.write(someBytes(5), () => client.end())
    client.rekey()
    assert.is(hashOf(await heard), hashOf(Buffer.concat([...Array(1000).fill(someBytes(12)), someBytes(5)])))
    assert.equal(done, [...Array(1000).keys()])
    const overhead = serverTransport.bytesRead - before - 12_005
    assert.ok(overhead < 10 * 30, `${overhead} bytes more than what was written`)
  })

  check('write, and for await', async () => {
    const { client, server } = await pair(version)
    client.write('hello, ')
    client.end('world')
    let heard = ''
    for await (const chunk of server) heard += chunk
    assert.is(heard, 'hello, world')
    assert.is(server.bytesRead, 12)
    assert.is(client.bytesWritten, 12)
  })

  check('tens of megabytes both ways at once, through pipelines', async () => {
    const { client, server } = await pair(version, { both: { allowHalfOpen: true } })
    const pieces = version === 2 ? 480 : 240
    const hashes = await Promise.all([
      pour(client, pieces, 'a'),
      pour(server, pieces, 'b'),
      drink(server),
      drink(client),
    ])
    assert.is(hashes[0], hashes[2])
    assert.is(hashes[1], hashes[3])
  })

  check('pipe: what is sent comes back', async () => {
    const { client, server } = await pair(version)
    server.pipe(server)
    const data = someBytes(3 * MEGABYTE + 5)
    const [back] = await Promise.all([
      readAll(client),
      pipeline(Readable.from(cut(data, 10_007)), client, { end: true }),
    ])
    assert.is(hashOf(back), hashOf(data))
  })

  check('all sizes around the limit of a record', async () => {
    const limit = LIMITS[version]
    for (const size of [0, 1, limit - 1, limit, limit + 1, 2 * limit, 2 * limit + 1, MEGABYTE + 7]) {
      const { client, server } = await pair(version)
      const data = someBytes(size)
      client.write(data)
      client.end()
      server.end(data)
      const [heard, answered] = await Promise.all([readAll(server), readAll(client)])
      assert.is(heard.length, size)
      assert.ok(heard.equals(data), `${size} bytes to the server`)
      assert.ok(answered.equals(data), `${size} bytes to the client`)
    }
  })

  check('a full record is what the limit says', async () => {
    const { client, server, serverTransport } = await pair(version)
    client.write('.')
    await next(server, 'data')
    await delay(20)
    const before = serverTransport.bytesRead
    client.write(someBytes(LIMITS[version]))
    await until(() => server.bytesRead === 1 + LIMITS[version])
    assert.is(serverTransport.bytesRead - before, LIMITS[version] + (version === 2 ? 21 : 22))
  })

  check('small writes are coalesced when corked', async () => {
    const { client, server, serverTransport } = await pair(version)
    server.write('.')
    await next(client, 'data')
    const before = serverTransport.bytesRead
    client.cork()
    for (let at = 0; at < 800; at++) client.write('0123456789')
    assert.is(client.writableLength, 8000)
    client.uncork()
    client.end()
    assert.is((await readAll(server)).toString(), '0123456789'.repeat(800))
    assert.ok(serverTransport.bytesRead - before < 8000 + 200, `${serverTransport.bytesRead - before} bytes for 8000`)
  })

  check('a write in pieces of every kind', async () => {
    const { client, server } = await pair(version)
    const heard = readAll(server)
    client.write('ü', 'utf8')
    client.write('c3bc', 'hex')
    client.write(new Uint8Array([0xc3, 0xbc]))
    client.write(Buffer.alloc(0))
    await new Promise(resolve => client.write('!', resolve))
    client.end('fcfc', 'latin1')
    assert.is((await heard).toString(), 'üüü!fcfc')
  })

  check('write returns false, and drain comes', async () => {
    const { client, server } = await pair(version)
    const heard = drink(server)
    const sent = createHash('sha256')
    let waited = 0
    for (let at = 0; at < 200; at++) {
      const piece = someBytes(PIECE + at)
      sent.update(piece)
      if (client.write(piece)) continue
      waited += 1
      await next(client, 'drain')
    }
    client.end()
    assert.ok(waited > 0)
    assert.is(await heard, sent.digest('hex'))
  })

  check('a reader that stops makes the writer stop, and nothing grows', async () => {
    const { client, server, serverTransport } = await pair(version)
    const piece = someBytes(PIECE)
    let written = 0
    let stop = false
    const writing = (async () => {
      while (!stop && written < 256 * MEGABYTE) {
        written += piece.length
        if (!client.write(piece)) await next(client, 'drain')
      }
    })()
    let seen = -1
    while (seen !== written) {
      seen = written
      for (let at = 0; at < 10; at++) {
        await delay(10)
        assert.ok(server.readableLength <= 3 * PIECE, `${server.readableLength} bytes wait to be read`)
        assert.ok(serverTransport.readableLength <= 3 * PIECE)
        assert.ok(client.writableLength <= 3 * PIECE, `${client.writableLength} bytes wait to be written`)
      }
    }
    assert.ok(written < 256 * MEGABYTE)
    assert.ok(client.writableNeedDrain)
    stop = true
    const heard = readAll(server)
    await writing
    client.end()
    assert.is((await heard).length, written)
  })
})

/** Pieces of their own for each end, through a pipeline; returns their hash. */
async function pour(socket: Duplex, pieces: number, name: string): Promise<string> {
  const hash = createHash('sha256')
  const make = function* () {
    for (let at = 0; at < pieces; at++) {
      const piece = Buffer.from(someBytes(PIECE + (at % 7)))
      piece.write(`${name}${at}`)
      hash.update(piece)
      yield piece
    }
  }
  await pipeline(Readable.from(make()), socket)
  return hash.digest('hex')
}

/** Reads until the end; returns the hash. */
async function drink(socket: Duplex): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(
    socket,
    new Writable({
      write(chunk, _encoding, callback) {
        hash.update(chunk)
        callback()
      },
    }),
  )
  return hash.digest('hex')
}

function* cut(data: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size)
}

test.run()
