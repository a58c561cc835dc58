// SecureChannel: what a user of a channel over Web Streams sees, in both versions, over all that can carry it here.

import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ChannelError, connect, encodePublicKey } from '../../src/node/index.js'
import {
  acceptWebSocket,
  connectWebSocket,
  generateKeyPair,
  publicKeyOf,
  type SecureChannel,
  secure,
} from '../../src/web/index.js'
import { asSent } from '../support/alerts.js'
import {
  busyFor,
  cleanUpAfter,
  clientKeys,
  dial,
  failureOf,
  guarded,
  hashOf,
  next,
  plainPair,
  readAll,
  rejects,
  serve,
  serverKeys,
  someBytes,
  throws,
  track,
  until,
  VERSIONS,
} from '../support/sockets.js'
import {
  asStreams,
  CARRIERS,
  type ChannelPair,
  giveUpAfter,
  type PairOptions,
  receive,
  receiveUntilError,
  secureClient,
  secureServer,
  send,
  socketChannels,
  streamPair,
  streamServer,
  tapped,
  webPair,
} from '../support/web.js'

giveUpAfter(test)
cleanUpAfter(test)

const MEGABYTE = 1 << 20
const OPENERS: Record<string, (version: 1 | 2, options?: PairOptions) => Promise<ChannelPair>> = {
  WebSocket: (version, options = {}) => socketChannels({ ...options, client: { version, ...options.client } }),
}
for (const [name, carry] of Object.entries(CARRIERS)) {
  OPENERS[name] = async (version, options) => webPair(version, await carry(), options)
}

