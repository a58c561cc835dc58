// "Acceptance": a client learns whether it is served, and an operator who was refused.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { type ConnectOptions, connect, createServer, encodePublicKey, type ServeOptions } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { connectWebSocket, secure } from '../../src/web/index.js'
import { ALERT_NOT_AUTHORIZED, ANSWER_BYTES, CONTROL_ACCEPTED } from '../../src/wire/stream.js'
import { connectedPair, takeAll } from '../support/engines.js'
import { RawPeer } from '../support/raw-peer.js'
import {
  checkError,
  cleanUpAfter,
  clientKeys,
  dial,
  failureOf,
  guarded,
  listen,
  next,
  pair,
  rejects,
  serve,
  serverKeys,
  throws,
  track,
  turn,
  until,
} from '../support/sockets.js'
import { asStreams, giveUpAfter, keep, secureClient, secureServer, socketPair, streamPair } from '../support/web.js'

const peers: RawPeer[] = []
giveUpAfter(test)
test.after.each(() => {
  for (const peer of peers.splice(0)) peer.leave()
})
cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)
const { publicKey: serverKey } = serverKeys

/** How a client gets to a server: a channel that has `accepted`, of either kind. */
const WAYS = {
  async sockets(server: Partial<ServeOptions>, client: Partial<ConnectOptions>) {
    const { server: listener, port } = await serve({ handshakeTimeout: 0, ...server })
    listener.on('secureConnection', socket => socket.on('error', () => {}))
    const channel = (await dial(port, client)).on('error', () => {})
    return { accepted: () => channel.accepted, over: () => failureOf(channel) }
  },
  async streams(server: Partial<ServeOptions>, client: Partial<ConnectOptions>) {
    const [near, far] = streamPair()
    secureServer(far, { handshakeTimeout: 0, ...server }).catch(() => {})
    const channel = await secureClient(near, client)
    return { accepted: () => channel.accepted, over: () => channel.closed.catch(error => error) }
  },
  async websockets(server: Partial<ServeOptions>, client: Partial<ConnectOptions>) {
    const [near, far] = await socketPair()
    const { acceptWebSocket } = await import('../../src/web/index.js')
    const options = { keyPair: serverKeys, authorize: 'anyone' as const, handshakeTimeout: 0, ...server }
    acceptWebSocket(far, options).then(keep, () => {})
    const channel = keep(await connectWebSocket(near, { serverKey, keyPair: clientKeys, ...client }))
    return { accepted: () => channel.accepted, over: () => channel.closed.catch(error => error) }
  },
}

for (const [way, open] of Object.entries(WAYS)) {
  check(`${way}: a client that is served learns it before anyone has written`, async () => {
    let decide: ((yes: boolean) => void) | undefined
    const authorize = () => new Promise<boolean>(resolve => (decide = resolve))
    const { accepted } = await open({ authorize }, {})
    let said = false
    const promise = accepted().then(() => {
      said = true
    })
    await turn()
    assert.is(said, false)
    await until(() => decide !== undefined)
    decide?.(true)
    await promise
    // Whoever asks later is told at once.
    await accepted()
  })

  check(`${way}: waitForAccept resolves when it is served, and fails where it is not`, async () => {
    await (await open({}, { waitForAccept: true })).accepted()
    const refused = await rejects(open({ authorize: () => false }, { waitForAccept: true }), 'PEER_NOT_AUTHORIZED')
    assert.match(refused.message, `${encodePublicKey(clientKeys.publicKey)} is not authorized`)
  })

  check(`${way}: a refusal rejects it, whenever it is asked for`, async () => {
    const first = await open({ authorize: () => false }, {})
    await rejects(first.accepted(), 'PEER_NOT_AUTHORIZED')
    const late = await open({ authorize: () => false }, {})
    checkError(await late.over(), 'PEER_NOT_AUTHORIZED')
    await rejects(late.accepted(), 'PEER_NOT_AUTHORIZED')
  })

  check(`${way}: nobody waits without a bound, and what has waited goes on`, async () => {
    let decide: ((yes: boolean) => void) | undefined
    const authorize = () => new Promise<boolean>(resolve => (decide = resolve))
    await rejects(open({ authorize }, { waitForAccept: true, handshakeTimeout: 100 }), 'LINK_TIMEOUT')
    const { accepted, over } = await open({ authorize }, { handshakeTimeout: 100 })
    const late = await rejects(accepted(), 'LINK_TIMEOUT')
    assert.match(late.message, 'the server has not said within 100 ms whether it serves this client')
    const failed = over()
    decide?.(false)
    checkError(await failed, 'PEER_NOT_AUTHORIZED')
  })

  check(`${way}: a signal ends the waiting`, async () => {
    const controller = new AbortController()
    const authorize = () => {
      controller.abort()
      return new Promise<boolean>(() => {})
    }
    await rejects(open({ authorize }, { waitForAccept: true, signal: controller.signal }), /abort/i)
  })
}

