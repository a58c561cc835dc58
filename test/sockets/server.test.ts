// SecureServer: who is let in, who is told why not, and what strangers can do to it.

import { execFile } from 'node:child_process'
import { getEventListeners } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import {
  ChannelError,
  connect,
  createServer,
  encodePublicKey,
  generateKeyPair,
  type Peer,
  type SecureSocket,
} from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { forgeResponse1 } from '../peer/forger.js'
import { type ClientOptions, REJECT, type ServerOptions, writeReject } from '../peer/handshake.js'
import { keyPairOf, sodium, systemRandom } from '../peer/primitives.js'
import { acceptPeer, connectPeer } from '../peer/socket.js'
import { ByteSource } from '../peer/source.js'
import { RecordReader } from '../peer/stream.js'
import { Writer1 } from '../peer/stream1.js'
import { writeHello1, writeResponse1 } from '../peer/version1.js'
import { HELLO2_LENGTH, writeHello2 } from '../peer/version2.js'
import { asSent } from '../support/alerts.js'
import {
  checkError,
  cleanUpAfter,
  clientKeys,
  delay,
  dial,
  duplexPair,
  failureOf,
  guarded,
  listen,
  MEGABYTE,
  next,
  plainServer,
  readAll,
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

const otherKeys = generateKeyPair()

for (const version of VERSIONS) {
  const check = (name: string, run: () => Promise<void>) => guarded(test, `v${version}: ${name}`, run)

  check('authorize sees who it is', async () => {
    let seen: Peer | undefined
    let self: unknown
    const options = {
      authorize(this: unknown, peer: Peer) {
        self = this
        seen = peer
        return true
      },
    }
    const { server, port } = await serve(options)
    const accepted = next(server, 'secureConnection')
    const client = await dial(port, { version })
    const [socket] = await accepted
    assert.equal(seen?.publicKey, clientKeys.publicKey)
    assert.is(seen?.publicKeyText, encodePublicKey(clientKeys.publicKey))
    assert.is(seen?.remoteAddress, '127.0.0.1')
    assert.is(seen?.remotePort, client.localPort)
    assert.is(seen?.version, version)
    assert.equal(seen?.handshakeHash, client.handshakeHash)
    assert.is(seen?.signal.aborted, false)
    assert.is((self as typeof options).authorize, options.authorize)
    assert.is(socket.authorization, undefined)
  })

  check('authorize lets in with true or an object, at once or later', async () => {
    const someone = { name: 'someone' }
    for (const answer of [true, Promise.resolve(true), someone, Promise.resolve(someone), delay(20).then(() => true)]) {
      const { server, port } = await serve({ authorize: () => answer as true })
      const accepted = next(server, 'secureConnection')
      const client = await dial(port, { version })
      client.write('early')
      const [socket] = await accepted
      assert.is(socket.authorization, (await answer) === true ? undefined : someone)
      assert.is(server.pendingHandshakes, 0)
      assert.is((await next(socket, 'data'))[0].toString(), 'early')
    }
  })

  check('anything else refuses, and says nothing of why', async () => {
    const answers: (() => unknown)[] = [
      () => false,
      () => undefined,
      () => null,
      () => 1,
      () => 'yes',
      () => Promise.resolve(false),
      () => {
        throw new Error('the database password is hunter2')
      },
      () => Promise.reject(new ChannelError('PEER_ALERT', 'hunter2')),
    ]
    for (const authorize of answers) {
      const { server, port } = await serve({ authorize: authorize as () => boolean })
      server.on('secureConnection', () => assert.unreachable('it was let in'))
      const reported = next(server, 'handshakeError')
      const client = await dial(port, { version })
      const error = await failureOf(client)
      checkError(error, 'PEER_NOT_AUTHORIZED')
      assert.equal(error.alert, asSent(version, 3, `${encodePublicKey(clientKeys.publicKey)} is not authorized`))
      assert.not.match(error.message, 'hunter2')
      const [here, transport] = await reported
      checkError(here, 'PEER_NOT_AUTHORIZED')
      assert.instance(transport, net.Socket)
      if (String(authorize).includes('hunter2')) assert.match(String(here.cause), 'hunter2')
      await until(() => server.pendingHandshakes === 0)
    }
  })

  check('a refusal with words of its own reaches the client', async () => {
    const { port } = await serve({
      authorize: async () => {
        throw new ChannelError('PEER_NOT_AUTHORIZED', 'the trial is over')
      },
    })
    const error = await failureOf(await dial(port, { version }))
    checkError(error, 'PEER_NOT_AUTHORIZED')
    assert.equal(error.alert, asSent(version, 3, 'the trial is over'))
  })

  check('a refusal reaches a client that has sent a lot of early data', async () => {
    const { port } = await serve({ authorize: () => delay(50).then(() => false) })
    for (const read of [true, false]) {
      const client = await dial(port, { version })
      if (read) client.resume()
      const failure = failureOf(client)
      client.write(someBytes(5 * MEGABYTE), () => {})
      const error = await failure
      checkError(error, 'PEER_NOT_AUTHORIZED')
      assert.is(error.alert?.code, asSent(version, 3).code)
    }
  })

  check('early data, and even the end, wait until the client is let in', async () => {
    const { server, port } = await serve({ authorize: () => delay(50).then(() => true) })
    for (const length of [0, 3, 5 * MEGABYTE]) {
      const accepted = next(server, 'secureConnection')
      const client = await dial(port, { version })
      client.end(someBytes(length))
      const [socket] = await accepted
      assert.ok((await readAll(socket)).equals(someBytes(length)))
    }
  })

  check('an early alert waits too', async () => {
    const { server, port } = await serve({ authorize: () => delay(50).then(() => true) })
    const accepted = next(server, 'secureConnection')
    const client = await dial(port, { version })
    client.alert(42, 'never mind').catch(() => {})
    const [socket] = await accepted
    const error = await failureOf(socket)
    checkError(error, 'PEER_ALERT')
    assert.equal(error.alert, asSent(version, 42, 'never mind'))
  })

  check(
    'who has let a client in is told of its channel, late as well, and what it throws is not the channel’s',
    async () => {
      let asked: Peer | undefined
      let told = 0
      const { server, port } = await serve({
        authorize: peer => {
          asked = peer
          assert.throws(
            () => peer.whenServed(5 as never),
            (error: ChannelError) => error.code === 'USE_BAD_OPTION',
          )
          peer.whenServed(() => {
            throw new Error('a listener’s own')
          })
          peer.whenServed(() => void told++)
          return true
        },
      })
      const uncaught = next(process, 'uncaughtException')
      const accepted = next(server, 'secureConnection')
      const client = await dial(port, { version })
      const [socket] = await accepted
      assert.is((await uncaught)[0].message, 'a listener’s own')
      assert.is(told, 1)
      assert.equal([server.pendingHandshakes, server.refusedClients], [0, 0])
      asked?.whenServed(channel => channel.destroy(undefined))
      assert.is(socket.destroyed, true)
      await failureOf(client)
    },
  )

  check('authorize that never answers: the handshake’s time is over', async () => {
    let signal: AbortSignal | undefined
    let pending = 0
    const { server, port } = await serve({
      handshakeTimeout: 1000,
      authorize: peer => {
        signal = peer.signal
        pending = server.pendingHandshakes
        return new Promise(() => {})
      },
    })
    const reported = next(server, 'handshakeError')
    checkError(await failureOf(await dial(port, { version })), 'LINK_TRUNCATED')
    const [error] = await reported
    checkError(error, 'LINK_TIMEOUT')
    assert.match(error.message, /authorize took more than 1000 ms/)
    assert.is(pending, 1)
    assert.is(signal?.aborted, true)
    assert.is(signal?.reason, error)
    await until(() => server.pendingHandshakes === 0)
  })

  for (const how of ['closes', 'resets'] as const) {
    check(`a client that ${how} during authorize is noticed`, async () => {
      let signal: AbortSignal | undefined
      const { server, port } = await serve({
        handshakeTimeout: 0,
        authorize: peer => {
          signal = peer.signal
          return new Promise(() => {})
        },
      })
      const stream = track(net.connect(port, '127.0.0.1'))
      const reported = next(server, 'handshakeError')
      const client = track(await connect({ stream, version, serverKey: serverKeys.publicKey }))
      client.on('error', () => {})
      await until(() => signal !== undefined)
      if (version === 1) await delay(50)
      if (how === 'closes') client.destroy()
      else stream.resetAndDestroy()
      const [error] = await reported
      assert.match(error.code, /^LINK_/)
      assert.is(signal?.aborted, true)
      await until(() => server.pendingHandshakes === 0)
    })
  }

  check('a client that resets during authorize is noticed behind a little early data', async () => {
    const { server, port } = await serve({ handshakeTimeout: 0, authorize: () => new Promise(() => {}) })
    const accepted = next(server, 'connection')
    const stream = track(net.connect(port, '127.0.0.1'))
    const reported = next(server, 'handshakeError')
    const client = track(await connect({ stream, version, serverKey: serverKeys.publicKey }))
    client.on('error', () => {})
    const [transport] = await accepted
    client.write(someBytes(5000))
    // Where data and a reset wait together, the system gives the data and an end.
    await until(() => client.writableLength === 0 && transport.bytesRead === stream.bytesWritten)
    stream.resetAndDestroy()
    checkError((await reported)[0], 'LINK_CLOSED')
  })

  check('a silent client, and one that stops in the middle, run out of time', async () => {
    const { server, port } = await serve({ handshakeTimeout: 60 })
    const { hello } = version === 1 ? writeHello1(peerClient()) : writeHello2(peerClient())
    for (const said of [new Uint8Array(), hello.subarray(0, 50), hello]) {
      const reported = next(server, 'handshakeError')
      const socket = track(net.connect(port, '127.0.0.1')).resume()
      // It may be a reset, where bytes are unread.
      socket.on('error', () => {})
      socket.write(said)
      const [error, transport] = await reported
      checkError(error, 'LINK_TIMEOUT')
      assert.match(error.message, /the client’s handshake took more than 60 ms/)
      assert.is(transport.destroyed, true)
      await until(() => socket.closed)
    }
    assert.is(server.pendingHandshakes, 0)
  })

  check('a client without a pinned key learns the server’s', async () => {
    const { port } = await serve({ strangers: 'answer' })
    const client = track(await connect({ host: '127.0.0.1', port, version, serverKey: 'any' }))
    assert.equal(client.remotePublicKey, serverKeys.publicKey)
  })

  check('a client that has another key pinned is not served', async () => {
    const { server, port } = await serve({ strangers: 'answer' })
    const reported = next(server, 'handshakeError')
    // Version 1's and 2's hello box is for the other key: this server cannot open it, and answers as itself.
    const error = await rejects(dial(port, { version, serverKey: otherKeys.publicKey }), 'PEER_KEY_MISMATCH')
    assert.match(error.message, encodePublicKey(serverKeys.publicKey))
    assert.match(error.message, encodePublicKey(otherKeys.publicKey))
    checkError((await reported)[0], 'LINK_CLOSED')
  })

  check('strangers are answered, or ignored', async () => {
    for (const strangers of ['answer', 'ignore'] as const) {
      const { server, port } = await serve({ strangers })
      const known = await dial(port, { version })
      assert.equal(known.remotePublicKey, serverKeys.publicKey)
      const stranger = connect({ host: '127.0.0.1', port, version, serverKey: 'any' })
      if (strangers === 'answer') {
        track(await stranger)
        continue
      }
      const reported = next(server, 'handshakeError')
      await rejects(stranger, 'LINK_CLOSED')
      checkError((await reported)[0], 'PEER_NOT_ADDRESSED')
    }
  })

  check('a hello for another server, addressed to this one', async () => {
    const { server, port } = await serve()
    const options = { version, serverKey: otherKeys.publicKey, middleboxKey: serverKeys.publicKey }
    const reported = next(server, 'handshakeError')
    const error = await rejects(dial(port, options), version === 2 ? 'PEER_REJECTED' : 'LINK_CLOSED')
    if (version === 2) assert.is(error.reject, REJECT.notMyKey)
    checkError((await reported)[0], 'PEER_EXPECTED_OTHER')
    const again = next(server, 'handshakeError')
    const socket = track(net.connect(port, '127.0.0.1'))
    await rejects(
      connectPeer({ socket, longTermSecretKey: clientKeys.secretKey, ...options }),
      version === 2 ? /rejected with code 1/ : /closed during the handshake/,
    )
    checkError((await again)[0], 'PEER_EXPECTED_OTHER')
  })

  check('the independent peer, as a client', async () => {
    const { server, port } = await serve()
    const accepted = next(server, 'secureConnection')
    const socket = track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
    const peer = await connectPeer({
      socket,
      version,
      longTermSecretKey: clientKeys.secretKey,
      serverKey: serverKeys.publicKey,
    })
    const [secure] = (await accepted) as [SecureSocket]
    assert.equal(secure.remotePublicKey, clientKeys.publicKey)
    secure.end(someBytes(300_000))
    const reading = Promise.all([readAll(secure), peer.readAll()])
    await peer.write(someBytes(200_000), { padding: 3, rekey: true })
    await peer.keepAlive()
    if (version === 2) await peer.control(77, Uint8Array.of(1))
    await peer.end()
    const [heard, answered] = await reading
    assert.ok(heard.equals(someBytes(200_000)))
    assert.ok(answered.equals(someBytes(300_000)))
  })

  check('the independent peer, as a server', async () => {
    let accept: (peer: ReturnType<typeof acceptPeer>) => void = () => {}
    const accepted = new Promise<Awaited<ReturnType<typeof acceptPeer>>>(resolve => {
      accept = peer => resolve(peer)
    })
    const port = await plainServer(socket =>
      accept(acceptPeer({ socket, longTermSecretKey: serverKeys.secretKey, versions: [version] })),
    )
    const client = await dial(port, { version })
    const peer = await accepted
    client.end(someBytes(300_000))
    const answer = readAll(client)
    assert.ok((await peer.readAll()).equals(someBytes(300_000)))
    await peer.write('read it all')
    await peer.end()
    assert.is((await answer).toString(), 'read it all')
  })

  check('a Duplex from elsewhere is served, and counted', async () => {
    const server = createServer({ keyPair: serverKeys, authorize: 'anyone', versions: [version], strangers: 'answer' })
    const [near, far] = duplexPair()
    track(near)
    track(far)
    const accepted = next(server, 'secureConnection')
    server.emit('connection', far)
    assert.is(server.pendingHandshakes, 1)
    const client = track(await connect({ stream: near, version, serverKey: 'any' }))
    const [socket] = await accepted
    track(socket)
    assert.is(server.pendingHandshakes, 0)
    socket.end('hello')
    assert.is((await readAll(client)).toString(), 'hello')
  })

  check('without a listener a connection is dropped', async () => {
    const server = track(createServer({ keyPair: serverKeys, authorize: 'anyone', versions: [version] }))
    server.on('connection', transport => track(transport))
    const port = await listen(server)
    checkError(await failureOf(await dial(port, { version })), 'LINK_TRUNCATED')
  })

  check('200 clients at once are all served', async () => {
    const { port } = await serve().then(({ server, port }) => {
      server.on('secureConnection', socket => socket.pipe(socket))
      return { port }
    })
    const echoes = Array.from({ length: 200 }, async (_, at) => {
      const client = await dial(port, { version })
      client.end(`client ${at}`)
      return (await readAll(client)).toString()
    })
    assert.equal(
      await Promise.all(echoes),
      echoes.map((_, at) => `client ${at}`),
    )
  })
}

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)