for (const [carrier, open] of Object.entries(OPENERS)) {
  for (const version of VERSIONS) {
    const check = (name: string, run: () => Promise<void>) =>
      guarded(test, `${carrier} v${version}: ${name}`, run, 20_000)

    check('what both ends know of each other', async () => {
      const { client, server } = await open(version, { server: { authorize: () => ({ name: 'one' }) } })
      assert.is(client.version, version)
      assert.is(server.version, version)
      assert.equal(client.remotePublicKey, serverKeys.publicKey)
      assert.equal(server.remotePublicKey, clientKeys.publicKey)
      assert.equal(server.authorization, { name: 'one' })
      assert.is(client.authorization, undefined)
      assert.equal(client.handshakeHash, server.handshakeHash)
      assert.is(client.handshakeHash?.length, version === 2 ? 32 : undefined)
      if (version === 2) assert.equal(client.exportKey('test', 'x', 48), server.exportKey('test', 'x', 48))
      else throws(() => client.exportKey('test'), 'USE_VERSION')
    })

    check('megabytes both ways at once; both ends close', async () => {
      const { client, server } = await open(version)
      const data = someBytes(4 * MEGABYTE + 5)
      const [there, back] = await Promise.all([
        receive(server),
        receive(client),
        send(client, data, 100_003),
        send(server, data.subarray(7), 9_001),
      ])
      assert.is(hashOf(there), hashOf(data))
      assert.is(hashOf(back), hashOf(data.subarray(7)))
      await Promise.all([client.closed, server.closed])
    })

    check('an echo through pipeTo', async () => {
      const { client, server } = await open(version)
      const data = someBytes(2 * MEGABYTE + 1)
      const [back] = await Promise.all([
        receive(client),
        server.readable.pipeTo(server.writable),
        send(client, data, 65_536),
      ])
      assert.is(hashOf(back), hashOf(data))
      await Promise.all([client.closed, server.closed])
    })

    check('half-close: what the other end still says arrives, as much as it likes', async () => {
      const { client, server } = await open(version)
      await send(client, Buffer.from('question'))
      assert.is((await receive(server)).toString(), 'question')
      const answer = someBytes(3 * MEGABYTE)
      const [heard] = await Promise.all([receive(client), send(server, answer, 50_000)])
      assert.is(hashOf(heard), hashOf(answer))
      await Promise.all([client.closed, server.closed])
    })

    check('BYOB reads', async () => {
      const { client, server } = await open(version)
      const data = someBytes(200_000)
      const sent = send(client, data, 3_333)
      const reader = server.readable.getReader({ mode: 'byob' })
      const parts: Buffer[] = []
      let view = new Uint8Array(1000)
      for (;;) {
        const { done, value } = await reader.read(view)
        if (done) break
        assert.ok(value.length > 0 && value.length <= 1000)
        parts.push(Buffer.from(value))
        view = new Uint8Array(value.buffer)
      }
      await sent
      assert.is(hashOf(Buffer.concat(parts)), hashOf(data))
    })

    check('messages, of all sizes', async () => {
      const { client, server } = await open(version)
      const sizes = [5, 0, 1, 0, 0, 16_384, 16_385, 70_000, 2 * MEGABYTE, 3]
      const sending = (async () => {
        for (const size of sizes) await client.send(someBytes(size))
        await client.close()
      })()
      const heard: number[] = []
      for await (const message of server.messages()) {
        heard.push(message.length)
        assert.ok(Buffer.from(message).equals(someBytes(message.length)))
      }
      assert.equal(heard, sizes)
      await server.close()
      await Promise.all([sending, server.closed])
    })

    check('an alert is the peer’s error, behind what was written', async () => {
      const { client, server } = await open(version)
      const writer = server.writable.getWriter()
      writer.write(Buffer.from('last words')).catch(() => {})
      const left = server.alert(4, 'going home')
      const { data, error } = await receiveUntilError(client)
      assert.is(data.toString(), 'last words')
      assert.is(error.code, 'PEER_ALERT')
      assert.equal((error as ChannelError).alert, asSent(version, 4, 'going home'))
      await left
      await rejects(client.closed, 'PEER_ALERT')
      await server.closed
      await rejects(server.send(Buffer.from('more')), 'USE_CLOSED')
      await rejects(receive(server), 'USE_CLOSED')
    })

    check('a client that is not authorized is told so', async () => {
      const options = {
        authorize: () => {
          throw new ChannelError('PEER_NOT_AUTHORIZED', 'ask the operator')
        },
      }
      const errors: unknown[] = []
      const opened = open(version, { server: options }).catch(error => errors.push(error))
      await opened
      assert.is((errors[0] as ChannelError).code, 'PEER_NOT_AUTHORIZED')
    })

    check('a pinned key that is another one', async () => {
      const pinned = generateKeyPair().publicKey
      // Version 1's server cannot tell that the hello names another; version 2's rejects it.
      await rejects(
        open(version, { client: { serverKey: pinned }, server: { strangers: 'answer' } }),
        /PEER_(KEY_MISMATCH|EXPECTED_OTHER|REJECTED|REJECT_UNVERIFIED)|LINK_/,
      )
    })

    check('a client without keys, that pins none', async () => {
      const [near, far] = version === 2 ? streamPair() : await CARRIERS.tcp()
      const server = secureServer(far, { strangers: 'answer' })
      const client = await secure(near, { version, serverKey: 'any' })
      assert.equal(client.remotePublicKey, serverKeys.publicKey)
      assert.is((await server).remotePublicKey.length, 32)
      await client.writable.abort()
      await rejects((await server).closed, 'LINK_TRUNCATED')
    })

    check('abort: the peer sees that it was cut short', async () => {
      const { client, server } = await open(version)
      await client.send(Buffer.from('whole'))
      const reader = server.readable.getReader()
      assert.is(Buffer.from((await reader.read()).value!).toString(), 'whole')
      await client.writable.abort(new Error('changed my mind'))
      await rejects(client.closed, /changed my mind/)
      await rejects(client.readable.getReader().read(), /changed my mind/)
      await rejects(reader.read(), 'LINK_TRUNCATED')
      await rejects(server.closed, 'LINK_TRUNCATED')
      await rejects(server.send(Buffer.from('.')), 'LINK_TRUNCATED')
    })

    check('cancel: the whole channel is given up', async () => {
      const { client, server } = await open(version)
      await client.readable.cancel(new Error('enough'))
      await rejects(client.send(Buffer.from('.')), /enough/)
      await rejects(client.closed, /enough/)
      await rejects(receive(server), 'LINK_TRUNCATED')
    })

    check('a signal ends it at any time', async () => {
      const controller = new AbortController()
      const { client, server } = await open(version, { client: { signal: controller.signal } })
      const reading = client.readable.getReader().read()
      controller.abort(new Error('time is up'))
      await rejects(reading, /time is up/)
      await rejects(client.closed, /time is up/)
      await rejects(receive(server), 'LINK_TRUNCATED')
    })

    check('a writer waits for a reader that does not read', async () => {
      const { client, server } = await open(version)
      const writer = client.writable.getWriter()
      let accepted = 0
      const pouring = (async () => {
        for (let at = 0; at < 64; at++) {
          await writer.ready
          writer.write(someBytes(MEGABYTE).slice()).catch(() => {})
          accepted++
        }
      })()
      pouring.catch(() => {})
      // Nothing happens any more, when it has stopped: there is no event for that.
      for (let seen = -1; seen !== accepted; await new Promise(resolve => setTimeout(resolve, 150))) seen = accepted
      assert.ok(accepted < 32, `${accepted} MiB were taken`)
      const reader = server.readable.getReader()
      await reader.read()
      await reader.cancel()
    })
  }
}

