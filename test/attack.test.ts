// The one in the middle, as docs/protocol.md describes ("What version 1 does not give"), over real sockets.

import { once } from 'node:events'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ChannelError, connect, createServer, generateKeyPair } from '../src/node/index.js'
import { interposeVersion1, interposeVersion2 } from './peer/attacker.js'
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
  await scene.close()
})

test('version 2: the client refuses, and has not sent a byte', async () => {
  const scene = await stage([2])
  const attacked = scene.victim.then(clientSide => interposeVersion2({ ...scene.between, clientSide }))
  const error = await connect({
    host: '127.0.0.1',
    port: scene.port,
    keyPair: client,
    serverKey: server.publicKey,
  }).then(
    () => assert.unreachable('the client must not connect'),
    (caught: unknown) => caught,
  )
  assert.instance(error, ChannelError)
  assert.is((error as ChannelError).code, 'PEER_BAD_PROOF')
  assert.is((await attacked).sentAfterChallenge.length, 0)
  await scene.close()
})

test('version 1 has to be asked for by name on both ends', async () => {
  const scene = await stage([2])
  const real = { host: '127.0.0.1', port: scene.serverPort, keyPair: client, serverKey: server.publicKey }
  const refused = await connect({ ...real, version: 1 }).catch((error: ChannelError) => error.code)
  assert.is(refused, 'LINK_CLOSED', 'a server does not serve it by default')
  const socket = await connect(real)
  assert.is(socket.version, 2, 'a client does not ask for it by default')
  socket.destroy()
  await scene.close()
})

/** The real server, and an attacker’s listener that the client takes for it. */
async function stage(versions: (1 | 2)[]) {
  const secure = createServer({ keyPair: server, versions }, socket => socket.on('error', () => {}))
  const trap = net.createServer()
  for (const it of [secure, trap]) await once(it.listen(0, '127.0.0.1'), 'listening')
  const { port: serverPort } = secure.address() as net.AddressInfo
  const serverSide = net.connect(serverPort, '127.0.0.1')
  serverSide.on('error', () => {})
  const victim = once(trap, 'connection').then(([socket]) => {
    socket.on('error', () => {})
    return socket as net.Socket
  })
  const close = async () => {
    serverSide.destroy()
    ;(await Promise.race([victim, undefined]))?.destroy()
    for (const it of [secure, trap]) it.close()
  }
  return {
    port: (trap.address() as net.AddressInfo).port,
    serverPort,
    victim,
    between: { serverSide, serverKey: server.publicKey },
    close,
  }
}

test.run()