check('which versions are served', async () => {
  const attempt = async (versions: (1 | 2)[] | undefined, version: 1 | 2, serverKey?: Uint8Array) => {
    const server = track(createServer({ keyPair: serverKeys, authorize: 'anyone', ...(versions && { versions }) }))
    server.on('connection', transport => track(transport))
    server.on('secureConnection', socket => track(socket))
    let error: ChannelError | undefined
    server.on('handshakeError', it => {
      error = it as ChannelError
    })
    const port = await listen(server)
    const client = await connect({ host: '127.0.0.1', port, version, serverKey: serverKey ?? 'any' }).then(
      socket => `connected with ${track(socket).version}`,
      (it: ChannelError) => (it.reject ? `${it.code} ${it.reject}` : it.code),
    )
    if (!client.startsWith('connected')) await until(() => error !== undefined)
    return [client, error?.code]
  }
  const { publicKey } = serverKeys
  assert.equal(await attempt(undefined, 2, publicKey), ['connected with 2', undefined])
  assert.equal(await attempt(undefined, 1, publicKey), ['LINK_CLOSED', 'PEER_VERSION_NOT_SERVED'])
  assert.equal(await attempt([1], 1, publicKey), ['connected with 1', undefined])
  assert.equal(await attempt([1, 2], 1, publicKey), ['connected with 1', undefined])
  assert.equal(await attempt([1, 2], 2, publicKey), ['connected with 2', undefined])
  assert.equal(await attempt([1], 2, publicKey), ['PEER_REJECTED 4', 'PEER_VERSION_NOT_SERVED'])
  // Who does not know the server gets no answer that shows that there is one.
  assert.equal(await attempt([1], 2), ['LINK_CLOSED', 'PEER_VERSION_NOT_SERVED'])
})

