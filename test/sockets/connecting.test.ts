// connectSocket: a socket that is still connecting, as pools, agents and drivers expect it of net.connect and tls.connect.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, connectSocket, SecureSocket } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import {
  cleanUpAfter,
  clientKeys,
  delay,
  duplexPair,
  failureOf,
  guarded,
  listen,
  next,
  plainServer,
  readAll,
  rejects,
  serve,
  serverKeys,
  throws,
  track,
  turn,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)
const pinned = { keyPair: clientKeys, serverKey: serverKeys.publicKey }
const to = (port: number) => ({ host: '127.0.0.1', port, ...pinned })

/** A server that gives back what it is sent. */
async function echo(options = {}) {
  const { server, port } = await serve(options)
  server.on('secureConnection', socket => socket.pipe(socket))
  return { server, port }
}

check('it is there at once, says how far it is, and emits connect, ready and secureConnect in this order', async () => {
  const { port } = await echo()
  const socket = track(connectSocket(to(port)))
  assert.instance(socket, SecureSocket)
  const facts = () => [socket.connecting, socket.secureConnecting, socket.pending, socket.readyState]
  assert.equal(facts(), [true, true, true, 'opening'])
  throws(() => socket.remotePublicKey, 'USE_NOT_CONNECTED')
  const seen: unknown[] = []
  for (const event of ['connect', 'ready', 'secureConnect', 'data']) socket.on(event, () => seen.push(event))
  socket.write('x')
  await next(socket, 'connect')
  assert.equal(facts(), [false, true, false, 'open'])
  assert.is(socket.remotePort, port)
  await next(socket, 'secureConnect')
  assert.equal(facts(), [false, false, false, 'open'])
  assert.equal(socket.remotePublicKey, serverKeys.publicKey)
  await next(socket, 'data')
  assert.equal(seen, ['connect', 'ready', 'secureConnect', 'data'])
  socket.end()
  assert.is(socket.readyState, 'readOnly')
  assert.equal(await next(socket, 'close'), [false])
  assert.equal(facts(), [false, false, true, 'closed'])
})

check('what is written, set and ended before it is connected waits, and is done', async () => {
  const { server, port } = await echo()
  const socket = track(connectSocket(to(port), { allowHalfOpen: true }))
  const written: string[] = []
  const big = Buffer.alloc(300_000, 'b')
  assert.is(socket.setKeepAlive(true, 1000), socket)
  assert.is(socket.setNoDelay(false), socket)
  assert.is(socket.unref(), socket)
  assert.is(socket.ref(), socket)
  socket.rekey()
  socket.write('a', () => written.push('a'))
  socket.write(big, () => written.push('b'))
  socket.end(() => written.push('end'))
  assert.equal(written, [])
  assert.ok(socket.writableLength > 300_000)
  const [accepted] = await next(server, 'secureConnection')
  accepted.on('error', () => {})
  assert.is((await readAll(socket)).length, 300_001)
  assert.equal(written, ['a', 'b', 'end'])
})

check('who reads before it is connected gets what comes, by events and by iteration', async () => {
  const { server, port } = await serve()
  server.on('secureConnection', socket => socket.end('hello'))
  for (const read of [readAll, iterated]) {
    const socket = track(connectSocket(to(port)))
    assert.is(String(await read(socket)), 'hello')
  }
})

check('what it fails with before it is connected is its error, with close behind it, and nothing is kept', async () => {
  const refused = await listen(track(net.createServer()))
  const { server } = await serve()
  server.close()
  const other = await plainServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.padEnd(2000)))
  const before = nodeCore().bytesInUse
  for (const [target, code] of [
    [to(await unusedPort()), 'ECONNREFUSED'],
    [to(other), 'PEER_VERSION'],
    [{ ...to(refused), handshakeTimeout: 30 }, 'LINK_TIMEOUT'],
  ] as const) {
    const socket = connectSocket(target)
    const write = new Promise(resolve => socket.write('never', resolve))
    const ended = next(socket, 'close')
    assert.is((await failureOf(socket)).code, code)
    assert.is(((await write) as { code?: string }).code, code)
    assert.equal(await ended, [true])
    assert.equal([socket.connecting, socket.secureConnecting, socket.readyState], [false, false, 'closed'])
  }
  assert.is(nodeCore().bytesInUse, before)
})

