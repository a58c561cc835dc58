// For each option of each entry: what happens, however it is given. The table is test/golden/options.md; with --update it is written anew.

import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, Router } from '../../src/engine/index.js'
import { createAgent, createConnector, serveHttp } from '../../src/http/index.js'
import { connect, createServer, generateKeyPair, type Peer } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { expose, forward, type TunnelEntry } from '../../src/tunnel/index.js'
import { acceptWebSocket, connectWebSocket, secure } from '../../src/web/index.js'
import { handshake } from '../support/engines.js'
import { cleanUpAfter, clientKeys, duplexPair, guarded, listen, next, serverKeys, track } from '../support/sockets.js'
import { giveUpAfter, keep, socketPair, streamPair } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)

type Options = Record<string, unknown>
/** Calls the entry with what `make` makes of sound options. */
type Run = (make: (sound: Options) => object, peer: typeof serverKeys) => Promise<unknown>

const GOLDEN = new URL('../../../test/golden/options.md', import.meta.url)
const strangerKeys = generateKeyPair()
let cleanPrototype = () => {}
const LOOPBACK = { host: '127.0.0.1', port: 0 }
const PASS = ['retry', 'maxConnections', 'maxConnectionsPerAddress', 'maxLifetime', 'onEnd']
const AGENT = ['keepAliveMsecs', 'maxSockets', 'maxTotalSockets', 'maxFreeSockets', 'scheduling']
let ended: TunnelEntry | undefined
const seen = (entry: TunnelEntry) => {
  ended = entry
}
const known = (peer: Peer) => Buffer.compare(peer.publicKey, clientKeys.publicKey) === 0

/**
 * A client is tried with the server that it pins, and with another; a server with a client that it knows, and with another. `alone`: of what
 * reads its options with those of `connect` or `createServer`, in one go, `own` has the rows.
 */