check('a reject from someone else is not believed', async () => {
  const port = await plainServer(async socket => {
    const hello = await new ByteSource(socket).exactly(HELLO2_LENGTH)
    socket.end(writeReject(hello, REJECT.noRoute, { longTerm: otherKeys, random: systemRandom }))
  })
  await rejects(dial(port), 'PEER_REJECT_UNVERIFIED')
})

check('a context that differs', async () => {
  const { server, port } = await serve({ versions: [2], context: 'one' })
  const accepted = next(server, 'secureConnection')
  await dial(port, { context: new TextEncoder().encode('one') })
  await accepted
  const reported = next(server, 'handshakeError')
  await rejects(dial(port, { context: 'other' }), 'PEER_KEY_UNREADABLE')
  checkError((await reported)[0], 'LINK_CLOSED')
})

check('a bad response gets alert 2 in version 1, and nothing in version 2', async () => {
  const { server, port } = await serve()
  const { hello, state } = writeHello1(peerClient())
  const forge = (challenge: Uint8Array) => forgeResponse1(challenge, state, () => systemRandom(32))
  for (const respond of [forge, () => new Uint8Array(144)]) {
    const reported = next(server, 'handshakeError')
    const socket = track(net.connect(port, '127.0.0.1'))
    const source = new ByteSource(socket)
    socket.write(hello)
    const challenge = await source.exactly(176)
    socket.write(respond(challenge))
    const { sharedRx } = sodium.crypto_kx_client_session_keys(
      state.session.publicKey,
      state.session.secretKey,
      challenge.slice(0, 32),
    )
    const reader = new RecordReader(1, sharedRx)
    reader.feed(await source.exactly(24))
    let alert = reader.next()
    for (; !alert; alert = reader.next()) reader.feed((await source.chunk())!)
    assert.ok(alert.kind === 'alert' && alert.code === 2)
    assert.is(await source.chunk(), null)
    const [error] = await reported
    assert.match(error.code, /PEER_BAD_PROOF|PEER_KEY_UNREADABLE/)
  }
  const reported = next(server, 'handshakeError')
  const socket = track(net.connect(port, '127.0.0.1'))
  const source = new ByteSource(socket)
  socket.write(writeHello2(peerClient()).hello)
  await source.exactly(1268)
  socket.write(new Uint8Array(144))
  assert.is(await source.chunk().catch(() => null), null)
  checkError((await reported)[0], 'PEER_KEY_UNREADABLE')
})

