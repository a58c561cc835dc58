// nopki/tunnel: forward and expose in process. The command, which is made of the same, is tested in test/cli/tunnel.test.ts.

import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, connectSocket, encodePublicKey, generateKeyPair, type Peer } from '../../src/node/index.js'
import * as tunnels from '../../src/tunnel/index.js'
import { freePort } from '../support/ports.js'
import {
  cleanUpAfter,
  clientKeys,
  delay,
  guarded,
  hashOf,
  listen,
  next,
  plainServer,
  readAll,
  rejects,
  serverKeys,
  someBytes,
  track,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, () => run().finally(closeTunnels))

type TunnelEntry = tunnels.TunnelEntry
const opened: tunnels.TunnelListener[] = []
const expose = (...args: Parameters<typeof tunnels.expose>) => tunnels.expose(...args).then(keep)
const forward = (...args: Parameters<typeof tunnels.forward>) => tunnels.forward(...args).then(keep)

function keep<T extends tunnels.TunnelListener>(listener: T): T {
  opened.push(listener)
  return listener
}

async function closeTunnels(): Promise<void> {
  await Promise.all(opened.splice(0).map(it => it.close()))
}

/** A service, exposed and forwarded; a client connects to `port`. */
async function tunnel(
  service: (socket: net.Socket) => void,
  authorize: () => boolean | object = () => ({ name: 'ci' }),
) {
  const entries: { exposed: TunnelEntry[]; forwarded: TunnelEntry[] } = { exposed: [], forwarded: [] }
  const exposed = await expose({ host: '127.0.0.1', port: 0 }, await plainServer(service), {
    keyPair: serverKeys,
    authorize,
    onEnd: entry => entries.exposed.push(entry),
  })
  const target = { host: '127.0.0.1', port: exposed.port, serverKey: serverKeys.publicKey, keyPair: clientKeys }
  const forwarded = await forward(0, target, { retry: 0, onEnd: entry => entries.forwarded.push(entry) })
  const close = async () => {
    await Promise.all([forwarded.close(), exposed.close()])
  }
  return { exposed, forwarded, entries, close }
}

const dialPlain = (port: number) => track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }))

check('bytes and ends cross both ways, and both ends say who it was', async () => {
  const { forwarded, exposed, entries, close } = await tunnel(socket => socket.pipe(socket))
  const [data, client] = [someBytes(1_000_000), dialPlain(forwarded.port)]
  client.end(data)
  assert.is(hashOf(await readAll(client)), hashOf(data))
  await until(() => forwarded.connections + exposed.connections === 0)
  const [out, into] = [entries.forwarded[0], entries.exposed[0]]
  assert.equal([out?.ended, out?.sent, out?.received], ['closed', data.length, data.length])
  assert.is(out?.peer, encodePublicKey(serverKeys.publicKey))
  assert.equal([into?.ended, into?.name, into?.peer], ['closed', 'ci', encodePublicKey(clientKeys.publicKey)])
  assert.match(into?.address ?? '', /^127\.0\.0\.1:\d+$/)
  await close()
})

check('a reset of the service, a refusal, and a service that is away are resets for the client', async () => {
  const cut = await tunnel(socket => void socket.once('data', () => socket.resetAndDestroy()))
  const refused = await tunnel(
    () => {},
    () => false,
  )
  const away = await expose(
    { host: '127.0.0.1', port: 0 },
    { path: '/nonexistent/socket' },
    { keyPair: serverKeys, authorize: 'anyone', retry: 0 },
  )
  const target = { host: '127.0.0.1', port: away.port, serverKey: serverKeys.publicKey }
  const toAway = await forward(0, target)
  for (const { port } of [cut.forwarded, refused.forwarded, toAway]) {
    const client = dialPlain(port).resume()
    client.write('x')
    const [error] = await next(client, 'error')
    assert.is(error.code, 'ECONNRESET')
  }
  await until(() => refused.entries.forwarded.length === 1)
  assert.match(refused.entries.forwarded[0]?.detail ?? '', /PEER_NOT_AUTHORIZED/)
  await Promise.all([cut.close(), refused.close(), toAway.close(), away.close()])
})