const ENTRIES: Record<string, { side: 'client' | 'server' | 'none'; own: string[]; alone?: boolean; run: Run }> = {
  connect: {
    side: 'client',
    own: ['stream', 'allowHalfOpen', 'waitForAccept', 'timeout', 'keepAlive', 'keepAliveInitialDelay'],
    async run(make, keyPair) {
      const [near, far] = duplexPair()
      const server = createServer({ keyPair, authorize: 'anyone' }, it => track(it).on('error', () => {}))
      server.emit('connection', track(far))
      const options = make({ stream: track(near), serverKey: serverKeys.publicKey.slice() })
      track(await connect(options as never)).on('error', () => {})
    },
  },
  createServer: {
    side: 'server',
    own: ['allowHalfOpen', 'maxPendingHandshakes', 'keepAlive', 'keepAliveInitialDelay'],
    async run(make, keyPair) {
      const server = createServer(make({ keyPair: copyOf(serverKeys), authorize: known }) as never, it =>
        track(it).on('error', () => {}),
      )
      cleanPrototype()
      const [near, far] = duplexPair()
      server.emit('connection', track(far))
      const stream = track(near)
      await connect({ stream, keyPair, serverKey: serverKeys.publicKey, waitForAccept: true }).then(track)
    },
  },
  serveHttp: {
    side: 'server',
    alone: true,
    own: ['authorize', 'keyPair', 'versions', 'signal'],
    async run(make, keyPair) {
      const options = make({ keyPair: copyOf(serverKeys), authorize: known })
      const server = track(serveHttp(http.createServer(), options as never))
      cleanPrototype()
      const [near, far] = duplexPair()
      server.emit('connection', track(far))
      const stream = track(near)
      await connect({ stream, keyPair, serverKey: serverKeys.publicKey, waitForAccept: true }).then(track)
    },
  },
  createAgent: {
    side: 'client',
    alone: true,
    own: ['serverKey', 'keyPair', 'keepAlive', 'timeout', 'stream', ...AGENT],
    async run(make, keyPair) {
      const server = track(
        serveHttp(
          http.createServer((_, answer) => answer.end()),
          { keyPair, authorize: 'anyone' },
        ),
      )
      const target = { host: '127.0.0.1', port: await listen(server) }
      const agent = createAgent(target as never, make({ serverKey: serverKeys.publicKey.slice() }) as never)
      cleanPrototype()
      const request = http.get('http://service/', { agent }, answer => answer.resume())
      await new Promise((resolve, reject) => request.once('response', resolve).once('error', reject)).finally(() =>
        agent.destroy(),
      )
    },
  },
  createConnector: {
    side: 'client',
    alone: true,
    own: ['serverKey', 'keyPair', 'http2', 'stream'],
    async run(make, keyPair) {
      const server = track(createServer({ keyPair, authorize: 'anyone' }, it => track(it).on('error', () => {})))
      const target = { host: '127.0.0.1', port: await listen(server) }
      const connector = createConnector(target as never, make({ serverKey: serverKeys.publicKey.slice() }) as never)
      await new Promise<void>((resolve, reject) =>
        connector({}, (error, socket) => {
          if (error) return reject(error)
          track(socket as net.Socket).on('error', () => {})
          resolve()
        }),
      )
    },
  },
  expose: {
    side: 'server',
    alone: true,
    own: ['authorize', 'keyPair', 'versions', 'allowHalfOpen', 'signal', ...PASS, 'connectTimeout', 'proxyProtocol'],
    async run(make, keyPair) {
      const service = track(net.createServer(it => track(it).on('error', () => {})))
      const port = await listen(service)
      const exposing = expose(LOOPBACK, port, make({ keyPair: copyOf(serverKeys), authorize: known }) as never)
      cleanPrototype()
      const exposed = await exposing
      try {
        const to = { host: '127.0.0.1', port: exposed.port, keyPair, serverKey: serverKeys.publicKey }
        await connect({ ...to, waitForAccept: true }).then(it => track(it).on('error', () => {}))
      } finally {
        await exposed.close()
      }
    },
  },
  forward: {
    side: 'client',
    alone: true,
    own: ['serverKey', 'keyPair', 'allowHalfOpen', 'signal', ...PASS, 'stream'],
    async run(make, keyPair) {
      const server = track(
        createServer({ keyPair, authorize: 'anyone' }, it => {
          track(it)
            .on('error', () => {})
            .end('x')
        }),
      )
      const target = { host: '127.0.0.1', port: await listen(server), onEnd: seen }
      ended = undefined
      const forwarded = await forward(0, target as never, make({ serverKey: serverKeys.publicKey.slice() }) as never)
      const plain = track(net.connect(forwarded.port, '127.0.0.1')).on('error', () => {})
      await Promise.race([next(plain, 'data'), next(plain, 'close')])
      await forwarded.close()
      const { ended: how, detail } = ended as unknown as TunnelEntry
      if (how === 'backend') throw Object.assign(new Error(detail ?? ''), { code: detail?.split(':')[0] })
    },
  },
  'secure, client': {
    side: 'client',
    own: ['role', 'waitForAccept'],
    async run(make, keyPair) {
      const [near, far] = streamPair()
      secure(far, { role: 'server', keyPair, authorize: 'anyone' }).then(keep, () => {})
      keep(await secure(near, make({ serverKey: serverKeys.publicKey.slice() }) as never))
    },
  },
  'secure, server': {
    side: 'server',
    own: ['role'],
    async run(make, keyPair) {
      const [near, far] = streamPair()
      secure(near, { keyPair, serverKey: serverKeys.publicKey }).then(keep, () => {})
      keep(await secure(far, make({ role: 'server', keyPair: copyOf(serverKeys), authorize: known }) as never))
    },
  },
  connectWebSocket: {
    side: 'client',
    own: ['waitForAccept'],
    async run(make, keyPair) {
      const [near, far] = await socketPair()
      acceptWebSocket(far, { keyPair, authorize: 'anyone' }).then(keep, () => {})
      keep(await connectWebSocket(near, make({ serverKey: serverKeys.publicKey.slice() }) as never))
    },
  },
  acceptWebSocket: {
    side: 'server',
    own: [],
    async run(make, keyPair) {
      const [near, far] = await socketPair()
      connectWebSocket(near, { keyPair, serverKey: serverKeys.publicKey }).then(keep, () => {})
      keep(await acceptWebSocket(far, make({ keyPair: copyOf(serverKeys), authorize: known }) as never))
    },
  },
  'Engine.client': {
    side: 'client',
    own: [],
    async run(make, keyPair) {
      const core = nodeCore()
      const sound = { keyPair: copyOf(clientKeys), serverKey: serverKeys.publicKey.slice() }
      await shake(() => [Engine.client(core, make(sound) as never), Engine.server(core, { keyPair })])
    },
  },
  'Engine.server': {
    side: 'none',
    own: ['authorize'],
    async run(make, keyPair) {
      const core = nodeCore()
      await shake(() => {
        const server = Engine.server(core, make({ keyPair: copyOf(serverKeys) }) as never)
        return [Engine.client(core, { keyPair, serverKey: serverKeys.publicKey }), server]
      })
    },
  },
  Router: {
    side: 'none',
    own: ['publicKey', 'secretKey'],
    async run(make) {
      const router = new Router(nodeCore(), make(copyOf(serverKeys)) as never)
      const middleboxKey = serverKeys.publicKey
      const client = Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: 'any', middleboxKey })
      try {
        assert.ok(router.open(client.take()))
      } finally {
        client.close()
      }
    },
  },
}