check(
  'destroyed, reset or aborted at every step, it leaves nothing behind, and closes without an error of its own',
  async () => {
    const { port } = await echo()
    const silent = await plainServer(() => {})
    const before = nodeCore().bytesInUse
    const steps: [string, (socket: SecureSocket) => Promise<unknown>][] = [
      ['at once', async () => {}],
      ['in the next turn', turn],
      ['connected below', socket => next(socket, 'connect')],
    ]
    for (const [, step] of steps) {
      for (const end of ['destroy', 'resetAndDestroy', 'abort'] as const) {
        const aborter = new AbortController()
        const socket = connectSocket({ ...to(silent), signal: aborter.signal })
        await step(socket)
        const closed = next(socket, 'close')
        if (end !== 'abort') socket[end]()
        else {
          const failed = failureOf(socket)
          aborter.abort()
          assert.is((await failed).name, 'AbortError')
        }
        assert.equal(await closed, [end === 'abort'])
        assert.is(nodeCore().bytesInUse, before)
      }
    }
    const aborted = connectSocket({ ...to(port), signal: AbortSignal.abort() })
    assert.is((await failureOf(aborted)).name, 'AbortError')
    assert.is(nodeCore().bytesInUse, before)
  },
)

check('wrong options are thrown, as they are rejected by connect', async () => {
  const wrong = { host: '127.0.0.1', port: 1 } as never
  throws(() => connectSocket(wrong), 'USE_BAD_OPTION')
  await rejects(connect(wrong), 'USE_BAD_OPTION')
  for (const timeout of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never]) {
    throws(() => connectSocket({ ...to(1), timeout }), 'USE_BAD_OPTION')
  }
})

check('with waitForAccept it is connected when the server serves it, and not before', async () => {
  let letIn: (yes: boolean) => void = () => {}
  const { server, port } = await serve({ authorize: () => new Promise<boolean>(resolve => (letIn = resolve)) })
  server.on('secureConnection', socket => socket.write('welcome'))
  const socket = track(connectSocket({ ...to(port), waitForAccept: true }))
  const seen: string[] = []
  for (const event of ['connect', 'secureConnect', 'data']) socket.on(event, () => seen.push(event))
  socket.write('early')
  await next(server, 'connection')
  await next(socket, 'connect')
  await delay(20)
  assert.equal(seen, ['connect'])
  letIn(true)
  await next(socket, 'data')
  assert.equal(seen, ['connect', 'secureConnect', 'data'])

  const refused = connectSocket({ ...to(port), waitForAccept: true })
  refused.on('secureConnect', () => assert.unreachable())
  await next(refused, 'connect')
  await delay(20)
  letIn(false)
  assert.is((await failureOf(refused)).code, 'PEER_NOT_AUTHORIZED')
})

check(
  'over a stream that is there already, it emits the same events, and a listener’s throw is nobody’s but the process’s',
  async () => {
    const [near, far] = duplexPair()
    const { server } = await echo()
    server.emit('connection', track(far))
    const socket = track(connectSocket({ stream: track(near), ...pinned }))
    const thrown = next(process, 'uncaughtException')
    const seen: string[] = []
    for (const event of ['connect', 'secureConnect']) socket.on(event, () => seen.push(event))
    socket.once('secureConnect', () => {
      throw new Error('of the application')
    })
    process.once('uncaughtException', () => {})
    socket.end('x')
    assert.is(String(await readAll(socket)), 'x')
    assert.equal(seen, ['connect', 'secureConnect'])
    assert.match(String((await thrown)[0]), 'of the application')
  },
)

check('an inactivity timeout, of the options or set, runs while it connects, and leaves it open', async () => {
  const silent = await plainServer(() => {})
  for (const socket of [connectSocket({ ...to(silent), timeout: 20.5 }), connectSocket(to(silent)).setTimeout(20.5)]) {
    assert.is(track(socket).timeout, 20.5)
    await next(socket, 'timeout')
    assert.is(socket.destroyed, false)
  }
  const socket = track(connectSocket(to(silent)))
  // More than a timer can count, which Node’s own would take for 1 ms.
  socket.setTimeout(1e12, () => assert.unreachable())
  await delay(20)
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    throws(() => socket.setTimeout(wrong), 'USE_BAD_OPTION')
  assert.is(socket.setTimeout(0).timeout, 0)
})