check('close lets open connections end by themselves for a while, and tells those that do not', async () => {
  for (const drain of [20_000, 0]) {
    const { forwarded, exposed, entries, close } = await tunnel(socket => socket.pipe(socket))
    const client = dialPlain(forwarded.port).on('error', () => {})
    client.write('x')
    await next(client, 'data')
    const closing = exposed.close(drain)
    await rejects(
      new Promise((_, reject) => net.connect(forwarded.port, '127.0.0.1').on('error', reject).resume().write('x')),
      'ECONNRESET',
    )
    if (drain > 0) client.end()
    await closing
    assert.is(entries.exposed[0]?.ended, drain > 0 ? 'closed' : 'shutdown')
    await close()
  }
})

check('wrong options, and a port that is taken, are rejected', async () => {
  await rejects(forward(0, { host: '127.0.0.1', port: 1 } as never), 'USE_BAD_OPTION')
  await rejects(expose(0, 1, { keyPair: serverKeys } as never), 'USE_BAD_OPTION')
  const port = await plainServer(() => {})
  const target = { host: '127.0.0.1', port: 1, serverKey: serverKeys.publicKey }
  await rejects(forward(port, { ...target, stream: new net.Socket() } as never), 'USE_BAD_OPTION')
  await rejects(forward(port, target), 'EADDRINUSE')
})

check('what is no place is rejected at once, and not by each connection', async () => {
  const options = { keyPair: serverKeys, authorize: 'anyone' } as const
  const target = { host: '127.0.0.1', port: 1, serverKey: serverKeys.publicKey }
  for (const wrong of [
    '127.0.0.1:6379',
    '6379',
    undefined,
    null,
    {},
    { host: 'db' },
    { prt: 1 },
    65_536,
    Number.NaN,
    { path: 7 },
    { path: '' },
    // Node would take the port, and listen at all addresses.
    { path: '/tmp/nopki-none', port: 0 },
    { path: '/tmp/nopki-none', host: '::1' },
  ]) {
    await rejects(expose(0, wrong as never, options), 'USE_BAD_OPTION')
    await rejects(expose(wrong as never, 1, options), 'USE_BAD_OPTION')
    await rejects(forward(wrong as never, target), 'USE_BAD_OPTION')
  }
})

check('plain connections come in at the loopback alone, unless a host is named', async () => {
  const target = { host: '127.0.0.1', port: 1, serverKey: serverKeys.publicKey }
  const hosts: unknown[] = []
  for (const listen of [0, { port: 0 }, { host: '127.0.0.2', port: 0 }]) {
    const forwarded = await forward(listen, target)
    hosts.push((forwarded.address() as net.AddressInfo).address)
    await forwarded.close()
  }
  assert.equal(hosts, ['127.0.0.1', '127.0.0.1', '127.0.0.2'])
})

check('its signal stops it, whichever way it goes', async () => {
  for (const early of [true, false]) {
    const stop = new AbortController()
    if (early) stop.abort()
    const { signal } = stop
    const target = { host: '127.0.0.1', port: 1, serverKey: serverKeys.publicKey, signal }
    const into = await expose({ host: '127.0.0.1', port: 0 }, 1, { keyPair: serverKeys, authorize: 'anyone', signal })
    const out = await forward(0, target)
    const open = () => [into.address(), out.address()].map(it => it !== null)
    assert.equal(open(), [!early, !early])
    stop.abort()
    assert.equal(open(), [false, false])
    for (const it of [into, out]) assert.equal([it.closed, await it.check()], [true, 'it is closed'])
  }
})

const HERE = { host: '127.0.0.1', port: 0 }
const known = { keyPair: serverKeys, authorize: () => ({ name: 'ci' }) }

/** A channel to a tunnel, from the start: for what comes at once. */
const dialNow = (port: number) =>
  track(connectSocket({ host: '127.0.0.1', port, serverKey: serverKeys.publicKey, keyPair: clientKeys }))

/** One that is served. */
const dial = (port: number, serverKey = serverKeys.publicKey) =>
  connect({ host: '127.0.0.1', port, serverKey, keyPair: clientKeys, waitForAccept: true }).then(it =>
    track(it).on('error', () => {}),
  )