for (const version of VERSIONS) {
  const check = (name: string, run: () => Promise<void>) => guarded(test, `v${version}: ${name}`, run)

  check('a web client and a node server, and the other way round', async () => {
    const { server: listener, port } = await serve({ allowHalfOpen: true })
    listener.on('secureConnection', socket => socket.pipe(socket))
    const client = await secureClient(asStreams(track(net.connect(port, '127.0.0.1'))), { version })
    const data = someBytes(MEGABYTE)
    const [back] = await Promise.all([receive(client), send(client, data, 20_000)])
    assert.is(hashOf(back), hashOf(data))
    await client.closed

    const webPort = await streamServer(async streams => {
      const server = await secureServer(streams)
      await server.readable.pipeTo(server.writable)
    })
    const socket = await dial(webPort, { version, allowHalfOpen: true })
    socket.end(data)
    assert.is(hashOf(await readAll(socket)), hashOf(data))
  })

  check('a refusal reaches a node client', async () => {
    const port = await streamServer(streams => {
      secureServer(streams, { authorize: () => false }).catch(() => {})
    })
    const socket = await dial(port, { version })
    const error = await failureOf(socket)
    assert.is(error.code, 'PEER_NOT_AUTHORIZED')
    assert.match(error.message, encodePublicKey(clientKeys.publicKey))
  })

  check('one byte at a time', async () => {
    const [near, far] = await plainPair()
    const crumbs = (streams: ReturnType<typeof asStreams>) => ({
      writable: streams.writable,
      readable: streams.readable.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            for (let at = 0; at < chunk.length; at++) controller.enqueue(chunk.slice(at, at + 1))
          },
        }),
      ),
    })
    const { client, server } = await webPair(version, [crumbs(asStreams(near)), crumbs(asStreams(far))])
    const data = someBytes(5000)
    const [there, back] = await Promise.all([receive(server), receive(client), send(client, data), send(server, data)])
    assert.ok(there.equals(data) && back.equals(data))
    await Promise.all([client.closed, server.closed])
  })

  check('keep-alives are never seen, and keep an idle peer', async () => {
    const { client, server } = await webPair(version, streamPair(), {
      client: { heartbeat: 50 },
      server: { idleTimeout: 1000 },
    })
    await new Promise(resolve => setTimeout(resolve, 1500))
    await client.send(Buffer.from('still here'))
    const { value } = await server.readable.getReader().read()
    assert.is(Buffer.from(value!).toString(), 'still here')
  })

  check('a silent peer is told, and the channel fails', async () => {
    const { client, server } = await webPair(version, streamPair(), { server: { idleTimeout: 60 } })
    await rejects(server.closed, 'LINK_TIMEOUT')
    const error = await rejects(client.closed, 'PEER_ALERT')
    assert.equal(error.alert, asSent(version, 5, 'idle timeout'))
  })

  check('a peer that has ended, and listens, is not silent', async () => {
    const { client, server } = await webPair(version, streamPair(), { server: { idleTimeout: 50 } })
    await client.writable.close()
    await new Promise(resolve => setTimeout(resolve, 150))
    const heard = receive(client)
    await send(server, Buffer.from('the last word'))
    assert.is((await heard).toString(), 'the last word')
  })

  check('nor is one whose bytes came while this process was busy', async () => {
    const { client, server } = await webPair(version, await CARRIERS.tcp(), { server: { idleTimeout: 50 } })
    // In the kernel, and the timer due, before anything is read.
    await client.send(Buffer.from('in time'))
    busyFor(200)
    assert.is(Buffer.from((await server.readable.getReader().read()).value!).toString(), 'in time')
  })

  check('the server’s time is over: in the handshake, and in authorize', async () => {
    const [, far] = streamPair()
    await rejects(secureServer(far, { handshakeTimeout: 30 }), 'LINK_TIMEOUT')
    const [near, other] = streamPair()
    const client = secureClient(near, { version })
    let left: AbortSignal | undefined
    const server = secureServer(other, {
      handshakeTimeout: 1000,
      authorize: ({ signal }) => {
        left = signal
        return new Promise(() => {})
      },
    })
    await rejects(server, /LINK_TIMEOUT: authorize took more than 1000 ms/)
    assert.is(left?.aborted, true)
    await rejects((await client).closed, 'LINK_TRUNCATED')
  })

  check('authorize is asked about a client that leaves', async () => {
    const [near, far] = streamPair()
    const client = secureClient(near, { version })
    const server = secureServer(far, {
      authorize: async ({ signal }) => {
        await (await client).writable.abort()
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
        return true
      },
    })
    await rejects(server, 'LINK_TRUNCATED')
  })
}