check('a reject reaches a client that has said more than its hello', async () => {
  const { port } = await serve()
  const socket = track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  const source = new ByteSource(socket)
  const options = { ...peerClient(), serverKey: otherKeys.publicKey, middleboxKey: serverKeys.publicKey }
  socket.write(writeHello2(options).hello)
  socket.write(someBytes(MEGABYTE))
  assert.is((await source.exactly(76)).length, 76)
  assert.is(await source.chunk(), null)
})

check(
  'one handshake more than may be pending has the oldest dropped that has sent no hello, and disturbs no one else',
  async () => {
    const { server, port } = await serve({ maxPendingHandshakes: 3, handshakeTimeout: 0 })
    const errors: ChannelError[] = []
    server.on('handshakeError', error => errors.push(error as ChannelError))
    const accepted = next(server, 'secureConnection')
    const early = await dial(port)
    const [socket] = await accepted
    const silent = [1, 2, 3].map(() => track(net.connect(port, '127.0.0.1').on('error', () => {})))
    await until(() => server.pendingHandshakes === 3)
    await dial(port)
    await until(() => errors.length === 1)
    checkError(errors[0], 'LINK_LIMIT')
    await until(() => server.pendingHandshakes === 2)
    await until(() => silent.filter(it => it.destroyed).length === 1)
    early.write('still here')
    assert.is((await next(socket, 'data'))[0].toString(), 'still here')
    assert.is(server.listenerCount('secureConnection'), 1)
  },
)

