// nopki/tunnel: forward and expose in process. The command, which is made of the same, is tested in test/cli/tunnel.test.ts.

import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodePublicKey } from '../../src/node/index.js'
import { expose, forward, type TunnelEntry } from '../../src/tunnel/index.js'
import {
  cleanUpAfter,
  clientKeys,
  guarded,
  hashOf,
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

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)

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
  }
})

test.run()