guarded(test, 'abort in the middle of a handshake', async () => {
  for (const role of ['client', 'server'] as const) {
    const controller = new AbortController()
    const [near, far] = streamPair()
    const opening =
      role === 'client'
        ? secureClient(near, { signal: controller.signal })
        : secureServer(near, { signal: controller.signal })
    const reader = far.readable.getReader()
    if (role === 'client') assert.is((await reader.read()).value?.length, 1292)
    else await until(() => near.readable.locked)
    controller.abort(new Error('not now'))
    await rejects(opening, /not now/)
    await rejects(reader.read(), /not now/)
  }
  const [near] = streamPair()
  await rejects(secureClient(near, { signal: AbortSignal.abort() }), /abort/i)
  assert.is(near.readable.locked, false)
})

guarded(test, 'wrong options leave the streams alone', async () => {
  const [near] = streamPair()
  const bad = (options: object) => secure(near, { serverKey: serverKeys.publicKey, ...options } as never)
  await rejects(bad({ role: 'middle' }), 'USE_BAD_OPTION')
  await rejects(bad({ role: 'server', authorize: 'anyone' }), 'USE_BAD_KEY')
  await rejects(bad({ role: 'server', keyPair: serverKeys, authorize: true }), 'USE_BAD_OPTION')
  await rejects(bad({ serverKey: 'pk_' }), 'USE_BAD_KEY')
  await rejects(bad({ version: 3 }), 'USE_BAD_OPTION')
  await rejects(bad({ handshakeTimeout: -1 }), 'USE_BAD_OPTION')
  await rejects(bad({ idleTimeout: '5' }), 'USE_BAD_OPTION')
  await rejects(bad({ signal: {} }), 'USE_BAD_OPTION')
  await rejects(bad({ padding: 'some' }), 'USE_BAD_OPTION')
  assert.is(near.readable.locked, false)
  assert.is(near.writable.locked, false)
  for (const streams of [undefined, null, {}, { readable: near.readable }, { ...near, writable: 1 }]) {
    await rejects(secure(streams as never, { serverKey: 'any' }), 'USE_BAD_OPTION')
  }
  near.readable.getReader()
  await rejects(bad({}), /locked/)
  for (const socket of [undefined, {}, 7]) {
    await rejects(connectWebSocket(socket as never, { serverKey: 'any' }), 'USE_BAD_OPTION')
    await rejects(acceptWebSocket(socket as never, { keyPair: serverKeys, authorize: 'anyone' }), 'USE_BAD_OPTION')
  }
})

