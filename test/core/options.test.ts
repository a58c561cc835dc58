// Who is trusted: what of an options object counts, and when. Over real sockets and streams.

import vm from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, RecordOpener, Router } from '../../src/engine/index.js'
import { connect, createServer, formatAddress, generateKeyPair, type ServeOptions } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { acceptWebSocket, connectWebSocket, type SecureOptions, secure } from '../../src/web/index.js'
import {
  cleanUpAfter,
  clientKeys,
  dial,
  duplexPair,
  failureOf,
  guarded,
  listen,
  next,
  pair,
  readAll,
  rejects,
  serve,
  serverKeys,
  throws,
  track,
} from '../support/sockets.js'
import { giveUpAfter, keep, secureClient, socketPair, streamPair } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)
const { publicKey: serverKey } = serverKeys
const otherKey = generateKeyPair().publicKey

/** A server whose clients may leave as they like. */
async function serveAll(options: Partial<ServeOptions> = {}) {
  const serving = await serve(options)
  serving.server.on('secureConnection', socket => socket.on('error', () => {}).resume())
  return serving
}

check('what happens to a server’s options later changes nothing', async () => {
  const changes: Record<string, (options: { keyPair: { secretKey: Uint8Array } } & Record<string, unknown>) => void> = {
    'authorize deleted': options => delete options.authorize,
    'authorize replaced': options => Object.assign(options, { authorize: 'anyone' }),
    'secret key wiped': ({ keyPair }) => keyPair.secretKey.fill(0),
    'secret key detached': ({ keyPair }) =>
      structuredClone(keyPair.secretKey, { transfer: [keyPair.secretKey.buffer as ArrayBuffer] }),
    'secret key longer': ({ keyPair }) => Object.assign(keyPair, { secretKey: new Uint8Array(100_000).fill(65) }),
    'key pair replaced': options => Object.assign(options, { keyPair: generateKeyPair() }),
    'versions taken away': ({ versions }) => (versions as number[]).splice(0),
    'context changed': ({ context }) => (context as Uint8Array).fill(9),
  }
  for (const [what, change] of Object.entries(changes)) {
    const keyPair = generateKeyPair()
    const { publicKey } = clientKeys
    const context = new Uint8Array([1, 2, 3])
    const authorize: ServeOptions['authorize'] = peer => Buffer.compare(peer.publicKey, publicKey) === 0
    const options = { keyPair, versions: [2 as const], context: context.slice(), authorize }
    const server = track(
      createServer(options, socket =>
        socket
          .on('error', () => {})
          .resume()
          .end('served'),
      ),
    )
    const port = await listen(server)
    const known = { host: '127.0.0.1', port, serverKey: keyPair.publicKey.slice(), context }
    change(options)
    const served = track(await connect({ ...known, keyPair: clientKeys }))
    assert.is((await readAll(served)).toString(), 'served', what)
    await rejects(readAll(track(await connect(known))), 'PEER_NOT_AUTHORIZED')
  }
})

check('what happens to a client’s options during the handshake changes nothing', async () => {
  const { port } = await serveAll()
  const options = {
    host: '127.0.0.1',
    port,
    padding: { block: 64 },
    keyPair: generateKeyPair(),
    serverKey: serverKey.slice(),
  }
  const connecting = connect(options)
  options.padding.block = -5
  options.serverKey.fill(0)
  options.keyPair.secretKey.fill(0)
  const client = track(await connecting)
  client.end('x')
  await readAll(client)
  // The text tells the key that was given.
  const wrong = generateKeyPair()
  const text = formatAddress({ host: 'h', port: 1, serverKey: wrong.publicKey }).slice(
    'nopki://'.length,
    -'@h:1'.length,
  )
  const failing = dial(port, { serverKey: wrong.publicKey })
  wrong.publicKey.set(serverKey)
  assert.match((await rejects(failing, 'PEER_KEY_MISMATCH')).message, `not as the pinned ${text}`)
})