/** A server by hand, of a release that does not say that it accepts. */
async function withOldServer(options: Partial<ConnectOptions> = {}) {
  const [near, far] = streamPair()
  const peer = new RawPeer(far, Engine.server(nodeCore(), { keyPair: serverKeys }))
  peers.push(peer)
  return { peer, opening: secure(near, { serverKey, ...options } as ConnectOptions).then(keep) }
}

check('of a server that says nothing of it, the first data says it; credit does not', async () => {
  const { peer, opening } = await withOldServer()
  const client = await opening
  await peer.until(() => peer.engine.connected)
  let said = false
  const accepted = client.accepted.then(() => {
    said = true
  })
  peer.grant(1000)
  await peer.until(() => peer.credits.length > 0)
  assert.is(said, false)
  peer.pour(1)
  await accepted
})

check('an end says it too; an alert does not, nor a connection that is cut', async () => {
  const ending = await withOldServer()
  await ending.peer.until(() => ending.peer.engine.connected)
  ending.peer.engine.end()
  ending.peer.flush()
  await (await ending.opening).accepted
  const leaving = await withOldServer({ waitForAccept: true })
  await leaving.peer.until(() => leaving.peer.engine.connected)
  leaving.peer.engine.alert(4, 'shutting down')
  leaving.peer.flush()
  await rejects(leaving.opening, 'PEER_ALERT')
  const cut = await withOldServer({ waitForAccept: true })
  await cut.peer.until(() => cut.peer.engine.connected)
  cut.peer.leave()
  await rejects(cut.opening, /LINK_TRUNCATED|LINK_CLOSED/)
})

check('over sockets, what came with the word is not lost, and its own end is no failure', async () => {
  const { server, port } = await serve()
  server.on('secureConnection', socket => socket.resume().end('at once'))
  const client = await dial(port, { waitForAccept: true })
  let heard = ''
  for await (const chunk of client) heard += chunk
  assert.is(heard, 'at once')
  const gone = await dial(port)
  const accepted = gone.accepted
  gone.destroy()
  await rejects(accepted, 'USE_CLOSED')
})

check('a server’s own end is accepted', async () => {
  const { server } = await pair(2)
  await server.accepted
  const ends = streamPair()
  const [, far] = await Promise.all([secureClient(ends[0]), secureServer(ends[1])])
  await far.accepted
})

check('version 1 has no such word: to wait for it is refused, and the first data says it', async () => {
  const { server, port } = await serve({ versions: [1] })
  server.on('secureConnection', socket => socket.on('data', () => socket.write('hello')))
  await rejects(dial(port, { version: 1, waitForAccept: true }), 'USE_VERSION')
  const [near] = streamPair()
  await rejects(secureClient(near, { version: 1, waitForAccept: true }), 'USE_VERSION')
  const client = await dial(port, { version: 1 })
  client.write('x')
  await client.accepted
  const refusing = await serve({ versions: [1], authorize: () => false })
  await rejects((await dial(refusing.port, { version: 1 })).on('error', () => {}).accepted, 'PEER_NOT_AUTHORIZED')
})

