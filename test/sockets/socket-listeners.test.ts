// What an application's own functions throw, and what calls on a socket throw at it.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  cleanUpAfter,
  failureOf,
  inBothVersions,
  next,
  pair,
  readAll,
  someBytes,
  throws,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

/** The error that nobody catches next. */
function uncaught(): Promise<Error> {
  return new Promise(resolve => process.once('uncaughtException', resolve))
}

inBothVersions(test, (version, check) => {
  check('what a ‘data’ listener throws is uncaught, and the channel goes on', async () => {
    const { client, server } = await pair(version)
    server.on('error', error => assert.unreachable(`the socket failed: ${error}`))
    const heard: string[] = []
    server.on('data', data => {
      heard.push(String(data))
      if (heard.length === 1) throw new TypeError('a bug in a listener')
    })
    await new Promise(resolve => setImmediate(resolve))
    const thrown = uncaught()
    client.write('one')
    assert.instance(await thrown, TypeError)
    assert.is(server.destroyed, false)
    client.end('two')
    await next(server, 'end')
    assert.is(heard.join(), 'one,two')
  })

  check('what is in the same read as that comes out too', async () => {
    const { client, server } = await pair(version)
    let thrown: Promise<Error> | undefined
    let heard = 0
    server.on('data', data => {
      heard += data.length
      if (thrown) return
      thrown = uncaught()
      throw new TypeError('a bug in a listener')
    })
    await new Promise(resolve => setImmediate(resolve))
    client.end(someBytes(300_000))
    await next(server, 'end')
    assert.is(heard, 300_000)
    assert.instance(await thrown, TypeError)
  })

  check('what a write’s callback throws is uncaught', async () => {
    const { client, server } = await pair(version)
    client.on('error', error => assert.unreachable(`the socket failed: ${error}`))
    const thrown = uncaught()
    client.write(someBytes(1_000_000), () => {
      throw new TypeError('a bug in a callback')
    })
    server.resume()
    assert.instance(await thrown, TypeError)
    assert.is(client.destroyed, false)
  })

  check('rekey() does not throw where the peer is gone, and nobody has noticed', async () => {
    const { client, server } = await pair(version)
    server.write('unread')
    await next(client, 'readable')
    server.destroy()
    // The socket has not failed: what came before is unread.
    await until(() => client.destroyed || client.readableLength === 6)
    client.rekey()
    const failure = failureOf(client)
    client.resume()
    assert.is((await failure).code, 'LINK_TRUNCATED')
    throws(() => client.rekey(), 'USE_CLOSED')
  })

  check('rekey() does not throw where there is no room for it', async () => {
    const { client, server } = await pair(version, { both: { allowHalfOpen: true } })
    client.write(someBytes(4_000_000))
    for (let at = 0; at < 50; at++) client.rekey()
    client.end()
    throws(() => client.rekey(), 'USE_CLOSED')
    assert.is((await readAll(server)).length, 4_000_000)
  })

  check('‘close’ says whether there was an error', async () => {
    const { client, server } = await pair(version)
    server.on('error', () => {})
    client.on('error', () => {})
    const closes = [next(client, 'close'), next(server, 'close')]
    client.destroy(new Error('enough'))
    assert.equal(await closes[0], [true])
    assert.equal(await closes[1], [true])
    const other = await pair(version)
    const closed = [next(other.client, 'close'), next(other.server, 'close')]
    other.client.end()
    other.client.resume()
    other.server.resume()
    assert.equal(await Promise.all(closed), [[false], [false]])
  })
})

test.run()