check('over Web Streams and WebSockets too; a method of a class is called as one', async () => {
  class Policy {
    keyPair = serverKeys
    asked = 0
    authorize(): boolean {
      this.asked++
      return false
    }
  }
  const policy = new Policy()
  const [near, far] = await socketPair()
  const accepting = acceptWebSocket(far, policy)
  keep(await connectWebSocket(near, { serverKey }))
  await rejects(accepting, 'PEER_NOT_AUTHORIZED')
  assert.is(policy.asked, 1)

  const [here, there] = streamPair()
  const options: Record<string, unknown> = { role: 'server', keyPair: serverKeys, authorize: () => false }
  const securing = secure(there, options as unknown as SecureOptions)
  delete options.authorize
  await secureClient(here)
  await rejects(securing, 'PEER_NOT_AUTHORIZED')
})

/** Runs with what a careless merge of somebody’s JSON may have put there. */
async function polluted<T>(what: object, run: () => Promise<T>): Promise<T> {
  Object.assign(Object.prototype, what)
  try {
    return await run()
  } finally {
    for (const name of Object.keys(what)) Reflect.deleteProperty(Object.prototype, name)
  }
}

check('nothing is taken from Object.prototype', async () => {
  const { port } = await serveAll()
  const place = { host: '127.0.0.1', port }
  const lines: string[] = []
  const noise = {
    version: 1,
    versions: [1],
    native: false,
    context: 'other',
    path: '/nonexistent',
    stream: {},
    keyPair: generateKeyPair(),
    onKeys: (line: string) => lines.push(line),
    middleboxKey: otherKey,
    strangers: 'ignore',
    allowTruncation: true,
    block: 7,
  }
  await polluted(noise, async () => {
    const client = track(await connect({ ...place, serverKey }))
    assert.is(client.version, 2)
    const server = track(
      createServer({ keyPair: serverKeys, authorize: 'anyone' }, it => it.on('error', () => {}).resume()),
    )
    const own = track(await connect({ host: '127.0.0.1', port: await listen(server), serverKey }))
    assert.is(own.version, 2)
  })
  assert.equal(lines, [])
  await polluted({ serverKey: 'any', authorize: 'anyone', keyPair: serverKeys, secretKey: 1 }, async () => {
    await rejects(connect(place as never), 'USE_BAD_OPTION')
    throws(() => createServer({ keyPair: serverKeys } as never), 'USE_BAD_OPTION')
    throws(() => createServer({ authorize: 'anyone' } as never), 'USE_BAD_KEY')
    const [near, far] = streamPair()
    await rejects(secure(near, {} as never), 'USE_BAD_OPTION')
    await rejects(secure(far, { role: 'server', keyPair: serverKeys } as never), 'USE_BAD_OPTION')
    throws(() => Engine.client(nodeCore(), { keyPair: clientKeys } as never), 'USE_BAD_OPTION')
  })
  await polluted({ serverKey: otherKey, middleboxKey: new Uint8Array(1e6) }, async () => {
    const client = track(await connect({ ...place, serverKey: 'any' }))
    assert.equal(client.remotePublicKey, serverKey)
  })
  // Of another realm too.
  const foreign = vm.runInNewContext(`Object.prototype.serverKey = 'any'; ({ port: ${port}, host: '127.0.0.1' })`)
  await rejects(connect(foreign), 'USE_BAD_OPTION')
})

check('an address’s key is never weakened', async () => {
  const { port } = await serveAll()
  const address = formatAddress({ host: '127.0.0.1', port, serverKey: otherKey })
  await rejects(connect(address, { serverKey: undefined } as never), 'PEER_KEY_MISMATCH')
  await rejects(connect(address, Object.create({ serverKey: undefined })), 'PEER_KEY_MISMATCH')
  await rejects(connect(address, { serverKey: 'any' }), /serverKey is given twice/)
  await rejects(connect(address, { serverKey }), /serverKey is given twice/)
  await rejects(connect(address, { serverKey: null } as never), 'USE_BAD_OPTION')
  class Options {
    get serverKey() {
      return serverKey
    }
  }
  await rejects(connect(address, new Options()), /serverKey is given twice/)
  await rejects(connect({ host: '127.0.0.1', port, serverKey }, { serverKey: 'any' }), /serverKey is given twice/)
  const middlebox = { host: '127.0.0.1', port, serverKey, middleboxKey: serverKey }
  await rejects(connect(middlebox, { middleboxKey: otherKey }), /middleboxKey is given twice/)
  const client = track(await connect({ host: '127.0.0.1', port, serverKey }, { serverKey: serverKey.slice() }))
  assert.equal(client.remotePublicKey, serverKey)
})