guarded(test, 'what is no bytes is refused; what bytes come in does not matter', async () => {
  const { client, server } = await webPair(2)
  for (const message of ['text', 7, undefined, {}, [1]]) {
    await rejects(client.send(message as never), 'USE_BAD_OPTION')
  }
  await client.send(new Uint16Array([0x6261]))
  await client.send(new Uint8Array([0x63]).buffer)
  await client.send(new DataView(new Uint8Array([0, 0x64]).buffer, 1))
  const heard: string[] = []
  for await (const message of server.messages()) {
    heard.push(Buffer.from(message).toString())
    if (heard.length === 3) break
  }
  assert.equal(heard, ['ab', 'c', 'd'])
  await rejects(client.closed, 'LINK_TRUNCATED')

  const other = await webPair(2)
  await rejects(other.client.writable.getWriter().write('text' as never), 'USE_BAD_OPTION')
})

guarded(test, 'a message above the limit, and one that is not finished', async () => {
  const { client, server } = await webPair(2)
  client.send(someBytes(5000)).catch(() => {})
  await rejects(server.messages(4999).next(), 'PEER_TOO_LONG')
  const other = await webPair(2)
  const messages = other.server.messages()
  await send(other.client, Buffer.from('no end'))
  await rejects(messages.next(), 'PEER_MALFORMED')
  throws(() => other.server.messages(-1), 'USE_BAD_OPTION')
})

guarded(test, 'readers exclude each other', async () => {
  const { client, server } = await webPair(2)
  const messages = server.messages()
  throws(() => server.readable.getReader(), /lock/i)
  throws(() => server.messages(), /lock/i)
  await client.send(Buffer.from('one'))
  assert.is(Buffer.from((await messages.next()).value!).toString(), 'one')
})

guarded(test, 'close: throws away what is not read, and waits for the peer’s end', async () => {
  const { client, server } = await webPair(2)
  const sent = send(server, someBytes(3 * MEGABYTE), 65_536)
  const closed = client.close()
  assert.is((await receive(server)).length, 0)
  await Promise.all([sent, closed, client.closed, server.closed])
  await rejects(receive(client), 'USE_CLOSED')
  // Again, and after the end.
  await client.close()
  await rejects(client.alert(1), 'USE_CLOSED')
  throws(() => client.exportKey('test'), 'USE_CLOSED')
})

guarded(test, 'close with a reader leaves the rest to the reader', async () => {
  const { client, server } = await webPair(2)
  const heard = receive(client)
  const closed = client.close()
  await send(server, Buffer.from('all of it'))
  await receive(server)
  assert.is((await heard).toString(), 'all of it')
  await closed
})

guarded(
  test,
  'an alert reaches a peer that is slow, though who reads the messages here finds the channel closed',
  async () => {
    const [near, far] = streamPair()
    let held: Promise<void> | undefined
    let goOn = () => {}
    const slow = tapped(far, {
      out: async chunk => {
        await held
        return [chunk]
      },
    })
    const { client, server } = await webPair(2, [near, slow])
    await client.accepted
    held = new Promise(resolve => {
      goOn = resolve
    })
    const reading = server.messages().next()
    const left = server.alert(4, 'going home')
    await rejects(reading, 'USE_CLOSED')
    goOn()
    await rejects(receive(client), 'PEER_ALERT')
    await left
  },
)

/** Writes each part, and waits for none. */
function writeAll(channel: SecureChannel, parts: readonly string[]) {
  const writer = channel.writable.getWriter()
  const written = parts.map(it => writer.write(Buffer.from(it)))
  for (const it of written) it.catch(() => {})
  return { writer, written }
}

