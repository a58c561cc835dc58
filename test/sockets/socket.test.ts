// SecureSocket: what a user of a channel over a socket sees, in both versions.

import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, createServer, encodePublicKey, formatAddress } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { connectPeer } from '../peer/socket.js'
import { asSent } from '../support/alerts.js'
import {
  busyFor,
  checkError,
  cleanUpAfter,
  clientKeys,
  delay,
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
  rejects,
  serve,
  serverKeys,
  someBytes,
  throws,
  track,
  turn,
  until,
  VERSIONS,
} from '../support/sockets.js'

cleanUpAfter(test)

const LIMIT = { 1: 8192 - 22, 2: 16384 } as const
const PIECE = 64 * 1024
const MEGABYTE = 1024 * 1024

for (const version of VERSIONS) {
  const check = (name: string, run: () => Promise<void>) => guarded(test, `v${version}: ${name}`, run)

  check('what both ends know of each other', async () => {
    const { client, server } = await pair(version, { server: { authorize: () => ({ name: 'one' }) } })
    for (const socket of [client, server]) {
      assert.is(socket.version, version)
      assert.is(socket.encrypted, true)
      assert.is(socket.remoteAddress, '127.0.0.1')
      assert.is(socket.localAddress, '127.0.0.1')
      assert.is(socket.remoteFamily, 'IPv4')
      assert.is(socket.localFamily, 'IPv4')
      assert.is(socket.setNoDelay(), socket)
      assert.is(socket.setKeepAlive(true, 1000), socket)
      assert.is(socket.unref(), socket)
      assert.is(socket.ref(), socket)
    }
    assert.equal(client.address(), { address: '127.0.0.1', family: 'IPv4', port: client.localPort })
    assert.is(client.localPort, server.remotePort)
    assert.is(server.localPort, client.remotePort)
    assert.equal(client.remotePublicKey, serverKeys.publicKey)
    assert.equal(server.remotePublicKey, clientKeys.publicKey)
    assert.equal(server.authorization, { name: 'one' })
    assert.is(client.authorization, undefined)
    assert.equal(client.handshakeHash, server.handshakeHash)
    assert.is(client.handshakeHash?.length, version === 2 ? 32 : undefined)
  })

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
    const limit = LIMIT[version]
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
    client.write(someBytes(LIMIT[version]))
    await until(() => server.bytesRead === 1 + LIMIT[version])
    assert.is(serverTransport.bytesRead - before, LIMIT[version] + (version === 2 ? 21 : 22))
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

  check('end() leaves the other direction working', async () => {
    const { client, server } = await pair(version, { both: { allowHalfOpen: true } })
    client.end('question')
    assert.is((await readAll(server)).toString(), 'question')
    assert.is(server.writable, true)
    await turn()
    for (let at = 0; at < 20; at++) server.write(someBytes(PIECE))
    server.end('answer')
    const answer = await readAll(client)
    assert.is(answer.length, 20 * PIECE + 6)
    await Promise.all([closed(client), closed(server)])
  })

  check('the server may end first', async () => {
    const { client, server } = await pair(version, { both: { allowHalfOpen: true } })
    server.end('greeting')
    assert.is((await readAll(client)).toString(), 'greeting')
    client.end(someBytes(MEGABYTE))
    assert.is((await readAll(server)).length, MEGABYTE)
    await Promise.all([closed(client), closed(server)])
  })

  check('by default an end is answered with an end', async () => {
    const { client, server } = await pair(version)
    const ends = Promise.all([next(server, 'end'), next(client, 'end'), next(server, 'finish'), closed(client)])
    server.resume()
    client.resume()
    client.end('last')
    await Promise.all([ends, closed(server)])
    assert.is(server.destroyed, true)
    assert.is(client.destroyed, true)
    assert.is(client.errored, null)
    assert.is(server.errored, null)
  })

  check('data just before end() arrives in full at a slow reader', async () => {
    const { client, server } = await pair(version)
    const data = someBytes(4 * MEGABYTE)
    client.end(data)
    server.end()
    const heard = await readAll(server, () => delay(1))
    assert.is(hashOf(heard), hashOf(data))
  })

  for (const side of ['client', 'server'] as const) {
    check(`data just before the ${side}'s alert() arrives in full at a slow reader`, async () => {
      const { [side]: speaker, [side === 'client' ? 'server' : 'client']: listener } = await pair(version)
      const data = someBytes(2 * MEGABYTE)
      speaker.write(data)
      // Unread data at the speaker must not reset the connection under the alert.
      listener.write(someBytes(200_000))
      const said = speaker.alert(77, 'that is all')
      const heard = await readUntilError(listener, () => delay(1))
      assert.is(hashOf(heard.data), hashOf(data))
      checkError(heard.error, 'PEER_ALERT')
      const sent = asSent(version, 77, 'that is all')
      assert.equal(heard.error.alert, sent)
      assert.match(heard.error.message, `alert ${sent.code}: ${sent.text}`)
      await said
      assert.is(speaker.destroyed, true)
      assert.is(speaker.errored, null)
    })
  }

  check('data before an alert() arrives in full where the listener ends its own direction meanwhile', async () => {
    const { client, server } = await pair(version)
    const data = someBytes(12 * MEGABYTE)
    server.write(data)
    const said = server.alert(4)
    client.once('readable', () => client.end('enough'))
    const heard = await readUntilError(client, () => delay(1))
    assert.is(hashOf(heard.data), hashOf(data))
    checkError(heard.error, 'PEER_ALERT')
    await said
  })

  check('destroy() ends the wait of an alert()', async () => {
    const [near, far] = await plainPair()
    const listener = createServer({ keyPair: serverKeys, authorize: 'anyone', versions: [version] })
    const accepted = next(listener, 'secureConnection')
    listener.emit('connection', far)
    // The second implementation reads when it is told to, and so never closes.
    await connectPeer({
      socket: near,
      version,
      longTermSecretKey: clientKeys.secretKey,
      serverKey: serverKeys.publicKey,
    })
    const [server] = await accepted
    const said = server.alert(4)
    await until(() => far.writableFinished)
    assert.is(far.destroyed, false)
    server.destroy()
    assert.is(far.destroyed, true)
    await said
  })

  check('alert() while the reader of the speaker goes on reading', async () => {
    const { client, server } = await pair(version)
    client.write(someBytes(300_000))
    const failure = failureOf(client)
    await until(() => server.readableLength > 0)
    const said = server.alert(4)
    await turn()
    server.resume()
    const error = await failure
    checkError(error, 'PEER_ALERT')
    assert.equal(error.alert, asSent(version, 4))
    await said
  })

  check('alert() where nobody reads, then after the end', async () => {
    const { client, server } = await pair(version)
    const failure = failureOf(client)
    await server.alert(1, 'general')
    checkError(await failure, 'PEER_ALERT')
    await rejects(server.alert(1), 'USE_CLOSED')
    await rejects(client.alert(1), 'USE_CLOSED')
    const other = await pair(version)
    other.client.end()
    await rejects(other.client.alert(1), 'USE_CLOSED')
    for (const code of [-1, 65536, 1.5]) await rejects(other.server.alert(code), 'USE_BAD_OPTION')
  })

  check('alert() to a peer that is gone settles', async () => {
    const { client, server, serverTransport } = await pair(version)
    client.write('unread')
    await until(() => server.readableLength > 0)
    client.on('error', () => {})
    server.on('error', () => {})
    serverTransport.destroy()
    await closed(client)
    await server.alert(1).catch(error => checkError(error, 'LINK_TRUNCATED'))
    assert.is(server.destroyed, true)
  })

  for (const side of ['client', 'server'] as const) {
    for (const how of ['FIN', 'RST', 'destroy()'] as const) {
      check(`${how} in mid-stream is LINK_TRUNCATED at the ${side}, never the end`, async () => {
        const ends = await pairOver(version, await plainPair())
        const reader = ends[side]
        const writer = side === 'client' ? ends.server : ends.client
        const below = side === 'client' ? ends.serverTransport : ends.clientTransport
        writer.on('error', () => {})
        let ended = false
        reader.on('end', () => {
          ended = true
        })
        writer.write('some')
        await next(reader, 'data')
        const failure = failureOf(reader)
        if (how === 'FIN') below.end()
        else if (how === 'RST') below.resetAndDestroy()
        else writer.destroy()
        const error = await failure
        checkError(error, 'LINK_TRUNCATED')
        if (how === 'RST') assert.is((error.cause as NodeJS.ErrnoException).code, 'ECONNRESET')
        await closed(reader)
        assert.is(ended, false)
      })
    }
  }

  check('a FIN in the middle of a record is LINK_TRUNCATED', async () => {
    const [near, middle] = await plainPair()
    const [onward, far] = await plainPair()
    let passed = 0
    onward.pipe(middle)
    middle.on('data', chunk => {
      passed += chunk.length
      if (passed < 100_000) onward.write(chunk)
      else if (!onward.writableEnded) onward.end(chunk.subarray(0, 99))
    })
    const { client, server } = await pairOver(version, [near, far])
    client.on('error', () => {})
    client.write(someBytes(200_000))
    const { data, error } = await readUntilError(server)
    checkError(error, 'LINK_TRUNCATED')
    assert.ok(data.equals(someBytes(data.length)))
  })

  check('a write that waits fails when the connection breaks', async () => {
    const { client, server, serverTransport } = await pairOver(version, await plainPair())
    server.on('error', () => {})
    server.pause()
    const failure = failureOf(client)
    client.on('error', () => {})
    const wrote: Promise<unknown> = new Promise(resolve => client.write(someBytes(32 * MEGABYTE), resolve))
    await until(() => serverTransport.readableFlowing === false)
    serverTransport.resetAndDestroy()
    checkError(await wrote, 'LINK_TRUNCATED')
    checkError(await failure, 'LINK_TRUNCATED')
  })

  check('writing fails when the connection breaks behind the peer’s end', async () => {
    const { client, server, serverTransport } = await pairOver(version, await plainPair(), {
      client: { allowHalfOpen: true },
    })
    server.end('that is all')
    assert.is((await readAll(client)).toString(), 'that is all')
    server.on('error', () => {})
    const failure = failureOf(client)
    const wrote: Promise<unknown> = new Promise(resolve => client.write(someBytes(32 * MEGABYTE), resolve))
    await until(() => server.bytesRead > 0)
    serverTransport.resetAndDestroy()
    checkError(await wrote, 'LINK_TRUNCATED')
    checkError(await failure, 'LINK_TRUNCATED')
  })

  check('a broken connection behind the peer’s end is noticed by who does not write', async () => {
    const { client, server, clientTransport } = await pairOver(version, await plainPair(), {
      client: { allowHalfOpen: true },
    })
    server.end()
    assert.is((await readAll(client)).length, 0)
    server.on('error', () => {})
    const failure = failureOf(client)
    clientTransport.destroy()
    checkError(await failure, 'LINK_TRUNCATED')
  })

  check('destroy(error) reports that error here, and a cut there', async () => {
    const { client, server } = await pair(version)
    const here = failureOf(client)
    const there = failureOf(server)
    client.destroy(new RangeError('enough'))
    checkError(await here, /RangeError: enough/)
    checkError(await there, 'LINK_TRUNCATED')
    throws(() => client.exportKey('label'), version === 2 ? 'USE_CLOSED' : 'USE_CLOSED')
    throws(() => client.rekey(), 'USE_CLOSED')
  })

  check('what came before an error is read first', async () => {
    for (const how of ['destroy', 'alert'] as const) {
      const { client, server } = await pair(version)
      client.write('first')
      await until(() => server.readableLength === 5)
      if (how === 'destroy') client.destroy()
      else client.alert(9).catch(() => {})
      await delay(20)
      assert.is(server.destroyed, false)
      const { data, error } = await readUntilError(server)
      assert.is(data.toString(), 'first')
      checkError(error, how === 'destroy' ? 'LINK_TRUNCATED' : 'PEER_ALERT')
    }
  })

  check('what came before an error is read first, by read() too', async () => {
    const { client, server } = await pair(version)
    client.write('first')
    await until(() => server.readableLength === 5)
    client.destroy()
    await delay(20)
    const failure = failureOf(server)
    assert.is(server.read().toString(), 'first')
    checkError(await failure, 'LINK_TRUNCATED')
  })

  check('behind a bad record nothing more is taken, though what came before it waits to be read', async () => {
    const [near, far] = await plainPair()
    const listener = createServer({ keyPair: serverKeys, authorize: 'anyone', versions: [version] })
    const accepted = next(listener, 'secureConnection')
    listener.emit('connection', far)
    const peer = await connectPeer({
      socket: near,
      version,
      longTermSecretKey: clientKeys.secretKey,
      serverKey: serverKeys.publicKey,
    })
    const [server] = await accepted
    await peer.write('good')
    await until(() => server.readableLength === 4)
    peer.sendRaw(Buffer.alloc(32 * MEGABYTE, 99)).catch(() => {})
    await delay(150)
    assert.ok(far.bytesRead < MEGABYTE, `${far.bytesRead} bytes were taken`)
    const { data, error } = await readUntilError(server)
    assert.is(data.toString(), 'good')
    checkError(error, version === 2 ? 'PEER_BAD_RECORD' : 'PEER_TOO_LONG')
  })

  check('where nobody reads the error still surfaces', async () => {
    const { client, server } = await pair(version)
    const failure = failureOf(server)
    client.destroy()
    checkError(await failure, 'LINK_TRUNCATED')
  })

  check('who only writes learns of an alert', async () => {
    const { client, server } = await pair(version)
    server.write('unread')
    await until(() => client.readableLength > 0)
    const failure = failureOf(client)
    server.alert(5, 'stop').catch(() => {})
    server.resume()
    while (!client.destroyed) {
      client.write(someBytes(1000))
      await delay(1)
    }
    checkError(await failure, 'PEER_ALERT')
  })

  check('a write after end() is Node’s own error', async () => {
    const { client, server } = await pair(version)
    server.on('error', () => {})
    const failure = failureOf(client)
    client.end()
    client.write('too late')
    checkError(await failure, 'ERR_STREAM_WRITE_AFTER_END')
    throws(() => client.rekey(), 'USE_CLOSED')
  })

  check('setTimeout emits timeout, and closes nothing', async () => {
    const { client, server } = await pair(version)
    const timedOut = next(client, 'timeout')
    assert.is(client.setTimeout(30), client)
    assert.is(client.timeout, 30)
    await timedOut
    assert.is(client.destroyed, false)
    let calls = 0
    const callback = () => {
      calls += 1
    }
    client.setTimeout(20, callback)
    client.setTimeout(0, callback)
    await delay(60)
    assert.is(calls, 0)
    assert.is(client.listenerCount('timeout'), 0)
    throws(() => client.setTimeout(-1), 'USE_BAD_OPTION')
    client.setTimeout(100_000)
    client.end('still open')
    assert.is((await readAll(server)).toString(), 'still open')
  })

  check('heartbeat keeps a peer with an idleTimeout alive', async () => {
    const { client, server } = await pair(version, { client: { heartbeat: 40 }, server: { idleTimeout: 500 } })
    await delay(1000)
    assert.is(server.destroyed, false)
    assert.is(server.bytesRead, 0)
    client.end('here')
    assert.is((await readAll(server)).toString(), 'here')
  })

  check('without it the idle end fails with LINK_TIMEOUT, and the peer is told', async () => {
    const { client, server } = await pair(version, { server: { idleTimeout: 60 } })
    const there = failureOf(client)
    checkError(await failureOf(server), 'LINK_TIMEOUT')
    const error = await there
    checkError(error, 'PEER_ALERT')
    assert.equal(error.alert, asSent(version, 5, 'idle timeout'))
  })

  check('a slow reader is not an idle peer', async () => {
    const data = someBytes(16 * MEGABYTE)
    const { client, server } = await pair(version, { server: { idleTimeout: 500 } })
    client.end(data)
    await until(() => server.readableLength >= PIECE)
    await delay(1000)
    assert.is(server.errored, null)
    assert.is((await readAll(server)).length, 16 * MEGABYTE)
  })

  check('nor is a peer that has ended, and listens', async () => {
    const { client, server } = await pair(version, { both: { allowHalfOpen: true }, server: { idleTimeout: 50 } })
    client.end()
    assert.is((await readAll(server)).length, 0)
    await delay(150)
    server.end('the last word')
    assert.is((await readAll(client)).toString(), 'the last word')
  })

  check('nor one whose bytes came while this process was busy', async () => {
    const { client, server } = await pair(version, { server: { idleTimeout: 300 } })
    server.pause()
    // In the kernel, and the timer due, before anything is read.
    client.write('in time', () => busyFor(450))
    await until(() => server.readableLength > 0)
    client.end()
    assert.is((await readAll(server)).toString(), 'in time')
  })

  check('an idle timeout frees a socket whose data nobody reads', async () => {
    // What a duplex hands over, it does before any timer runs.
    const { client, server } = await pairOver(version, duplexPair(), { server: { idleTimeout: 80 } })
    const failure = failureOf(server)
    const came = next(server, 'readable')
    client.write('unread')
    await came
    assert.is(server.readableLength, 6)
    client.destroy()
    checkError(await failure, 'LINK_TRUNCATED')
  })

  check('heartbeat goes on under a write that nobody takes', async () => {
    const { client, server } = await pair(version, { client: { heartbeat: 5 } })
    client.write(someBytes(32 * MEGABYTE))
    client.end()
    await until(() => server.readableLength >= PIECE)
    await delay(100)
    assert.is((await readAll(server)).length, 32 * MEGABYTE)
  })

  check('heartbeat lets what the application writes go first, however slow the transport', async () => {
    const [near, far] = duplexPair()
    const { _write } = near
    // A write takes longer than it is from one keep-alive to the next.
    near._write = (chunk, encoding, callback) => {
      _write.call(near, chunk, encoding, error => void setTimeout(callback, 20, error))
    }
    const { client, server } = await pairOver(version, [near, far], { client: { heartbeat: 5 } })
    const data = someBytes(40_000)
    client.end(data)
    assert.is(hashOf(await readAll(server)), hashOf(data))
  })

  check('rekeyAfter, and rekey()', async () => {
    const { client, server } = await pair(version, { both: { rekeyAfter: 10_000, allowHalfOpen: true } })
    const data = someBytes(2 * MEGABYTE + 3)
    client.rekey()
    client.write(data)
    client.rekey()
    server.rekey()
    server.write(data)
    client.end()
    server.end()
    const [heard, answered] = await Promise.all([readAll(server), readAll(client)])
    assert.is(hashOf(heard), hashOf(data))
    assert.is(hashOf(answered), hashOf(data))
  })

  for (const padding of ['none', { block: 1 }, { block: 256 }, { block: 8191 }, 'full'] as const) {
    check(`padding ${JSON.stringify(padding)}`, async () => {
      const { client, server, serverTransport } = await pair(version, { both: { padding, heartbeat: 10 } })
      const data = someBytes(100_000)
      client.write('x')
      await next(server, 'readable')
      server.read()
      await delay(30)
      client.write(data)
      client.end()
      server.end(data)
      const [heard, answered] = await Promise.all([readAll(server), readAll(client)])
      assert.ok(heard.equals(data))
      assert.ok(answered.equals(data))
      const block =
        padding === 'none' ? 1 : padding === 'full' ? LIMIT[version] + (version === 2 ? 21 : 22) : padding.block
      const handshake = version === 2 ? 1292 + 144 : 108 + 144 + 24
      assert.is((serverTransport.bytesRead - handshake) % block, 0)
    })
  }

  check('exportKey', async () => {
    const { client, server } = await pair(version)
    if (version === 1) return throws(() => client.exportKey('label'), 'USE_VERSION')
    const key = client.exportKey('label', 'context', 48)
    assert.is(key.length, 48)
    assert.equal(server.exportKey('label', new TextEncoder().encode('context'), 48), key)
    assert.is(client.exportKey('label').length, 32)
    assert.not.equal(client.exportKey('other', 'context', 48), key)
    assert.not.equal(client.exportKey('label', 'other', 48), key)
    throws(() => client.exportKey('label', '', 15), 'USE_BAD_OPTION')
    throws(() => client.exportKey('label', '', 65), 'USE_BAD_OPTION')
    throws(() => client.exportKey('l'.repeat(256)), 'USE_BAD_OPTION')
    client.destroy()
    server.on('error', () => {})
    throws(() => client.exportKey('label'), 'USE_CLOSED')
  })

  check('over a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nopki-'))
    try {
      const { server: listener } = await serve()
      listener.close()
      await next(listener, 'close')
      const path = join(folder, 'socket')
      await new Promise<void>(resolve => listener.listen(path, resolve))
      const accepted = next(listener, 'secureConnection')
      const client = track(await connect({ path, version, serverKey: serverKeys.publicKey }))
      const [server] = await accepted
      assert.is(client.remoteAddress, undefined)
      assert.is(server.remotePort, undefined)
      client.end(someBytes(MEGABYTE))
      assert.is((await readAll(server)).length, MEGABYTE)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  check('over any Duplex, on both ends', async () => {
    const { client, server } = await pairOver(version, duplexPair())
    assert.is(client.remoteAddress, undefined)
    assert.equal(client.address(), {})
    client.setNoDelay().setKeepAlive().ref().unref()
    const data = someBytes(2 * MEGABYTE + 1)
    client.write(data)
    client.end()
    server.end(data)
    const [heard, answered] = await Promise.all([readAll(server), readAll(client)])
    assert.ok(heard.equals(data))
    assert.ok(answered.equals(data))
  })

  check('over a Duplex: a reader that stops makes the writer stop', async () => {
    const { client, server, clientTransport, serverTransport } = await pairOver(version, duplexPair())
    let written = 0
    client.on('error', () => {})
    const writing = (async () => {
      while (written < 4 * MEGABYTE) {
        written += PIECE
        if (!client.write(someBytes(PIECE))) await next(client, 'drain')
      }
    })()
    await delay(100)
    assert.ok(written < MEGABYTE, `${written} bytes were written`)
    for (const stream of [client, server, clientTransport, serverTransport]) {
      assert.ok(stream.readableLength <= 2 * PIECE)
      assert.ok(stream.writableLength <= 2 * PIECE)
    }
    const heard = readAll(server)
    await writing
    client.end()
    assert.is((await heard).length, 4 * MEGABYTE)
  })

  check('over a Duplex that closes while what it gave waits to be read: nothing of it is lost', async () => {
    const [near, middle] = duplexPair()
    const [onward, far] = duplexPair()
    const held: Buffer[] = []
    let hold = false
    onward.pipe(middle)
    middle.on('data', chunk => (hold ? held.push(chunk) : onward.write(chunk)))
    const { client, server } = await pairOver(version, [near, far])
    client.write('.')
    await next(server, 'data')
    server.pause()
    client.on('error', () => {})
    server.on('error', () => {})
    hold = true
    client.end(someBytes(300_000))
    await next(client, 'finish')
    onward.write(Buffer.concat(held))
    await turn()
    assert.ok(server.readableLength < 300_000)
    far.destroy()
    await next(far, 'close')
    assert.ok((await readAll(server)).equals(someBytes(300_000)))
  })

  check('over a Duplex with small buffers', async () => {
    const { client, server } = await pairOver(version, duplexPair({ highWaterMark: 100 }))
    const data = someBytes(300_000)
    client.end(data)
    server.end(data)
    const [heard, answered] = await Promise.all([readAll(server), readAll(client)])
    assert.ok(heard.equals(data))
    assert.ok(answered.equals(data))
  })

  check('over a channel inside a channel', async () => {
    const outer = await pair(version)
    const { client, server } = await pairOver(version, [outer.client, outer.server])
    client.write(someBytes(MEGABYTE))
    client.end()
    server.end(someBytes(MEGABYTE))
    const [heard, answered] = await Promise.all([readAll(server), readAll(client)])
    assert.ok(heard.equals(someBytes(MEGABYTE)))
    assert.ok(answered.equals(someBytes(MEGABYTE)))
    await Promise.all([closed(outer.client), closed(outer.server)])
  })

  check('over a net.Socket that was paused, on both ends', async () => {
    const [near, far] = await plainPair()
    near.pause()
    far.pause()
    const { client, server } = await pairOver(version, [near, far])
    client.end('resumed')
    assert.is((await readAll(server)).toString(), 'resumed')
  })

  check('a signal aborts an open socket', async () => {
    const controller = new AbortController()
    const { client, server } = await pair(version, { client: { signal: controller.signal } })
    const there = failureOf(server)
    const here = failureOf(client)
    controller.abort()
    assert.is((await here).name, 'AbortError')
    checkError(await there, 'LINK_TRUNCATED')
    await closed(client)
    assert.is(getEventListeners(controller.signal, 'abort').length, 0)
  })

  check('a signal keeps no socket that has closed', async () => {
    const { signal } = new AbortController()
    const { client, server } = await pair(version, { client: { signal } })
    client.end()
    client.resume()
    server.resume()
    await closed(client)
    await turn()
    assert.is(getEventListeners(signal, 'abort').length, 0)
  })

  check('a signal that is aborted already, and one that is aborted while connecting', async () => {
    const { port } = await serve()
    assert.is((await rejects(dial(port, { version, signal: AbortSignal.abort() }), /./)).name, 'AbortError')
    const controller = new AbortController()
    const silent = await plainServer(socket => {
      socket.on('data', () => controller.abort())
    })
    assert.is((await rejects(dial(silent, { version, signal: controller.signal }), /./)).name, 'AbortError')
    assert.is(getEventListeners(controller.signal, 'abort').length, 0)
    const reason = new RangeError('changed my mind')
    await rejects(dial(port, { version, signal: AbortSignal.abort(reason) }), /changed my mind/)
  })

  check('the client’s own handshake timeout', async () => {
    // Connected already: connecting would take of the same time.
    const [stream, far] = await plainPair()
    const gone = next(far.resume(), 'end')
    const error = await rejects(
      connect({ stream, version, serverKey: serverKeys.publicKey, handshakeTimeout: 50 }),
      'LINK_TIMEOUT',
    )
    assert.match(error.message, /server’s challenge took more than 50 ms/)
    await gone
    assert.is(stream.destroyed, true)
  })

  check('what is no server of this protocol', async () => {
    const http = await plainServer(socket => {
      socket.once('data', () => socket.end(`HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n${'x'.repeat(300)}`))
    })
    // Version 1's challenge has no version: any 176 bytes are a challenge that does not open.
    await rejects(dial(http, { version }), version === 2 ? 'PEER_VERSION' : 'PEER_KEY_UNREADABLE')
    const garbage = await plainServer(socket => {
      const bytes = Buffer.from(someBytes(5000))
      // What would be the session key is one that could be.
      bytes.writeUInt8(7, 31)
      socket.once('data', () => socket.write(bytes))
    })
    await rejects(dial(garbage, { version }), version === 2 ? 'PEER_VERSION' : 'PEER_KEY_UNREADABLE')
    const closing = await plainServer(socket => {
      socket.end()
      socket.resume()
    })
    await rejects(dial(closing, { version }), 'LINK_CLOSED')
    const resetting = await plainServer(socket => {
      socket.once('data', () => socket.resetAndDestroy())
    })
    const error = await rejects(dial(resetting, { version }), 'LINK_CLOSED')
    assert.is((error.cause as NodeJS.ErrnoException).code, 'ECONNRESET')
    const stingy = await plainServer(socket => {
      socket.once('data', () => socket.end(Buffer.from('npk2')))
    })
    await rejects(dial(stingy, { version }), 'LINK_CLOSED')
  })

  check('nothing stays behind on a stream that was handed in', async () => {
    const [near, far] = await plainPair()
    far.on('error', () => {})
    far.once('data', () => far.end('no'))
    await rejects(connect({ stream: near, version, serverKey: serverKeys.publicKey }), 'LINK_CLOSED')
    await until(() => near.closed)
    for (const event of ['data', 'drain', 'end']) {
      const ours = near.listeners(event).filter(listener => listener.name !== 'onReadableStreamEnd')
      assert.is(ours.length, 0, event)
    }
    await rejects(connect({ stream: near, version, serverKey: 'any' }), 'LINK_CLOSED')
  })
}

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)