check('what decides who is trusted has to be said, and its name spelt', async () => {
  const place = { host: '127.0.0.1', port: 1 }
  for (const said of [undefined, null]) {
    const silent = await rejects(connect({ ...place, serverKey: said } as never), 'USE_BAD_OPTION')
    assert.match(
      silent.message,
      "serverKey is missing; give the server’s public key (of its text: decodePublicKey('pk_…')), or 'any'",
    )
    throws(
      () => createServer({ keyPair: serverKeys, authorize: said } as never),
      /authorize is missing; give a function/,
    )
  }
  throws(() => createServer({ keyPair: serverKeys, authorize: 'alice' } as never), 'USE_BAD_OPTION')
  throws(() => createServer({ keyPair: serverKeys, authorize: true } as never), 'USE_BAD_OPTION')
  throws(() => (createServer as unknown as () => void)(), 'USE_BAD_OPTION')
  throws(() => createServer((() => {}) as never), 'USE_BAD_OPTION')
  const server = { keyPair: serverKeys, authorize: 'anyone' }
  for (const [name, meant] of [
    ['authorise', 'authorize'],
    ['Authorize', 'authorize'],
    ['authroize', 'authorize'],
    ['authorizer', 'authorize'],
    ['strager', 'strangers'],
    ['version', 'versions'],
    ['idle_timeout', 'idleTimeout'],
    ['maxPendingHandshake', 'maxPendingHandshakes'],
  ]) {
    if (!name) continue
    const wrong = new RegExp(`USE_BAD_OPTION: ${name} is no option; ${meant} may be meant$`)
    throws(() => createServer({ ...server, [name]: 'x' } as never), wrong)
    // Whatever its value, and wherever it stands.
    throws(() => createServer({ ...server, [name]: undefined } as never), wrong)
    throws(() => createServer(Object.assign(Object.create({ [name]: 1 }), server)), wrong)
    throws(() => createServer(Object.defineProperty({ ...server }, name, { value: 1 }) as never), wrong)
  }
  for (const name of ['serverkey', 'server-key', 'serverKeyss', 'SERVER_KEY', 'keypair', 'versions', 'signals']) {
    const said = { ...place, serverKey, [name]: otherKey }
    await rejects(connect(said), new RegExp(`USE_BAD_OPTION: ${name} is no option`))
  }
})

check('names that are no option of ours pass, as net’s and an agent’s do', async () => {
  const { port } = await serveAll()
  const others = `agent auth headers method defaultPort protocol session servername timeout family hints localAddress
    keepAliveMsecs keepAliveInitialDelay noDelay readable writable fd handle highWaterMark maxSockets secureContext minVersion
    rejectUnauthorized checkServerIdentity ALPNProtocols createConnection _defaultAgent setHost encoding path key cert ca`
  const said = Object.fromEntries(others.split(/\s+/).map(name => [name, undefined]))
  track(await connect({ ...said, host: '127.0.0.1', port, serverKey, method: 'GET', [Symbol('agent')]: 1 } as never))
  track(createServer({ keyPair: serverKeys, authorize: 'anyone', pauseOnConnect: false, ...said } as never))
  class Place {
    get host() {
      return '127.0.0.1'
    }
    get port() {
      return port
    }
    serverKey = serverKey
  }
  track(await connect(new Place()))
})