check('destroySoon lets go out what was written; resetAndDestroy is a cut for the peer', async () => {
  const { server, port } = await serve()
  const soon = track(connectSocket(to(port)))
  const first = next(server, 'secureConnection')
  soon.write(Buffer.alloc(200_000))
  soon.destroySoon()
  const [accepted] = await first
  assert.is((await readAll(accepted)).length, 200_000)
  if (!soon.closed) await next(soon, 'close')
  assert.is(soon.destroyed, true)

  const second = next(server, 'secureConnection')
  const reset = track(connectSocket(to(port)))
  const [cut] = await second
  const failed = failureOf(cut)
  if (reset.secureConnecting) await next(reset, 'secureConnect')
  assert.is(reset.resetAndDestroy(), reset)
  const error = await failed
  assert.is(error.code, 'LINK_TRUNCATED')
  assert.is((error.cause as { code?: string }).code, 'ECONNRESET')
})

check('connect(), which drivers call on a socket that they were given, changes nothing', async () => {
  const { port } = await echo()
  const socket = track(connectSocket(to(port)))
  const connected = new Promise<void>(resolve => socket.connect(5432, 'elsewhere.example', resolve))
  await connected
  assert.is(socket.remotePort, port)
  throws(() => socket.connect(1), 'USE_CLOSED')
})

check('an http.Agent counts it: two connections for fifty requests, where it may have two', async () => {
  const { server, port } = await serve()
  const web = http.createServer((_, response) => response.end('page'))
  let connections = 0
  server.on('secureConnection', socket => {
    connections += 1
    web.emit('connection', socket)
  })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 })
  agent.createConnection = () => track(connectSocket(to(port)))
  const pages = Array.from({ length: 50 }, () => get(agent))
  assert.equal(new Set(await Promise.all(pages)), new Set(['page']))
  assert.is(connections, 2)
  agent.destroy()
})

check('an agent with keep-alive passes its options on, as it does to net.connect', async () => {
  const { server, port } = await serve()
  const web = http.createServer((_, response) => response.end('page'))
  server.on('secureConnection', socket => web.emit('connection', socket))
  const agent = new http.Agent({ keepAlive: true, timeout: 5000 })
  agent.createConnection = options => track(connectSocket({ ...options, ...to(port), path: undefined } as never))
  assert.is(await get(agent), 'page')
  assert.is(await get(agent), 'page')
  agent.destroy()
})

const linux = process.platform === 'linux' ? check : (name: string) => test.skip(name)

linux(
  'keepAlive: true is TCP’s keep-alive, at both kinds of end, over a new socket or one that was there',
  async () => {
    for (const keepAlive of [true, false]) {
      const options = { keepAlive, keepAliveInitialDelay: 100_000 }
      const { server, port } = await serve(options)
      const accepted = next(server, 'secureConnection')
      const client = await connect({ ...to(port), ...options })
      const [served] = await accepted
      const stream = net.connect(port, '127.0.0.1')
      const over = await connect({ stream, ...pinned, ...options })
      for (const socket of [client, served, over]) {
        track(socket).on('error', () => {})
        await until(() => timerOf(socket) !== 'retransmission')
        assert.is(timerOf(socket), keepAlive ? 'keep-alive' : 'none')
      }
    }
  },
)

/** Which timer the system has for a connection: proc(5), tcp. */
function timerOf({ localPort = 0, remotePort = 0 }: SecureSocket): string {
  const [local, remote] = [localPort, remotePort].map(it => it.toString(16).toUpperCase().padStart(4, '0'))
  const line = new RegExp(`:${local} [0-9A-F]+:${remote} \\w\\w \\S+ (\\w\\w):`)
  const [, timer = ''] = line.exec(readFileSync('/proc/net/tcp', 'utf8')) ?? []
  return { '00': 'none', '01': 'retransmission', '02': 'keep-alive' }[timer] ?? timer
}

function get(agent: http.Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: 'service', agent }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => (text += chunk))
        response.on('end', () => resolve(text))
      })
      .on('error', reject)
  })
}

async function iterated(socket: SecureSocket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

async function unusedPort(): Promise<number> {
  const server = net.createServer()
  const port = await listen(server)
  await new Promise(resolve => server.close(resolve))
  return port
}

test.run()
