import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createServer, type SecureSocket } from '../../src/node/index.js'
import { connectPeer } from '../peer/socket.js'
import { asSent } from '../support/alerts.js'
import {
  checkError,
  cleanUpAfter,
  clientKeys,
  closed,
  delay,
  dial,
  failureOf,
  guarded,
  hashOf,
  inBothVersions,
  MEGABYTE,
  next,
  PIECE,
  pair,
  pairOver,
  plainPair,
  readAll,
  readUntilError,
  rejects,
  serve,
  serverKeys,
  someBytes,
  turn,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

inBothVersions(test, (version, check) => {
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
})

// Two of these do not fit into the engine beside each other; and the server's word that it serves this client waits for the first write.
const LONG = { padding: 'full', maxRecord: 40_000 } as const
const FIRST: Record<string, (server: SecureSocket) => unknown> = {
  'the end': server => server.end(),
  'an alert': server => server.alert(4),
  'an empty message': server => server.send(new Uint8Array()).then(() => server.end()),
}
for (const [what, first] of Object.entries(FIRST)) {
  for (const heartbeat of [0, 1000]) {
    guarded(test, `if records are long, the first can be ${what}, heartbeat ${heartbeat}`, async () => {
      const { server: listener, port } = await serve({ ...LONG, heartbeat })
      const failures: Error[] = []
      listener.on('secureConnection', server => {
        server.on('error', error => failures.push(error))
        first(server)
      })
      const client = await dial(port, LONG)
      if (what === 'an alert') assert.is((await failureOf(client)).code, 'PEER_ALERT')
      else assert.is((await readAll(client)).length, 0)
      assert.equal(failures, [])
    })
  }
}

test.run()