check('an address in place of options', async () => {
  const { port } = await serve()
  const address = formatAddress({ host: '127.0.0.1', port, serverKey: serverKeys.publicKey, version: 1 })
  const client = track(await connect(address))
  assert.is(client.version, 1)
  const other = track(await connect(address, { version: 2, keyPair: clientKeys }))
  assert.is(other.version, 2)
  await rejects(connect('nopki://somewhere'), 'USE_BAD_ADDRESS')
  await rejects(connect(`nopki://${encodePublicKey(serverKeys.publicKey)}@127.0.0.1:99999`), 'USE_BAD_ADDRESS')
})

check('connecting to nothing gives the system’s error', async () => {
  // A port that no program gets by chance.
  await rejects(dial(1), 'ECONNREFUSED')
  await rejects(connect({ path: '/nonexistent/socket', serverKey: 'any' }), 'ENOENT')
  await rejects(connect({ host: '127.0.0.1', port: 70_000, serverKey: 'any' }), 'ERR_SOCKET_BAD_PORT')
  const lookup: net.LookupFunction = (host, _options, callback) =>
    callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }), '')
  await rejects(connect({ host: 'nowhere.invalid', port: 1, lookup, serverKey: 'any' }), 'ENOTFOUND')
})

check('a client without a pinned key learns the server’s', async () => {
  const { port } = await serve()
  const client = track(await connect({ host: '127.0.0.1', port, serverKey: 'any' }))
  assert.equal(client.remotePublicKey, serverKeys.publicKey)
})