for (const how of ['rejected', 'not authorized'] as const) {
  check(`those that are ${how} and stay take places of pending handshakes, and give way first`, async () => {
    const { server, port } = await serve({
      maxPendingHandshakes: 4,
      authorize: ({ publicKey }) => Buffer.from(publicKey).equals(clientKeys.publicKey),
    })
    const otherKeys = generateKeyPair()
    const strangers = []
    for (let at = 0; at < 12; at++) {
      const refused = next(server, 'handshakeError')
      strangers.push(stranger(port, how === 'rejected' ? otherKeys.publicKey : serverKeys.publicKey))
      await refused
      assert.ok(server.refusedClients <= 4)
    }
    assert.is(server.pendingHandshakes, 0)
    assert.is(server.refusedClients, 4)
    const silent = track(net.connect(port, '127.0.0.1'))
    await until(() => server.pendingHandshakes === 1)
    assert.is(server.refusedClients, 3)
    await dial(port)
    silent.destroy()
    // Nobody of them closes: their time is over.
    await until(() => server.refusedClients === 0)
  })
}

/** A client that stays when it was refused, and has heard so. */
function stranger(port: number, serverKey: Uint8Array): net.Socket {
  const socket = track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  const keyPair = generateKeyPair()
  const engine = Engine.client(nodeCore(), { keyPair, serverKey, middleboxKey: serverKeys.publicKey })
  const flush = () => socket.write(engine.take())
  socket.on('connect', flush).on('error', () => {})
  socket.on('data', chunk => {
    for (let at = 0; !engine.connected && at < chunk.length; ) {
      try {
        at += engine.receive(chunk, at)
        if (engine.advance() === 'connected') flush()
      } catch {
        break
      }
    }
  })
  socket.on('close', () => engine.close())
  return socket
}