/** A sound value, and how it can be changed later; what is not sound, besides null. */
const ALL: Record<string, { sound: () => unknown; wrong: unknown }> = {
  keyPair: { sound: () => copyOf(serverKeys), wrong: 'sk_' },
  context: { sound: () => new Uint8Array(), wrong: 7 },
  padding: { sound: () => ({ block: 64 }), wrong: 'some' },
  maxRecord: { sound: () => 4096, wrong: '4096' },
  rekeyAfter: { sound: () => 1e6, wrong: 0.5 },
  native: { sound: () => false, wrong: 'no' },
  allowTruncation: { sound: () => false, wrong: 1 },
  onKeys: { sound: () => () => {}, wrong: 'file' },
  onWire: { sound: () => () => {}, wrong: 'tap' },
  version: { sound: () => 2, wrong: 3 },
  serverKey: { sound: () => serverKeys.publicKey.slice(), wrong: 'pk_' },
  serverKeys: { sound: () => [serverKeys.publicKey.slice()], wrong: ['pk_'] },
  keyPairs: { sound: () => [copyOf(serverKeys)], wrong: ['sk_'] },
  middleboxKey: { sound: () => serverKeys.publicKey.slice(), wrong: new Uint8Array(31) },
  versions: { sound: () => [2], wrong: [3] },
  strangers: { sound: () => 'answer', wrong: 'shoot' },
  handshakeTimeout: { sound: () => 20_000, wrong: -1 },
  idleTimeout: { sound: () => 60_000, wrong: '1' },
  heartbeat: { sound: () => 60_000, wrong: true },
  keepAlive: { sound: () => true, wrong: 1000 },
  keepAliveInitialDelay: { sound: () => 1000, wrong: '1' },
  inspect: { sound: () => true, wrong: 'yes' },
  signal: { sound: () => new AbortController().signal, wrong: {} },
  authorize: { sound: () => known, wrong: 'alice' },
  waitForAccept: { sound: () => true, wrong: 'yes' },
  allowHalfOpen: { sound: () => true, wrong: 'yes' },
  timeout: { sound: () => 60_000, wrong: '1' },
  maxPendingHandshakes: { sound: () => 5, wrong: 0 },
  http2: { sound: () => true, wrong: 'yes' },
  keepAliveMsecs: { sound: () => 1000, wrong: '1' },
  maxSockets: { sound: () => Number.POSITIVE_INFINITY, wrong: 'x' },
  maxTotalSockets: { sound: () => 5, wrong: 0 },
  maxFreeSockets: { sound: () => 5, wrong: -1 },
  scheduling: { sound: () => 'fifo', wrong: 'first' },
  retry: { sound: () => 0, wrong: '1' },
  maxConnections: { sound: () => 5, wrong: -1 },
  maxConnectionsPerAddress: { sound: () => 5, wrong: 0.5 },
  maxLifetime: { sound: () => 60_000, wrong: '1m' },
  connectTimeout: { sound: () => 5000, wrong: null },
  proxyProtocol: { sound: () => 'v2', wrong: 'v1' },
  onEnd: { sound: () => seen, wrong: 'log' },
  stream: { sound: () => undefined, wrong: {} },
  role: { sound: () => undefined, wrong: 'middle' },
  publicKey: { sound: () => serverKeys.publicKey.slice(), wrong: 'pk_' },
  secretKey: { sound: () => serverKeys.secretKey.slice(), wrong: 'sk_' },
}
const ENGINE = [
  'keyPair',
  'context',
  'padding',
  'maxRecord',
  'rekeyAfter',
  'native',
  'allowTruncation',
  'onKeys',
  'onWire',
]
const CHANNEL = ['handshakeTimeout', 'idleTimeout', 'heartbeat', 'inspect', 'signal']

function optionsOf(entry: string): string[] {
  const { side, own, alone } = ENTRIES[entry]!
  if (entry === 'Router' || alone) return own
  const ofSide =
    side === 'client' ? ['serverKey', 'serverKeys', 'version', 'middleboxKey'] : ['keyPairs', 'versions', 'strangers']
  const channel = entry.startsWith('Engine') ? [] : CHANNEL
  return [...(side === 'server' ? ['authorize'] : []), ...ofSide, ...ENGINE, ...channel, ...own]
}