check('values of other realms, and of packages that bring their own, are taken', async () => {
  const { port } = await serveAll({ versions: [2], context: new Uint8Array([1, 2]) })
  const theirs = vm.runInNewContext('({ Uint8Array, Object })') as typeof globalThis
  const copy = (bytes: Uint8Array) => new theirs.Uint8Array(bytes)
  const options = new theirs.Object() as Record<string, unknown>
  Object.assign(options, { host: '127.0.0.1', port, serverKey: copy(serverKey), context: copy(new Uint8Array([1, 2])) })
  options.keyPair = { publicKey: copy(clientKeys.publicKey), secretKey: copy(clientKeys.secretKey) }
  const listeners = new Set<() => void>()
  // As of the package abort-controller: without `reason` and `throwIfAborted`.
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
  }
  const client = track(await connect({ ...options, signal } as never))
  assert.equal(client.exportKey('k', copy(new Uint8Array(3))), client.exportKey('k', new Uint8Array(3)))
  const failed = failureOf(client)
  signal.aborted = true
  for (const listener of listeners) listener()
  assert.is((await failed).name, 'AbortError')
  await rejects(connect({ ...options, signal } as never), /abort/i)
  const [near] = streamPair()
  await rejects(secure(near, { serverKey: copy(serverKey), signal } as never), /abort/i)
  assert.is(new Router(nodeCore(), options.keyPair as typeof clientKeys).open(copy(new Uint8Array(3))), undefined)
})

check('no value stands in an error but numbers', async () => {
  const secret = 'sk_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U'
  const server = { keyPair: serverKeys, authorize: 'anyone' }
  const hidden = (error: Error) => assert.not.match(error.stack ?? '', secret)
  for (const name of [
    'authorize',
    'padding',
    'strangers',
    'versions',
    'signal',
    'maxRecord',
    'onKeys',
    'native',
    'keyPair',
  ]) {
    throws(() => createServer({ ...server, [name]: secret } as never), /USE_BAD_/)
    try {
      createServer({ ...server, [name]: secret } as never)
    } catch (error) {
      hidden(error as Error)
    }
  }
  for (const name of ['serverKey', 'middleboxKey', 'stream', 'version', 'handshakeTimeout']) {
    hidden(await rejects(connect({ host: 'h', port: 1, serverKey, [name]: secret } as never), /USE_BAD_/))
  }
  hidden(await rejects(connect(`nopki://pk_@h:1?${secret}`), /USE_BAD_/))
  hidden(await rejects(connect(`${formatAddress({ host: 'h', port: 1, serverKey })}?${secret}`), 'USE_BAD_ADDRESS'))
  hidden(
    await rejects(connect(`${formatAddress({ host: 'h', port: 1, serverKey })}?version=${secret}`), 'USE_BAD_ADDRESS'),
  )
  hidden(await rejects(connectWebSocket(secret, { serverKey }), /USE_BAD_OPTION/))
  const { client } = await pair(2)
  throws(() => client.exportKey(secret.repeat(9)), /USE_BAD_OPTION: label is a string/)
})

check('a lone surrogate is refused: many texts would be the same bytes', async () => {
  const { client } = await pair(2)
  for (const text of ['a\ud800', '\udfff', '\ud800\ud800\udc00']) {
    throws(() => client.exportKey(text), 'USE_BAD_OPTION')
    throws(() => client.exportKey('label', text), 'USE_BAD_OPTION')
    await rejects(connect({ host: '127.0.0.1', port: 1, serverKey, context: text }), 'USE_BAD_OPTION')
  }
  assert.is(client.exportKey('\u{1f511}', '\u{1f511}').length, 32)
  for (const label of [Symbol('x'), 5n, {}, null]) throws(() => client.exportKey(label as never), 'USE_BAD_OPTION')
})

