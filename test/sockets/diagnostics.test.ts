// node:diagnostics_channel, and NODE_DEBUG=nopki.

import { execFile } from 'node:child_process'
import diagnostics from 'node:diagnostics_channel'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSocket, type DiagnosticsMessage, encodePublicKey } from '../../src/node/index.js'
import {
  cleanUpAfter,
  clientKeys,
  guarded,
  next,
  pair,
  plainServer,
  serve,
  serverKeys,
  track,
} from '../support/sockets.js'

cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)
const EVENTS = ['connect', 'handshake', 'error', 'close']
const pinned = { host: '127.0.0.1', keyPair: clientKeys, serverKey: serverKeys.publicKey }

/** All that is published while `run` runs. */
async function published(run: () => Promise<void>): Promise<[string, DiagnosticsMessage][]> {
  const seen: [string, DiagnosticsMessage][] = []
  const listeners = EVENTS.map(event => {
    const onMessage = (message: unknown) => void seen.push([event, message as DiagnosticsMessage])
    diagnostics.subscribe(`nopki:${event}`, onMessage)
    return [`nopki:${event}`, onMessage] as const
  })
  await run()
  for (const [name, onMessage] of listeners) diagnostics.unsubscribe(name, onMessage)
  return seen
}

check('a connection, from its beginning to its close, at both ends', async () => {
  const seen = await published(async () => {
    const { client, server } = await pair(2)
    const closed = [next(client, 'close'), next(server, 'close')]
    for (const it of [client, server]) it.resume().end()
    await Promise.all(closed)
  })
  const of = (role: string) => seen.filter(([, it]) => it.role === role)
  assert.equal(
    of('client').map(([event]) => event),
    ['connect', 'handshake', 'close'],
  )
  assert.equal(
    of('server').map(([event]) => event),
    ['handshake', 'close'],
  )
  for (const role of ['client', 'server']) {
    assert.is(new Set(of(role).map(([, it]) => it.socket)).size, 1)
    assert.is(of(role).filter(([, it]) => it.error).length, 0)
  }
  assert.equal(of('server')[0]?.[1].socket?.remotePublicKey, clientKeys.publicKey)
})

check('what fails: a channel that is cut, a client that is refused, a server that is none', async () => {
  const cut = await published(async () => {
    const { client, server } = await pair(2)
    const closed = [
      next(
        client.on('error', () => {}),
        'close',
      ),
      next(
        server.on('error', () => {}),
        'close',
      ),
    ]
    client.resetAndDestroy()
    await Promise.all(closed)
  })
  assert.equal(codes(cut), ['error server LINK_TRUNCATED', 'close server LINK_TRUNCATED'])
  const refused = await published(async () => {
    const { server, port } = await serve({ authorize: () => false })
    const told = next(server, 'handshakeError')
    const socket = track(connectSocket({ ...pinned, port })).on('error', () => {})
    await Promise.all([told, next(socket, 'close')])
  })
  assert.equal(codes(refused), [
    'error server PEER_NOT_AUTHORIZED',
    'error client PEER_NOT_AUTHORIZED',
    'close client PEER_NOT_AUTHORIZED',
  ])
  assert.is(refused.find(([, it]) => it.role === 'server')?.[1].socket, undefined)
  const none = await published(async () => {
    const socket = connectSocket({ ...pinned, port: await plainServer(it => it.end()) }).on('error', () => {})
    await next(socket, 'close')
  })
  assert.equal(codes(none), ['error client LINK_CLOSED', 'close client LINK_CLOSED'])
})

function codes(seen: [string, DiagnosticsMessage][]): string[] {
  return seen.flatMap(([event, { role, error }]) =>
    error ? `${event} ${role} ${(error as { code?: string }).code}` : [],
  )
}

check('where nobody subscribes, nothing is published', async () => {
  const calls: string[] = []
  for (const event of EVENTS) {
    Object.defineProperty(diagnostics.channel(`nopki:${event}`), 'publish', {
      configurable: true,
      value: () => calls.push(event),
    })
  }
  const { client, server } = await pair(2)
  const closed = [
    next(
      client.on('error', () => {}),
      'close',
    ),
    next(
      server.on('error', () => {}),
      'close',
    ),
  ]
  client.resetAndDestroy()
  await Promise.all(closed)
  for (const event of EVENTS) Reflect.deleteProperty(diagnostics.channel(`nopki:${event}`), 'publish')
  assert.equal(calls, [])
})

check('NODE_DEBUG=nopki says the same on standard error, and without it nothing is said', async () => {
  const { server, port } = await serve()
  server.on('secureConnection', socket => socket.end())
  const entry = new URL('../../src/node/index.js', import.meta.url)
  const code = `import { connect, decodePublicKey } from '${entry}'
    const serverKey = decodePublicKey('${encodePublicKey(serverKeys.publicKey)}')
    const socket = await connect({ host: '127.0.0.1', port: ${port}, serverKey })
    socket.resume().end()`
  const run = (env: object) =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { env: { ...process.env, ...env } })
  assert.is((await run({ NODE_DEBUG: '' })).stderr, '')
  const lines = (await run({ NODE_DEBUG: 'nopki' })).stderr.trimEnd().replace(/^NOPKI \d+: /gm, '')
  const place = `client 127.0.0.1:${port}`
  assert.is(lines, `client connect\n${place} handshake ${encodePublicKey(serverKeys.publicKey)}\n${place} close`)
})

test.run()