check('300 connections of garbage do not disturb a good one', async () => {
  const { server, port } = await serve({ maxPendingHandshakes: 1000 })
  server.on('secureConnection', socket => socket.pipe(socket))
  let errors = 0
  server.on('handshakeError', error => {
    assert.match((error as ChannelError).code, /^PEER_|^LINK_CLOSED/)
    errors += 1
  })
  const good = await dial(port)
  for (let at = 0; at < 300; at++) {
    const socket = track(net.connect(port, '127.0.0.1'))
    socket.on('error', () => {}).resume()
    const garbage = Buffer.from(someBytes(2000 + at).subarray(at))
    // Some look like hellos at first.
    if (at % 3 === 1) garbage.write('npk2')
    if (at % 3 === 2) garbage.write('oreN')
    socket.end(garbage)
  }
  const data = someBytes(MEGABYTE)
  good.end(data)
  assert.ok((await readAll(good)).equals(data))
  await until(() => errors === 300)
  assert.is(server.pendingHandshakes, 0)
  await dial(port)
})

check('close() waits for connections, as net.Server’s', async () => {
  const { server, port } = await serve()
  const accepted = next(server, 'secureConnection')
  const client = await dial(port)
  const [socket] = await accepted
  let closed = false
  const closing = new Promise<void>(resolve => {
    server.close(() => {
      closed = true
      resolve()
    })
  })
  await rejects(dial(port), 'ECONNREFUSED')
  client.end('last words')
  assert.is(closed, false)
  assert.is((await readAll(socket)).toString(), 'last words')
  await closing
  assert.is(server.listening, false)
})

