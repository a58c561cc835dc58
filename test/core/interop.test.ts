// The channel and the second implementation (test/peer, on libsodium-wrappers alone) talk to each other: both ways, both versions,
// over real sockets.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, createServer, generateKeyPair, type SecureSocket } from '../../src/node/index.js'
import { sodium } from '../peer/primitives.js'
import { acceptPeer, connectPeer, type Peer } from '../peer/socket.js'

await sodium.ready
const server = generateKeyPair()
const client = generateKeyPair()
const TEXT = Buffer.from('both of them understand it')
const LARGE = randomBytes(3_000_007)

for (const version of [1, 2] as const) {
  for (const pinned of [true, false]) {
    const how = `v${version}, ${pinned ? 'pinned' : 'not pinned'}`

    test(`${how}: our client, their server`, async () => {
      const listener = net.createServer({ allowHalfOpen: true, noDelay: true })
      await once(listener.listen(0, '127.0.0.1'), 'listening')
      const { port } = listener.address() as net.AddressInfo
      const accepted = once(listener, 'connection').then(([socket]) =>
        acceptPeer({ socket, longTermSecretKey: server.secretKey, versions: [version] }),
      )
      const socket = await connect({
        host: '127.0.0.1',
        port,
        version,
        keyPair: client,
        allowHalfOpen: true,
        serverKey: pinned ? server.publicKey : 'any',
      })
      await talk(socket, await accepted, server.publicKey, client.publicKey)
      listener.close()
    })

    test(`${how}: their client, our server`, async () => {
      const secure = createServer({
        keyPair: server,
        versions: [version],
        strangers: pinned ? 'ignore' : 'answer',
        authorize: 'anyone',
        allowHalfOpen: true,
      })
      await once(secure.listen(0, '127.0.0.1'), 'listening')
      const { port } = secure.address() as net.AddressInfo
      const connected = once(secure, 'secureConnection')
      const plain = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
      const peer = await connectPeer({
        socket: plain,
        longTermSecretKey: client.secretKey,
        version,
        serverKey: pinned ? server.publicKey : undefined,
      })
      const [socket] = (await connected) as [SecureSocket]
      await talk(socket, peer, client.publicKey, server.publicKey)
      secure.close()
    })
  }
}

test('v2: a context, exported keys and control records are understood alike', async () => {
  const secure = createServer({ keyPair: server, context: 'orders/1', authorize: 'anyone', allowHalfOpen: true })
  await once(secure.listen(0, '127.0.0.1'), 'listening')
  const { port } = secure.address() as net.AddressInfo
  const connected = once(secure, 'secureConnection')
  const peer = await connectPeer({
    socket: net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }),
    longTermSecretKey: client.secretKey,
    serverKey: server.publicKey,
    context: Buffer.from('orders/1'),
  })
  const [socket] = (await connected) as [SecureSocket]
  assert.equal(
    Buffer.from(peer.exportKey('label', Buffer.from('context'), 48)),
    Buffer.from(socket.exportKey('label', 'context', 48)),
  )
  await peer.control(65535, Buffer.from('ignored'))
  await peer.write(TEXT)
  const [heard] = (await once(socket, 'data')) as [Buffer]
  assert.ok(heard.equals(TEXT), 'an unknown control code is ignored')
  const closed = new Promise(resolve => socket.on('error', () => {}).once('close', resolve))
  peer.destroy()
  await closed
  secure.close()
})

/** Data both ways, small and large, with padding, keys turned over and keep-alives in between; then both ends. */
async function talk(socket: SecureSocket, peer: Peer, ourPeer: Uint8Array, theirPeer: Uint8Array): Promise<void> {
  assert.equal(socket.remotePublicKey, ourPeer)
  assert.equal(peer.remotePublicKey, theirPeer)
  if (socket.version === 2) assert.equal(Buffer.from(socket.handshakeHash ?? []), Buffer.from(peer.handshakeHash ?? []))
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  const ended = once(socket, 'end')

  await peer.keepAlive()
  await peer.write(TEXT, { padding: 100 })
  await peer.write(TEXT, { rekey: true })
  await peer.write(TEXT, { endOfMessage: true })
  const sending = (async () => {
    await peer.write(LARGE)
    await peer.end()
  })()
  socket.write(TEXT)
  socket.rekey()
  socket.write(LARGE)
  socket.end(TEXT)
  const received = await peer.readAll()
  assert.ok(Buffer.from(received).equals(Buffer.concat([TEXT, LARGE, TEXT])), 'they read what we wrote')
  await Promise.all([sending, ended])
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat([TEXT, TEXT, TEXT, LARGE])), 'we read what they wrote')
  if (!socket.closed) await once(socket, 'close')
}

test.run()
