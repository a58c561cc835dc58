// Who attacks a handshake from outside, as docs/protocol.md describes ("What version 1 does not give", "Keys of their own"), over real
// sockets.

import { once } from 'node:events'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ChannelError,
  connect,
  createServer,
  encodePublicKey,
  generateKeyPair,
  type KeyPair,
  type SecureServer,
  type ServeOptions,
} from '../../src/node/index.js'
import { forgeReject, impersonate, interposeVersion1, interposeVersion2 } from '../peer/attacker.js'
import type { Version } from '../peer/handshake.js'
import { sodium } from '../peer/primitives.js'

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

const PORTS: Record<string, Version[][]> = {
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

// Whoever can reach a server of version 1 that answers strangers enters another one with its key.
const VERSIONS = [1, 2] as const
for (const victim of VERSIONS) {
  for (const oracle of VERSIONS) {
    for (const strangers of ['answer', undefined] as const) {
      const works = victim === 1 && oracle === 1 && strangers === 'answer'
      const name = `${works ? 'someone' : 'nobody'} enters a server in version ${victim} as another one that proves itself in version ${oracle}`
      for (const serves of ['that version', 'both versions']) {
        test(`${name}: strangers ${strangers}, each serves ${serves}`, async () => {
          const [victimServes, oracleServes] =
            serves === 'that version'
              ? [[victim], [oracle]]
              : [
                  [1, 2],
                  [1, 2],
                ]
          const keyPair = generateKeyPair()
          const other = await serve({ keyPair, versions: oracleServes as Version[], ...(strangers && { strangers }) })
          const guarded = await serveOnly(keyPair, victimServes as Version[])
          const { made, entered } = await impersonateAt(guarded, other.port, keyPair, [victim, oracle])
          assert.is(entered, works)
          assert.is(made, oracle === 1 && !strangers ? 'nothing' : 'response')
          for (const it of [other, guarded]) it.close()
        })
      }
    }
  }
}

for (const strangers of ['answer', undefined] as const) {
  test(`servers of version 1 that share a key let ${strangers ? 'anyone in as one of them' : 'nobody in as one of them, by default'}`, async () => {
    const other = await serve({ versions: [1], ...(strangers && { strangers }) })
    const guarded = await serveOnly(server, [1])
    assert.is((await impersonateAt(guarded, other.port, server, [1, 1])).entered, strangers === 'answer')
    for (const it of [other, guarded]) it.close()
  })
}

/** A server that ignores strangers, and lets in the holder of one key. */
async function serveOnly({ publicKey }: KeyPair, versions: Version[]): Promise<Serving> {
  const allowed = encodePublicKey(publicKey)
  return await serve({ versions, strangers: 'ignore', authorize: peer => peer.publicKeyText === allowed })
}

/** Tries to enter a server as the holder of the oracle's key; resolves when it has let the attacker in or not. */
async function impersonateAt(guarded: Serving, oraclePort: number, posed: KeyPair, versions: [Version, Version]) {
  const entered = once(guarded.server, 'secureConnection').then(([socket]) => {
    assert.equal(socket.remotePublicKey, posed.publicKey, 'it greets the attacker as the other server')
    return true
  })
  const refused = once(guarded.server, 'handshakeError').then(([{ code }]) => {
    assert.match(code, /^(PEER_BAD_PROOF|LINK_CLOSED)$/)
    return false
  })
  const [victimSide, oracleSide] = [dialPlain(guarded.port), dialPlain(oraclePort)]
  const keys = { victimKey: server.publicKey, posedKey: posed.publicKey }
  const { made } = await impersonate({ victimSide, oracleSide, versions, ...keys })
  return { made, entered: await Promise.race([entered, refused]) }
}

/** The real server, and an attacker’s listener that the client takes for it. */
async function stage(versions: Version[]) {
  const real = await serve({ versions })
  const trap = await setTrap()
  const serverSide = dialPlain(real.port)
  const close = () => {
    for (const it of [real, trap]) it.close()
  }
  return { port: trap.port, victim: trap.victim, between: { serverSide, serverKey: server.publicKey }, close }
}

interface Serving {
  server: SecureServer
  port: number
  close(): void
}

async function serve(options: Partial<ServeOptions>): Promise<Serving> {
  const secure = createServer({ keyPair: server, authorize: 'anyone', ...options }, socket =>
    socket.on('error', () => {}),
  )
  return { server: secure, port: await listen(secure), close: closing(secure) }
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