guarded(test, 'writes, messages and an end keep their order, though nobody waits for them', async () => {
  const { client, server } = await webPair(2)
  const { writer, written } = writeAll(client, ['1', '2', '3'])
  written.push(client.send(Buffer.from('4')), writer.write(Buffer.from('5')), client.send(Buffer.from('6')))
  written.push(writer.write(Buffer.from('7')), writer.close())
  assert.is(String(await receive(server)), '1234567')
  await Promise.all(written)
  await rejects(client.send(Buffer.from('8')), 'USE_CLOSED')
  await server.close()
})

guarded(
  test,
  'messages keep their order, though the second is sent just when the first need not wait any more',
  async () => {
    const { client, server } = await webPair(2)
    const heard = receive(server)
    const sent: Promise<void>[] = []
    const bytes = Uint8Array.of(0x32).buffer
    // It is asked for its bytes when it comes to the channel.
    const chunk = Object.defineProperty(new DataView(bytes), 'buffer', {
      get() {
        queueMicrotask(() => sent.push(client.send(Buffer.from('4'))))
        return bytes
      },
    })
    const { writer, written } = writeAll(client, ['1'])
    written.push(writer.write(chunk as never))
    sent.push(client.send(Buffer.from('3')))
    await Promise.all(written)
    assert.is(sent.length, 2)
    await Promise.all(sent)
    const closed = client.close()
    assert.is(String(await heard), '1234')
    await Promise.all([server.close(), closed])
  },
)

for (const ends of [0, 1]) {
  guarded(test, `close goes behind all that was written${ends ? ', and an end' : ''}`, async () => {
    for (const parts of [[], ['1'], ['1', '2', '3']]) {
      const { client, server } = await webPair(2)
      const { writer, written } = writeAll(client, parts)
      if (ends) written.push(writer.close())
      const closed = client.close()
      assert.is(String(await receive(server)), parts.join(''))
      await Promise.all([...written, server.close(), closed])
    }
  })
}

guarded(
  test,
  'what the stream does not take is not waited for: what is no bytes, and what comes behind an end',
  async () => {
    const one = await webPair(2)
    const { writer, written } = writeAll(one.client, ['1'])
    const refused = [writer.write('text' as never), writer.write(Buffer.from('behind it'))]
    const closed = one.client.close()
    for (const it of refused) await rejects(it, 'USE_BAD_OPTION')
    assert.is(String(await receive(one.server)), '1')
    await Promise.all([...written, one.server.close(), closed])

    const other = await webPair(2)
    const ended = writeAll(other.client, ['1', '2'])
    ended.written.push(ended.writer.close())
    const late = [ended.writer.write(Buffer.from('3')), other.client.send(Buffer.from('4')), other.client.alert(4)]
    const errors = late.map(it => rejects(it, /clos|ended/i))
    assert.is(String(await receive(other.server)), '12')
    await Promise.all([...ended.written, ...errors, other.server.close()])
  },
)

guarded(test, 'version 1 with truncation allowed: a plain end is the end', async () => {
  const { client, server } = await webPair(1, await CARRIERS.tcp(), {
    client: { allowTruncation: true },
    server: { allowTruncation: true },
  })
  await send(client, Buffer.from('x'))
  assert.is((await receive(server)).toString(), 'x')
})

guarded(test, 'keys, loaded at once where that is possible', async () => {
  const pair = generateKeyPair()
  assert.equal(publicKeyOf(pair.secretKey), pair.publicKey)
})

guarded(test, 'channels that are used and left leave nothing behind', async () => {
  // cleanUpAfter looks at what the core holds.
  for (let round = 0; round < 20; round++) {
    const { client, server } = await webPair(2)
    await Promise.all([client.close(), server.close()])
  }
})

guarded(test, 'a node client that connects over the other end of a stream', async () => {
  const [near, far] = await plainPair()
  const server = secureServer(asStreams(far))
  const socket = track(await connect({ stream: near, serverKey: serverKeys.publicKey }))
  socket.resume().end('bye')
  const channel: SecureChannel = await server
  assert.is((await receive(channel)).toString(), 'bye')
  const closed = next(socket, 'close')
  await Promise.all([channel.close(), closed])
})

test.run()
