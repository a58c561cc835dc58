// Who attacks a handshake from outside, as docs/protocol.md describes ("What version 1 does not give", "Keys of their own"), over real
// sockets.

import { once } from 'node:events'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ChannelError, connect, createServer, generateKeyPair, type ServeOptions } from '../src/node/index.js'
import { forgeReject, interposeVersion1, interposeVersion2 } from './peer/attacker.js'
import { sodium } from './peer/primitives.js'

await sodium.ready
const server = generateKeyPair()
const client = generateKeyPair()
const SECRET = 'the client’s most private words'

test('version 1: the client has the right server pinned, and someone else reads what it says', async () => {
  const scene = await stage([1])
  const attacked = scene.victim.then(clientSide => interposeVersion1({ ...scene.between, clientSide }))
  const socket = await connect({
    host: '127.0.0.1',
    port: scene.port,
    keyPair: client,
    serverKey: server.publicKey,
    version: 1,
  })
  socket.on('error', () => {})
  assert.equal(socket.remotePublicKey, server.publicKey, 'the client believes that it talks to its server')
  socket.write(SECRET)
  const { clientLongTermKey, plaintext } = await attacked
  assert.is(Buffer.from(plaintext).toString(), SECRET, 'this is why version 1 has to be asked for by name')
  assert.equal(clientLongTermKey, client.publicKey, 'the attacker knows who the client is, too')
  socket.destroy()
  scene.close()
})

test('version 2: the client refuses, and has not sent a byte', async () => {
  const scene = await stage([2])
  const attacked = scene.victim.then(clientSide => interposeVersion2({ ...scene.between, clientSide }))
  assert.is((await failure(scene.port)).code, 'PEER_BAD_PROOF')
  assert.is((await attacked).sentAfterChallenge.length, 0)
  scene.close()
})

test('version 1 has to be asked for by name on both ends', async () => {
  const { port, close } = await serve({ versions: [2] })
  const real = { host: '127.0.0.1', port, keyPair: client, serverKey: server.publicKey }
  const refused = await connect({ ...real, version: 1 }).catch((error: ChannelError) => error.code)
  assert.is(refused, 'LINK_CLOSED', 'a server does not serve it by default')
  const socket = await connect(real)
  assert.is(socket.version, 2, 'a client does not ask for it by default')
  socket.destroy()
  close()
})

const PORTS: Record<string, (1 | 2)[][]> = {
  'version 2 alone': [[2]],
  'both versions on one port': [[1, 2]],
  'both versions on two ports': [[1], [2]],
}

for (const [serves, ports] of Object.entries(PORTS)) {
  for (const strangers of ['answer', 'ignore'] as const) {
    test(`nobody makes a server with ${serves} reject a client that it would serve: ‘${strangers}’`, async () => {
      const servers = await Promise.all(ports.map(versions => serve({ versions, strangers })))
      const [version1Side, version2Side] = [servers[0]!, servers.at(-1)!].map(it => dialPlain(it.port))
      const trap = await setTrap()
      const attacked = trap.victim.then(clientSide =>
        forgeReject({ clientSide, version1Side: version1Side!, version2Side: version2Side! }),
      )
      const { code, message } = await failure(trap.port)
      assert.is.not(code, 'PEER_REJECTED', message)
      const { made } = await attacked
      assert.is(made, strangers === 'answer' ? 'challenge' : 'nothing')
      assert.is(code, made === 'challenge' ? 'PEER_KEY_UNREADABLE' : 'PEER_REJECT_UNVERIFIED')
      for (const it of [...servers, trap]) it.close()
    })
  }
}

/** The real server, and an attacker’s listener that the client takes for it. */
async function stage(versions: (1 | 2)[]) {
  const real = await serve({ versions })
  const trap = await setTrap()
  const serverSide = dialPlain(real.port)
  const close = () => {
    for (const it of [real, trap]) it.close()
  }
  return { port: trap.port, victim: trap.victim, between: { serverSide, serverKey: server.publicKey }, close }
}

async function serve(options: Partial<ServeOptions>) {
  const secure = createServer({ keyPair: server, authorize: 'anyone', ...options }, socket =>
    socket.on('error', () => {}),
  )
  return { port: await listen(secure), close: closing(secure) }
}

/** Listens for a client, and gives its connection to the attacker. */
async function setTrap() {
  const trap = net.createServer()
  const victim = once(trap, 'connection').then(([socket]) => {
    socket.on('error', () => {})
    return socket as net.Socket
  })
  return { port: await listen(trap), victim, close: closing(trap) }
}

async function listen(listener: net.Server): Promise<number> {
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  return (listener.address() as net.AddressInfo).port
}

/** Closes a listener and all its connections. */
function closing(listener: net.Server): () => void {
  const sockets = new Set<net.Socket>()
  listener.on('connection', socket => sockets.add(socket))
  return () => {
    listener.close()
    for (const socket of sockets) socket.destroy()
  }
}

function dialPlain(port: number): net.Socket {
  return net.connect(port, '127.0.0.1').on('error', () => {})
}

/** What a version 2 client, which has the server pinned, fails with. */
async function failure(port: number): Promise<ChannelError> {
  const error = await connect({ host: '127.0.0.1', port, keyPair: client, serverKey: server.publicKey }).then(
    () => assert.unreachable('the client must not connect'),
    (caught: unknown) => caught,
  )
  assert.instance(error, ChannelError)
  return error as ChannelError
}

test.run()
