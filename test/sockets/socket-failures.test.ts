import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createServer } from '../../src/node/index.js'
import { connectPeer } from '../peer/socket.js'
import {
  checkError,
  cleanUpAfter,
  clientKeys,
  delay,
  failureOf,
  inBothVersions,
  MEGABYTE,
  next,
  pair,
  pairOver,
  plainPair,
  readAll,
  readUntilError,
  serverKeys,
  someBytes,
  throws,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

inBothVersions(test, (version, check) => {
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
})

test.run()
