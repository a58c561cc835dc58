import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { asSent } from '../support/alerts.js'
import {
  busyFor,
  checkError,
  cleanUpAfter,
  delay,
  duplexPair,
  failureOf,
  hashOf,
  inBothVersions,
  MEGABYTE,
  next,
  PIECE,
  pair,
  pairOver,
  readAll,
  someBytes,
  throws,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

inBothVersions(test, (version, check) => {
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
})

test.run()