check('wrong options are typed errors, and leave nothing behind', async () => {
  const { port } = await serve()
  const before = nodeCore().bytesInUse
  const wrong = (options: object, code: string) => rejects(dial(port, options), code)
  await wrong({ keyPair: { ...clientKeys, publicKey: serverKeys.publicKey } }, 'USE_BAD_KEY')
  await wrong({ keyPair: 'sk_' }, 'USE_BAD_KEY')
  await wrong({ serverKey: encodePublicKey(serverKeys.publicKey) }, 'USE_BAD_KEY')
  await wrong({ serverKey: new Uint8Array(31) }, 'USE_BAD_KEY')
  await wrong({ middleboxKey: 'pk_' }, 'USE_BAD_KEY')
  await wrong({ version: 3 }, 'USE_BAD_OPTION')
  await wrong({ padding: { block: 0 } }, 'USE_BAD_OPTION')
  await wrong({ padding: 'some' }, 'USE_BAD_OPTION')
  await wrong({ handshakeTimeout: -1 }, 'USE_BAD_OPTION')
  await wrong({ idleTimeout: -1 }, 'USE_BAD_OPTION')
  await wrong({ heartbeat: true }, 'USE_BAD_OPTION')
  await wrong({ rekeyAfter: 0 }, 'USE_BAD_OPTION')
  await wrong({ context: 7 }, 'USE_BAD_OPTION')
  await wrong({ signal: 'now' }, 'USE_BAD_OPTION')
  await wrong({ stream: {} }, 'USE_BAD_OPTION')
  await wrong({ stream: undefined }, 'USE_BAD_OPTION')
  assert.is(nodeCore().bytesInUse, before)
})

check('idle channels hold no record buffers', async () => {
  const { client, server } = await pair(2)
  client.write(someBytes(MEGABYTE))
  client.end()
  await readAll(server)
  await closed(client.resume())
  const pairs = await Promise.all(Array.from({ length: 10 }, () => pair(2)))
  for (const { client, server } of pairs) {
    client.write('x')
    await next(server, 'data')
  }
  assert.is(nodeCore().buffersInUse, 0)
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

async function closed(stream: Duplex | net.Socket): Promise<void> {
  if (!stream.closed) await next(stream, 'close')
}

test.run()