check(
  'no more connections are open than may be, in all and of one address; there is room again when one ends',
  async () => {
    const service = await plainServer(socket => void socket.on('error', () => {}).resume())
    for (const limit of [{ maxConnections: 2 }, { maxConnectionsPerAddress: 2 }]) {
      const entries: TunnelEntry[] = []
      const onEnd = (entry: TunnelEntry) => void entries.push(entry)
      const into = await expose(HERE, service, { ...known, ...limit, onEnd })
      const open = [await dial(into.port), await dial(into.port)]
      await rejects(dial(into.port), 'LINK_CLOSED')
      await until(() => entries.length === 1)
      assert.equal([entries[0]?.ended, into.connections], ['limit', 2])
      open[0]?.destroy()
      await until(() => into.connections === 1)
      await dial(into.port)

      const server = {
        host: '127.0.0.1',
        port: (await expose(HERE, service, known)).port,
        serverKey: serverKeys.publicKey,
      }
      entries.length = 0
      const out = await forward(0, server, { ...limit, onEnd })
      for (let at = 0; at < 2; at++)
        await next(
          dialPlain(out.port).on('error', () => {}),
          'connect',
        )
      await until(() => out.connections === 2)
      const third = dialPlain(out.port)
      const [error] = await next(third.resume(), 'error')
      assert.is(error.code, 'ECONNRESET')
      await until(() => entries.length === 1)
      assert.match(entries[0]?.detail ?? '', /^2 connections (from 127\.0\.0\.1 )?are open$/)
      assert.is(entries[0]?.ended, 'limit')
    }
  },
)

check('whoever is not let in is told of, with the key that was proved', async () => {
  const entries: TunnelEntry[] = []
  const onEnd = (entry: TunnelEntry) => void entries.push(entry)
  const into = await expose(HERE, 1, { keyPair: serverKeys, authorize: () => false, onEnd })
  await rejects(dial(into.port), 'PEER_NOT_AUTHORIZED')
  track(net.connect(into.port, '127.0.0.1')).end('no hello')
  await until(() => entries.length === 2)
  assert.equal(entries.map(it => [it.ended, it.peer]).sort(), [
    ['channel', null],
    ['refused', encodePublicKey(clientKeys.publicKey)],
  ])
})

check('a connection that has been open for as long as is allowed is ended, at both sides', async () => {
  const entries: TunnelEntry[] = []
  const onEnd = (entry: TunnelEntry) => void entries.push(entry)
  const service = await plainServer(socket => void socket.on('error', () => {}).resume())
  const into = await expose(HERE, service, { ...known, maxLifetime: 1, onEnd })
  const [error] = await next(dialNow(into.port).resume(), 'error')
  assert.is(error.code, 'PEER_ALERT')
  const plenty = await expose(HERE, service, known)
  const target = { host: '127.0.0.1', port: plenty.port, serverKey: serverKeys.publicKey }
  const out = await forward(0, target, { maxLifetime: 1, onEnd })
  const [reset] = await next(dialPlain(out.port).resume(), 'error')
  assert.is(reset.code, 'ECONNRESET')
  await until(() => entries.length === 2)
  assert.equal(
    entries.map(it => it.ended),
    ['lifetime', 'lifetime'],
  )
})

check('who comes in while it closes is told so, and it does not wait for those who never come in', async () => {
  let letIn = () => {}
  const asked = new Promise<void>(resolve => {
    letIn = resolve
  })
  let asks = 0
  const authorize = async () => {
    asks += 1
    await asked
    return true
  }
  const service = await plainServer(socket => void socket.on('error', () => {}).resume())
  const late = await expose(HERE, service, { keyPair: serverKeys, authorize })
  const told = next(dialNow(late.port).resume(), 'error')
  await until(() => asks === 1)
  const closing = late.close(60_000)
  await until(() => late.closed)
  letIn()
  assert.match((await told)[0].message, /^PEER_ALERT: .* alert 4: the service takes no more clients/)
  await closing

  const strange = await expose(HERE, service, { ...known, handshakeTimeout: 0 })
  const silent = track(net.connect(strange.port, '127.0.0.1')).on('error', () => {})
  await until(() => strange.pendingHandshakes === 1)
  const gone = next(silent.resume(), 'close')
  await strange.close()
  await gone
  for (const wrong of ['30s', -1, Number.NaN]) await rejects(strange.close(wrong as never), 'USE_BAD_OPTION')
})