check('a signal stops the server and what has not connected, and nothing else', async () => {
  const controller = new AbortController()
  const { server, port } = await serve({ signal: controller.signal })
  const accepted = next(server, 'secureConnection')
  const client = await dial(port)
  const [socket] = await accepted
  track(net.connect(port, '127.0.0.1')).on('error', () => {})
  await until(() => server.pendingHandshakes === 1)
  const reported = next(server, 'handshakeError')
  const closed = next(server, 'close')
  controller.abort()
  assert.is(server.listening, false)
  checkError((await reported)[0], 'LINK_CLOSED')
  await turn()
  assert.is(server.pendingHandshakes, 0)
  client.end('goes on')
  assert.is((await readAll(socket)).toString(), 'goes on')
  await closed
  assert.is(getEventListeners(controller.signal, 'abort').length, 0)
})

check('a signal that is aborted as a client connects leaves that client alone', async () => {
  const controller = new AbortController()
  const { server, port } = await serve({ signal: controller.signal })
  server.on('secureConnection', socket => {
    controller.abort()
    socket.end('the last one')
  })
  assert.is((await readAll(await dial(port))).toString(), 'the last one')
})

check('a signal that is aborted already, or while authorize is asked', async () => {
  const server = createServer({ keyPair: serverKeys, authorize: 'anyone', signal: AbortSignal.abort() })
  const closed = next(server, 'close')
  server.listen(0, '127.0.0.1')
  await closed
  assert.is(server.listening, false)
  const controller = new AbortController()
  const other = await serve({
    signal: controller.signal,
    authorize: () => {
      controller.abort()
      return true
    },
  })
  other.server.on('secureConnection', () => assert.unreachable('it was let in'))
  const reported = next(other.server, 'handshakeError')
  checkError(await failureOf(await dial(other.port)), 'LINK_TRUNCATED')
  checkError((await reported)[0], 'LINK_CLOSED')
})

check('a transport that comes when the signal has stopped the server is dropped, whatever it fails with', async () => {
  const controller = new AbortController()
  const server = createServer({ keyPair: serverKeys, authorize: 'anyone', signal: controller.signal })
  server.on('handshakeError', () => assert.unreachable('there was a handshake'))
  controller.abort()
  const transport = new Duplex({
    read() {},
    write: (_chunk, _encoding, callback) => callback(),
    destroy: (_error, callback) => callback(new Error('it is broken')),
  })
  const closed = next(transport, 'close')
  server.emit('connection', transport)
  assert.is(transport.destroyed, true)
  assert.is(server.pendingHandshakes, 0)
  await closed
})

check('a signal keeps no server that has closed', async () => {
  const { signal } = new AbortController()
  const { server } = await serve({ signal })
  assert.is(getEventListeners(signal, 'abort').length, 1)
  server.close()
  await next(server, 'close')
  assert.is(getEventListeners(signal, 'abort').length, 0)
  await listen(server)
  assert.is(getEventListeners(signal, 'abort').length, 1)
})

check('what a connection’s listener throws is the process’s, not the handshake’s', async () => {
  const { server, port } = await serve()
  server.on('secureConnection', () => {
    throw new RangeError('a bug of the user’s')
  })
  let reported = false
  server.on('handshakeError', () => {
    reported = true
  })
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const caught = next(process, 'uncaughtException')
  await dial(port)
  assert.match(String((await caught)[0]), 'a bug of the user’s')
  assert.is(reported, false)
  for (const listener of others) process.on('uncaughtException', listener)
})

check('listening where someone else does gives the system’s error', async () => {
  const { port } = await serve()
  const server = track(createServer({ keyPair: serverKeys, authorize: 'anyone' }))
  server.listen(port, '127.0.0.1')
  checkError((await next(server, 'error'))[0], 'EADDRINUSE')
})