test('acceptance and refusal have one length on the wire, whatever is said', () => {
  const shapes = [
    {},
    { maxRecord: 64 },
    { maxRecord: 255 },
    { padding: { block: 100 } },
    { padding: { block: 256 } },
    { padding: { block: 300 }, maxRecord: 512 },
    { padding: { block: 1000 } },
    { padding: 'full' as const },
    { padding: 'full' as const, maxRecord: 64 },
  ]
  for (const shape of shapes) {
    const yes = connectedPair(2, shape)
    yes.server.accept()
    const accepted = takeAll(yes.server)
    for (const reason of ['', 'no', 'ä'.repeat(500), 'x'.repeat(70_000)]) {
      const no = connectedPair(2, shape)
      no.server.refuse(reason)
      const refused = takeAll(no.server)
      assert.is(refused.length, accepted.length, JSON.stringify({ shape, reason: reason.length }))
      no.client.receive(refused)
      assert.is(no.client.advance(), 'alert')
      assert.is(no.client.alertReceived?.code, ALERT_NOT_AUTHORIZED)
      assert.ok(reason.startsWith(no.client.alertReceived?.text ?? '-'))
    }
    yes.client.receive(accepted)
    assert.is(yes.client.advance(), 'control')
    assert.equal(yes.client.controlReceived, { code: CONTROL_ACCEPTED, payload: new Uint8Array() })
    // What follows is shaped as it was.
    const plain = connectedPair(2, shape)
    yes.server.write(Buffer.from('x'))
    plain.server.write(Buffer.from('x'))
    assert.is(takeAll(yes.server).length, takeAll(plain.server).length)
  }
  const usual = connectedPair(2)
  usual.server.accept()
  assert.is(takeAll(usual.server).length, ANSWER_BYTES)
  const old = connectedPair(1)
  old.server.accept()
  assert.is(takeAll(old.server).length, 0)
  throws(() => connectedPair(2).client.refuse(7 as never), 'USE_BAD_OPTION')
})

check('over real sockets too', async () => {
  const written = async (authorize: ServeOptions['authorize']) => {
    const { server, port } = await serve({ authorize })
    server.on('secureConnection', socket => socket.on('error', () => {}))
    const connection = next(server, 'connection')
    const client = (await dial(port)).on('error', () => {})
    await client.accepted.catch(() => {})
    const [transport] = await connection
    return transport.bytesWritten
  }
  const lengths = new Set([
    await written('anyone'),
    await written(() => false),
    await written(() => 'x'.repeat(999) as never),
  ])
  assert.is(lengths.size, 1)
})

check('an operator is told whom the server has refused, and why', async () => {
  // Another copy of the package has a class of its own.
  const copy = `${new URL('../../src/errors.js', import.meta.url)}?copy`
  const { ChannelError: Theirs } = (await import(copy)) as typeof import('../../src/errors.js')
  const { ChannelError } = await import('../../src/errors.js')
  assert.is.not(Theirs, ChannelError)
  const key = encodePublicKey(clientKeys.publicKey)
  const cases: [() => unknown, operator: RegExp, client: string][] = [
    [() => false, /^PEER_NOT_AUTHORIZED: the client KEY was refused; if it is to be served/, 'KEY is not authorized'],
    [() => undefined, /the client KEY was refused; if/, 'KEY is not authorized'],
    [
      () => {
        throw new ChannelError('PEER_NOT_AUTHORIZED', 'ask for your key to be added')
      },
      /the client KEY was refused: ask for your key to be added; if/,
      'ask for your key to be added',
    ],
    [
      () => {
        throw new Theirs('PEER_NOT_AUTHORIZED', 'ask for your key to be added')
      },
      /the client KEY was refused: ask for your key to be added; if/,
      'ask for your key to be added',
    ],
    [
      () => Promise.reject(new Error('the database')),
      /the client KEY was refused, for authorize failed; see/,
      'KEY is not authorized',
    ],
    [() => Promise.reject(), /the client KEY was refused, for authorize failed; see/, 'KEY is not authorized'],
  ]
  for (const [authorize, operator, told] of cases) {
    const server = track(createServer({ keyPair: serverKeys, authorize: authorize as () => boolean }))
    const reported = next(server, 'handshakeError')
    const target = { host: '127.0.0.1', port: await listen(server), serverKey, keyPair: clientKeys }
    const refused = await rejects(connect({ ...target, waitForAccept: true }), 'PEER_NOT_AUTHORIZED')
    assert.is(refused.alert?.text, told.replace('KEY', key))
    const [error] = await reported
    assert.is(error.code, 'PEER_NOT_AUTHORIZED')
    assert.equal(error.remotePublicKey, clientKeys.publicKey)
    assert.match(error.message.replace(key, 'KEY'), operator)
  }
  const [near, far] = await (async () => {
    const { plainPair } = await import('../support/sockets.js')
    const ends = await plainPair()
    return ends.map(asStreams) as [ReturnType<typeof asStreams>, ReturnType<typeof asStreams>]
  })()
  const serving = rejects(secureServer(far, { authorize: () => false }), 'PEER_NOT_AUTHORIZED')
  await rejects(secureClient(near, { waitForAccept: true }), 'PEER_NOT_AUTHORIZED')
  assert.equal((await serving).remotePublicKey, clientKeys.publicKey)
})

test.run()
