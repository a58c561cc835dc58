// What both ends of a SecureSocket know, keys, signals, and what fails at the start.

import { getEventListeners } from 'node:events'
import type net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, encodePublicKey, formatAddress } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
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
  MEGABYTE,
  next,
  pair,
  plainPair,
  plainServer,
  readAll,
  rejects,
  serve,
  serverKeys,
  someBytes,
  throws,
  track,
  turn,
  VERSIONS,
} from '../support/sockets.js'

cleanUpAfter(test)

const PADDED = { 1: 8192, 2: 16_405 } as const

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
      const block = padding === 'none' ? 1 : padding === 'full' ? PADDED[version] : padding.block
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

test.run()