check('keys in memory that others share, change or take away', async () => {
  const { port } = await serveAll()
  const shared = new Uint8Array(new SharedArrayBuffer(32))
  shared.set(serverKey)
  const resizable = new Uint8Array(
    new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(32, { maxByteLength: 64 }),
  )
  resizable.set(serverKey)
  const lying = Object.defineProperty(serverKey.slice(), 'length', { value: 7 })
  for (const key of [shared, resizable, lying, Buffer.from(serverKey)]) {
    assert.equal((await dial(port, { serverKey: key })).remotePublicKey, serverKey)
  }
  const gone = serverKey.slice()
  structuredClone(gone, { transfer: [gone.buffer] })
  const wrong: unknown[] = [
    gone,
    new Uint8Array(2 ** 31),
    new Uint16Array(32).fill(1),
    [...serverKey],
    new Proxy(serverKey, {}),
  ]
  wrong.push(
    Object.defineProperty(new Uint8Array(100).fill(1), 'length', { value: 32 }),
    new DataView(serverKey.buffer),
  )
  for (const key of wrong) {
    await rejects(dial(port, { serverKey: key as Uint8Array }), 'USE_BAD_KEY')
    await rejects(dial(port, { keyPair: { ...clientKeys, secretKey: key as Uint8Array } }), 'USE_BAD_KEY')
    throws(() => new Router(nodeCore(), { ...clientKeys, secretKey: key as Uint8Array }), 'USE_BAD_KEY')
    throws(() => new RecordOpener(nodeCore(), 2, key as Uint8Array), 'USE_BAD_KEY')
  }
  throws(() => new RecordOpener(nodeCore(), 1, serverKey, new Uint8Array(25)), 'USE_BAD_OPTION')
  await rejects(dial(port, { context: new Uint8Array(2 ** 31) }), /context, in bytes, is 2147483648/)
})

check('a stream whose write is wrapped loses nothing', async () => {
  const { server, port } = await serveAll()
  const net = await import('node:net')
  for (const native of [true, false]) {
    const accepted = next(server, 'secureConnection')
    const raw = track(net.connect(port, '127.0.0.1'))
    await next(raw, 'connect')
    const { write, end } = raw
    // Tracing and throttling do so: the bytes are kept, and passed on later.
    const later: (() => void)[] = []
    raw.write = ((...args: Parameters<typeof write>) => {
      later.push(() => write.apply(raw, args))
      setImmediate(() => later.shift()?.())
      return true
    }) as typeof write
    raw.end = ((...args: Parameters<typeof end>) => {
      later.push(() => end.apply(raw, args))
      setImmediate(() => later.shift()?.())
      return raw
    }) as typeof end
    const client = track(await connect({ stream: raw, serverKey, native, allowHalfOpen: true }))
    const [far] = await accepted
    const data = Buffer.concat(Array.from({ length: 8 }, (_, at) => Buffer.alloc(60_000, at)))
    const heard = readAll(far)
    for (let at = 0; at < 8; at++) client.write(data.subarray(at * 60_000, (at + 1) * 60_000))
    client.end()
    assert.ok((await heard).equals(data))
  }
})

check('who meant a stream gets no socket', async () => {
  const { port } = await serveAll()
  await rejects(connect({ host: '127.0.0.1', port, serverKey, stream: undefined } as never), /stream is undefined/)
  const [near] = duplexPair()
  await rejects(connect({ stream: near, serverKey, authorise: 1 } as never, { stream: {} } as never), 'USE_BAD_OPTION')
})

check('the engine asks nobody, and says so', async () => {
  for (const authorize of ['anyone', () => false]) {
    const options = { keyPair: serverKeys, authorize }
    throws(() => Engine.server(nodeCore(), options), /authorize is .*the engine asks nobody/)
  }
})

test('versions are one or two of those that there are', () => {
  const server = { keyPair: serverKeys, authorize: 'anyone' as const }
  for (const versions of [[1], [2], [1, 2], [2, 1]]) createServer({ ...server, versions } as ServeOptions)
  for (const versions of [[], [1, 2, 2], [3], [1, 3], 2, '2']) {
    throws(() => createServer({ ...server, versions } as never), 'USE_BAD_OPTION')
  }
})

test.run()