check('wrong options are typed errors at once', async () => {
  const before = nodeCore().bytesInUse
  const sound = { keyPair: serverKeys, authorize: 'anyone' as const }
  const wrong = (options: object, code: string | RegExp) => throws(() => createServer({ ...sound, ...options }), code)
  wrong({ keyPair: undefined }, 'USE_BAD_KEY')
  wrong({ keyPair: { ...serverKeys, publicKey: otherKeys.publicKey } }, 'USE_BAD_KEY')
  wrong({ keyPair: { publicKey: 'pk_', secretKey: 'sk_' } }, 'USE_BAD_KEY')
  wrong({ keyPair: { ...serverKeys, secretKey: new Uint8Array(31) } }, 'USE_BAD_KEY')
  wrong({ versions: [3] }, 'USE_BAD_OPTION')
  wrong({ versions: [] }, 'USE_BAD_OPTION')
  wrong({ versions: 2 }, 'USE_BAD_OPTION')
  wrong({ strangers: 'greet' }, 'USE_BAD_OPTION')
  wrong({ padding: { block: 0 } }, 'USE_BAD_OPTION')
  wrong({ padding: { block: 100_000 } }, 'USE_BAD_OPTION')
  wrong({ padding: {} }, 'USE_BAD_OPTION')
  wrong({ handshakeTimeout: -1 }, 'USE_BAD_OPTION')
  wrong({ handshakeTimeout: 2 ** 31 }, 'USE_BAD_OPTION')
  wrong({ idleTimeout: 1.5 }, 'USE_BAD_OPTION')
  wrong({ heartbeat: '1' }, 'USE_BAD_OPTION')
  wrong({ keepAlive: 1000 }, /true or false, for TCP’s own; the channel’s own is `heartbeat`/)
  wrong({ maxPendingHandshakes: 0 }, 'USE_BAD_OPTION')
  createServer({ keyPair: serverKeys, authorize: 'anyone', maxPendingHandshakes: 1 })
  wrong({ rekeyAfter: 2 ** 31 }, 'USE_BAD_OPTION')
  wrong({ authorize: true }, 'USE_BAD_OPTION')
  wrong({ onKeys: 'file' }, 'USE_BAD_OPTION')
  wrong({ context: 1 }, 'USE_BAD_OPTION')
  wrong({ signal: {} }, 'USE_BAD_OPTION')
  assert.is(nodeCore().bytesInUse, before)
})

/** A client of the second implementation, for messages that it is to craft. */
function peerClient(): ClientOptions & ServerOptions {
  const longTerm = keyPairOf(clientKeys.secretKey)
  return { longTerm, serverKey: serverKeys.publicKey, random: systemRandom }
}

check('v1: a refused client that resets while the server holds its alert back takes nothing with it', async () => {
  const { server, port } = await serve({ versions: [1], authorize: () => false })
  const reported = next(server, 'handshakeError')
  const socket = track(net.connect({ port, host: '127.0.0.1', noDelay: true }))
  const keys = { longTerm: keyPairOf(clientKeys.secretKey), serverKey: serverKeys.publicKey, random: systemRandom }
  const { hello, state } = writeHello1(keys)
  socket.write(hello)
  const [challenge] = await next(socket, 'data')
  const { response, established } = writeResponse1(challenge, state)
  const writer = new Writer1(established.clientToServer, systemRandom)
  const header = next(socket, 'data')
  // It says nothing: so the alert is held back.
  for (const unit of [response, writer.header]) socket.write(unit)
  assert.is((await header)[0].length, writer.header.length)
  const closed = next(socket, 'close')
  socket.resetAndDestroy()
  await closed
  await reported
  // By then the alert would have followed.
  await delay(150)
  await rejects(dial(port, { version: 1 }).then(readAll), 'PEER_NOT_AUTHORIZED')
})

check('authorize with version 1 warns once a process, with where to read', async () => {
  const warnings = async (script: string) => {
    const [sockets, streams] = ['node', 'web'].map(it => new URL(`../../src/${it}/index.js`, import.meta.url))
    const setup = `import { createServer, generateKeyPair } from '${sockets}'
      import { secure } from '${streams}'
      const options = { keyPair: generateKeyPair(), versions: [1, 2], authorize: () => true }
      ${script}`
    const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', setup])
    return stderr.match(/may not hold the key.*docs\/protocol\.md/g)?.length ?? 0
  }
  assert.is(await warnings('for (const _ of [1, 2]) createServer(options)'), 1)
  // Nobody comes to those over streams.
  const overStreams =
    "secure(new TransformStream(), { ...options, role: 'server', handshakeTimeout: 1 }).catch(() => {})"
  assert.is(await warnings(`for (const _ of [1, 2]) ${overStreams}`), 1)
  assert.is(await warnings("createServer({ ...options, authorize: 'anyone' })"), 0)
  assert.is(await warnings('createServer({ ...options, versions: [2] })'), 0)
})

test.run()