/** How an option may be given. `value` is the sound one, as it is in the sound options if it is there. */
const WAYS: Record<string, (sound: Options, name: string, value: unknown) => object> = {
  'as it should be': (sound, name, value) => ({ ...sound, [name]: value }),
  'the word': (sound, name) => ({ ...sound, [name]: name === 'serverKey' ? 'any' : 'anyone' }),
  absent: without,
  undefined: (sound, name) => ({ ...sound, [name]: undefined }),
  null: (sound, name) => ({ ...sound, [name]: null }),
  wrong: (sound, name) => ({ ...sound, [name]: ALL[name]!.wrong }),
  'wrong, of a class': (sound, name) =>
    Object.assign(Object.create({ [name]: ALL[name]!.wrong }), without(sound, name)),
  'wrong, by a getter': (sound, name) =>
    Object.defineProperty(without(sound, name), name, { enumerable: true, get: () => ALL[name]!.wrong }),
  'wrong, not enumerable': (sound, name) =>
    Object.defineProperty(without(sound, name), name, { value: ALL[name]!.wrong }),
  'wrong, on Object.prototype': (sound, name) => {
    const word = name === 'serverKey' ? 'any' : name === 'authorize' ? 'anyone' : ALL[name]!.wrong
    Object.defineProperty(Object.prototype, name, { value: word, configurable: true, writable: true })
    cleanPrototype = () => void Reflect.deleteProperty(Object.prototype, name)
    queueMicrotask(cleanPrototype)
    return without(sound, name)
  },
  'read twice': (sound, name, value) => {
    let reads = 0
    const get = () => (reads++ === 0 ? value : ALL[name]!.wrong)
    return Object.defineProperty(without(sound, name), name, { enumerable: true, get })
  },
  'changed later': (sound, name, value) => {
    const options = { ...sound, [name]: value }
    queueMicrotask(() => {
      if (ArrayBuffer.isView(value)) (value as Uint8Array).fill(9)
      else if (Array.isArray(value)) value.length = 0
      else if (name === 'padding') (value as { block: number }).block = -5
      else if (name === 'keyPair') (value as typeof serverKeys).secretKey.fill(9)
      options[name] = name === 'serverKey' ? 'any' : name === 'authorize' ? 'anyone' : ALL[name]!.wrong
    })
    return options
  },
  misspelt: (sound, name) => ({ ...without(sound, name), [`${name}x`]: sound[name] ?? ALL[name]!.sound() }),
}

function without(sound: Options, name: string): Options {
  const { [name]: _, ...others } = sound
  return others
}

function copyOf({ publicKey, secretKey }: typeof serverKeys) {
  return { publicKey: publicKey.slice(), secretKey: secretKey.slice() }
}

async function shake(open: () => [Engine, Engine]): Promise<void> {
  const [client, server] = open()
  // As of the other entries: options may have changed by now.
  await Promise.resolve()
  try {
    handshake({ client, server })
  } finally {
    client.close()
    server.close()
  }
}

async function attempt(entry: string, way: string, name: string, peer: typeof serverKeys): Promise<string> {
  const { run } = ENTRIES[entry]!
  const make = (sound: Options) => WAYS[way]!(sound, name, sound[name] ?? ALL[name]!.sound())
  return run(make, peer).then(
    () => 'works',
    (error: { code?: string; name: string }) => String(error.code ?? error.name),
  )
}

/** What a cell of the table says. */
async function cell(entry: string, way: string, name: string): Promise<string> {
  const { side } = ENTRIES[entry]!
  const right = side === 'client' ? serverKeys : clientKeys
  const found = await attempt(entry, way, name, right)
  if (found !== 'works' || side === 'none') return found
  const other = await attempt(entry, way, name, strangerKeys)
  if (other === 'works') return side === 'client' ? 'any' : 'anyone'
  assert.is(other, side === 'client' ? 'PEER_KEY_MISMATCH' : 'PEER_NOT_AUTHORIZED', `${entry}, ${name}, ${way}`)
  return side === 'client' ? 'pinned' : 'known'
}

guarded(
  test,
  'the table of options: nobody is trusted unless the word was written',
  async () => {
    const ways = Object.keys(WAYS)
    const lines = [
      '# What becomes of options',
      '',
      'Made by test/core/options-table.test.ts: `pinned` and `known` are who is talked to, or served, as the sound options say; `any` and',
      '`anyone` are everybody.',
      '',
    ]
    for (const entry of Object.keys(ENTRIES)) {
      lines.push(`## ${entry}`, '', `| option | ${ways.join(' | ')} |`, `| --- |${' --- |'.repeat(ways.length)}`)
      for (const name of optionsOf(entry)) {
        const cells: string[] = []
        for (const way of ways) {
          const word = way === 'the word'
          if (word && name !== 'serverKey' && name !== 'authorize') cells.push('')
          else cells.push(await cell(entry, way, name))
          assert.is(
            /^any/.test(cells.at(-1) ?? ''),
            word && entry !== 'Engine.server' && cells.at(-1) !== '',
            `${entry}, ${name}, ${way}`,
          )
        }
        lines.push(`| ${name} | ${cells.join(' | ')} |`)
      }
      lines.push('')
    }
    const table = `${lines.join('\n').trimEnd()}\n`
    if (process.argv.includes('--update')) writeFileSync(GOLDEN, table)
    assert.is(table, readFileSync(GOLDEN, 'utf8'))
  },
  300_000,
)

test.run()
