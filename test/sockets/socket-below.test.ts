// What a SecureSocket stands on: Unix sockets, any Duplex, another channel.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect } from '../../src/node/index.js'
import {
  cleanUpAfter,
  closed,
  delay,
  duplexPair,
  inBothVersions,
  MEGABYTE,
  next,
  PIECE,
  pair,
  pairOver,
  plainPair,
  readAll,
  rejects,
  serve,
  serverKeys,
  someBytes,
  track,
  turn,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

inBothVersions(test, (version, check) => {
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
})

test.run()