check(
  'its health is that of the other side, tried where no client has: no place free, and closed, are told too',
  async () => {
    const service = track(
      net.createServer(
        socket =>
          void track(socket)
            .on('error', () => {})
            .resume(),
      ),
    )
    const port = await listen(service)
    const into = await expose(HERE, port, { ...known, maxConnections: 1, retry: 0 })
    assert.is(await into.check(), '')
    const client = await dial(into.port)
    assert.match(await into.check(), /1 connections are open/)
    client.destroy()
    await until(() => into.connections === 0)
    const target = { host: '127.0.0.1', port: into.port, serverKey: serverKeys.publicKey }
    const out = await forward(0, target, { retry: 0 })
    assert.is(await out.check(), '')
    await into.close()
    assert.is(await into.check(), 'it is closed')

    const away = await expose(HERE, { path: '/nonexistent/socket' }, { ...known, retry: 0 })
    assert.match(await away.check(), /ENOENT/)
    const toAway = await forward(0, { ...target, port: away.port }, { retry: 0 })
    assert.match(await toAway.check(), /cannot be reached/)
    const other = await forward(0, { ...target, port: away.port, serverKey: clientKeys.publicKey }, { retry: 0 })
    assert.match(await other.check(), /^PEER_KEY_MISMATCH: /)
  },
)

check('a server that takes its time to refuse this key is not healthy', async () => {
  // Longer than is waited for what a server says that has let one in.
  const authorize = () => delay(1200).then(() => false)
  const into = await expose(HERE, 1, { keyPair: serverKeys, authorize })
  const target = { host: '127.0.0.1', port: into.port, serverKey: serverKeys.publicKey }
  const out = await forward(0, target, { retry: 0 })
  assert.match(await out.check(), /PEER_NOT_AUTHORIZED/)
})

check('a server’s keys roll: clients of either key come through, and those that are there stay', async () => {
  const newKeys = generateKeyPair()
  const service = await plainServer(socket => void socket.on('error', () => {}).pipe(socket))
  const into = await expose(HERE, service, known)
  const first = await dial(into.port)
  into.setKeyPairs({ keyPairs: [newKeys, serverKeys] })
  const others = [await dial(into.port), await dial(into.port, newKeys.publicKey)]
  into.setKeyPairs({ keyPair: newKeys })
  await rejects(dial(into.port), 'PEER_KEY_MISMATCH')
  for (const it of [first, ...others]) {
    it.write('x')
    assert.is(String(await next(it, 'data')), 'x')
  }
  assert.throws(() => into.setKeyPairs({} as never), /USE_BAD_KEY/)
})

check('a service learns who comes by the PROXY protocol, and before all else', async () => {
  const first = new Promise<Buffer>(resolve => {
    plainServer(socket => void socket.on('error', () => {}).once('data', resolve)).then(async port => {
      const into = await expose(HERE, port, { ...known, proxyProtocol: 'v2' })
      const client = await dial(into.port)
      client.write('hello')
    })
  })
  const header = await first
  assert.is(header.subarray(0, 12).toString('latin1'), '\r\n\r\n\0\r\nQUIT\n')
  assert.ok(header.includes(Buffer.from(clientKeys.publicKey)))
})

check('each of its channels has the same key and context, and one that is tried again has', async () => {
  const context = Uint8Array.of(1, 2, 3)
  const authorize = (peer: Peer) => Buffer.compare(peer.publicKey, clientKeys.publicKey) === 0
  const service = await plainServer(socket => void socket.on('error', () => {}).end('served'))
  // Nobody listens there yet.
  const port = await freePort()
  const target = { host: '127.0.0.1', port, serverKey: serverKeys.publicKey }
  const out = await forward(0, target, { keyPair: clientKeys, context })
  const first = readAll(dialPlain(out.port))
  await until(() => out.connections === 1)
  await expose({ host: '127.0.0.1', port }, service, { keyPair: serverKeys, authorize, context })
  assert.is(String(await first), 'served')
  for (let at = 0; at < 2; at++) assert.is(String(await readAll(dialPlain(out.port))), 'served')
})

check('a peer that is gone without a word is found out, by the command’s times', async () => {
  const service = await plainServer(socket => void socket.on('error', () => {}).resume())
  const alive: [boolean, number][] = []
  const setKeepAlive = net.Socket.prototype.setKeepAlive
  net.Socket.prototype.setKeepAlive = function (enable, delay) {
    alive.push([enable === true, delay ?? 0])
    return setKeepAlive.call(this, enable, delay)
  }
  try {
    await dial((await expose(HERE, service, known)).port)
    await until(() => alive.length > 0)
    await dial((await expose(HERE, service, { ...known, keepAlive: false })).port)
    await until(() => alive.length > 1)
  } finally {
    net.Socket.prototype.setKeepAlive = setKeepAlive
  }
  assert.equal(alive, [
    [true, 60_000],
    [false, 60_000],
  ])
})

test.run()
