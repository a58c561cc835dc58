// nopki/http with what Node brings: node:http, https: addresses, node:http2. The libraries are in test/libraries.

import { EventEmitter } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAgent, createConnector, serveHttp } from '../../src/http/index.js'
import {
  connectSocket,
  generateKeyPair,
  type Peer,
  type SecureSocket,
  type ServeOptions,
} from '../../src/node/index.js'
import {
  checkError,
  cleanUpAfter,
  clientKeys,
  failureOf,
  guarded,
  listen,
  next,
  plainServer,
  rejects,
  serverKeys,
  throws,
  track,
  until,
} from '../support/sockets.js'

cleanUpAfter(test)

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)
const to = (port: number) => ({ host: '127.0.0.1', port, keyPair: clientKeys, serverKey: serverKeys.publicKey })
const channel: ServeOptions = { keyPair: serverKeys, authorize: peer => ({ name: peer.publicKeyText.slice(0, 3) }) }
const agents: http.Agent[] = []
test.after.each(() => {
  for (const agent of agents.splice(0)) agent.destroy()
})

async function serve(listener: http.RequestListener, options: Partial<ServeOptions> = {}) {
  const server = track(serveHttp(http.createServer(listener), { ...channel, ...options }))
  const port = await listen(server)
  const agent = agentTo(port)
  return { server, port, agent }
}

function agentTo(port: number, options = {}): http.Agent {
  const agent = createAgent(to(port), options)
  agents.push(agent)
  return agent
}

interface Answer {
  text: string
  complete: boolean
  error?: Error
}

/** What a program sees of a request: the text that came, whether it was told that it is whole, and the error. */
function get(agent: http.Agent, url = 'http://service/', over: typeof http | typeof https = http): Promise<Answer> {
  return new Promise(resolve => {
    const answer: Answer = { text: '', complete: false }
    const request = over.get(url, { agent }, response => {
      response.setEncoding('utf8').on('data', chunk => (answer.text += chunk))
      response.on('end', () => (answer.complete = response.complete))
      response.on('error', error => (answer.error ??= error))
      response.on('close', () => resolve(answer))
    })
    request.on('error', error => {
      answer.error ??= error
      if (!request.res) resolve(answer)
    })
  })
}

declare module 'node:http' {
  interface ClientRequest {
    res?: http.IncomingMessage
  }
}

check('requests by http: and https: addresses, over kept connections, and who asks', async () => {
  const { agent, server } = await serve((request, response) => {
    const { remotePublicKey, authorization } = request.socket as unknown as SecureSocket
    const known = Buffer.compare(remotePublicKey, clientKeys.publicKey) === 0
    response.end(`${request.headers.host}${request.url} ${known} ${JSON.stringify(authorization)}`)
  })
  let connections = 0
  server.on('secureConnection', () => connections++)
  assert.is((await get(agent, 'http://one.example/a')).text, 'one.example/a true {"name":"pk_"}')
  assert.is((await get(agent, 'https://two.example/b', https)).text, 'two.example/b true {"name":"pk_"}')
  assert.is((await get(agent, 'http://three.example:8080/c')).text, 'three.example:8080/c true {"name":"pk_"}')
  assert.is(connections, 1)
})

check('wrong options are thrown when the agent or connector is made', async () => {
  for (const make of [createAgent, createConnector] as ((...args: unknown[]) => unknown)[]) {
    throws(() => make({ host: '127.0.0.1', port: 1 }), 'USE_BAD_OPTION')
    throws(() => make(`nopki://${'x'}@h:1`), 'USE_BAD_KEY')
    throws(() => make({ ...to(1), stream: new net.Socket() }), 'USE_BAD_OPTION')
  }
})

check('an agent’s own options are checked too, wherever they stand: requests would wait for ever', async () => {
  const wrong = {
    maxSockets: ['x', -1, 0.5, Number.NaN, null],
    maxTotalSockets: [0],
    keepAliveMsecs: ['1'],
    scheduling: ['all'],
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      throws(() => createAgent(to(1), { [name]: value }), 'USE_BAD_OPTION')
      throws(() => createAgent({ ...to(1), [name]: value }), 'USE_BAD_OPTION')
    }
  }
  throws(() => createAgent(to(1), { maxSocket: 1 } as never), 'USE_BAD_OPTION')
  const agent = agentTo(1, { maxSockets: 0, maxTotalSockets: Number.POSITIVE_INFINITY, scheduling: 'fifo' })
  assert.is(agent.maxSockets, Number.POSITIVE_INFINITY)
})

check('what makes a server of its own to listen is refused: what it answers would not be encrypted', async () => {
  // As of Express.
  const app = Object.assign(() => {}, EventEmitter.prototype, { listen: () => http.createServer().listen() })
  const twice = serveHttp(http.createServer(), channel)
  for (const wrong of [app, {}, undefined, twice]) throws(() => serveHttp(wrong as never, channel), 'USE_BAD_OPTION')
})

check('an agent that is printed shows no key', async () => {
  const { keyPair, ...target } = to(1)
  const agent = agentTo(1, { keyPair, maxSockets: 3 })
  assert.is(agent.maxSockets, 3)
  const text = inspect([agent, createAgent(target, { keyPair })], { depth: null, showHidden: true })
  assert.not.match(text, /secretKey/)
})

check('each connection of an agent, and of a connector, has the same key and context', async () => {
  const context = Uint8Array.of(1, 2, 3)
  const authorize = (peer: Peer) => Buffer.compare(peer.publicKey, clientKeys.publicKey) === 0
  const { port } = await serve((_, response) => response.end('served'), { context, authorize })
  const agent = agentTo(port, { context, keepAlive: false })
  const connector = createConnector({ ...to(port), context, waitForAccept: true })
  for (let at = 0; at < 3; at++) {
    assert.equal(await get(agent), { text: 'served', complete: true })
    await new Promise<void>((resolve, reject) =>
      connector({}, (error, socket) => (error ? reject(error) : resolve(void track(socket as SecureSocket)))),
    )
  }
})

check('a server’s keys roll under requests of clients of either key, and none is lost', async () => {
  const newKeys = generateKeyPair()
  const held: http.ServerResponse[] = []
  const { server, port } = await serve((request, response) => {
    if (request.url === '/slow') held.push(response)
    else response.end('quick')
  })
  const { serverKey, ...place } = to(port)
  const clientOf = (serverKeys: Uint8Array[], keepAlive: boolean) => {
    const agent = createAgent({ ...place, serverKeys }, { keepAlive })
    agents.push(agent)
    return agent
  }
  const [old, both] = [[serverKey], [newKeys.publicKey, serverKey]]
  const [first, kept] = [clientOf(old, false), clientOf(old, true)]
  const asked: [Promise<Answer>, Promise<Answer>][] = []
  /** A request that is answered now, and one that is answered behind the last change. */
  const ask = async (...clients: http.Agent[]) => {
    for (const agent of clients) asked.push([get(agent), get(agent, 'http://service/slow')])
    await until(() => held.length === asked.length)
    await Promise.all(asked.map(([quick]) => quick))
  }
  await ask(first, kept, clientOf(both, false))
  server.setKeyPairs({ keyPairs: [newKeys, serverKeys] })
  await ask(first, kept, clientOf(both, false), clientOf([newKeys.publicKey], false))
  server.setKeyPairs({ keyPair: newKeys })
  await ask(clientOf(both, false), clientOf([newKeys.publicKey], true))
  for (const response of held) response.end('slow')
  for (const [quick, slow] of asked) {
    assert.equal(await quick, { text: 'quick', complete: true })
    assert.equal(await slow, { text: 'slow', complete: true })
  }
  // A connection that is kept is not asked for its key again.
  assert.is((await get(kept)).text, 'quick')
  checkError((await get(first)).error, 'PEER_KEY_MISMATCH')
  throws(() => server.setKeyPairs({} as never), 'USE_BAD_KEY')
})

check('a client that is refused gets PEER_NOT_AUTHORIZED, and the server’s event says whom', async () => {
  const { server, agent } = await serve((_, response) => response.end('secret'), { authorize: () => false })
  const refused = next(server, 'handshakeError')
  const { text, error } = await get(agent)
  assert.is(text, '')
  checkError(error, 'PEER_NOT_AUTHORIZED')
  assert.equal((await refused)[0].remotePublicKey, clientKeys.publicKey)
})

check('a connection that is cut is ECONNRESET, as over TCP, with our error as its cause', async () => {
  const { agent } = await serve(request => void request.socket.resetAndDestroy())
  const { error } = await get(agent)
  checkError(error, 'ECONNRESET')
  checkError(error?.cause, 'LINK_TRUNCATED')
  const other = await plainServer(socket => socket.end())
  checkError((await get(agentTo(other))).error, 'ECONNRESET')
  const silent = await plainServer(() => {})
  const late = (await get(agentTo(silent, { handshakeTimeout: 30 }))).error
  checkError(late, 'ETIMEDOUT')
  checkError(late?.cause, 'LINK_TIMEOUT')
})

check('a response without a length that is cut is an error, however it is cut', async () => {
  for (const cut of ['resetAndDestroy', 'destroy'] as const) {
    const { agent } = await serve((request, response) => {
      response.writeHead(200, { connection: 'close', 'transfer-encoding': 'identity' })
      response.write('half')
      setImmediate(() => setImmediate(() => request.socket[cut]()))
    })
    const { text, error } = await get(agent)
    assert.is(text, 'half')
    assert.ok(error, cut)
  }
  const whole = await serve((_, response) => {
    response.writeHead(200, { connection: 'close', 'transfer-encoding': 'identity' })
    response.end('whole')
  })
  assert.equal(await get(whole.agent), { text: 'whole', complete: true })
})

check('a request’s and an agent’s timeout is the socket’s', async () => {
  const { port } = await serve(() => {})
  for (const [agent, timeout] of [
    [agentTo(port, { timeout: 30 }), undefined],
    [agentTo(port), 30],
  ] as const) {
    const request = http.get('http://service/', { agent, ...(timeout && { timeout }) })
    request.on('error', () => {})
    await next(request, 'timeout')
    request.destroy()
  }
})

check('the server’s own timeouts hold: for headers, and between requests', async () => {
  const { server, port } = await serve((_, response) => response.end('page'))
  server.keepAliveTimeout = 30
  const slow = track(connectSocket(to(port)))
  slow.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  slow.resume()
  // Cut, not ended: the server destroys it, as it does over TCP.
  assert.is((await failureOf(slow)).code, 'LINK_TRUNCATED')

  const strict = http.createServer({ headersTimeout: 30, connectionsCheckingInterval: 10 }, () => {})
  const late = track(connectSocket(to(await listen(track(serveHttp(strict, channel))))))
  late.write('GET / HT')
  assert.match(String((await next(late, 'data'))[0]), /^HTTP\/1\.1 408 /)
})

check(
  'close waits for requests, and not for those who are idle or have not come in; closeAllConnections for none',
  async () => {
    for (const all of [false, true]) {
      let answer: (() => void) | undefined
      const { server, port, agent } = await serve((request, response) => {
        if (request.url === '/slow') answer = () => response.end('late')
        else response.end('page')
      })
      const idle = connectSocket(to(port))
      idle
        .on('error', () => {})
        .resume()
        .write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
      await next(idle, 'data')
      const silent = net
        .connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume()
      await next(silent, 'connect')
      const slow = get(agent, 'http://service/slow')
      await until(() => answer !== undefined)
      const gone = Promise.all([next(idle, 'close'), next(silent, 'close')])
      const closed = next(server, 'close')
      server.close()
      await gone
      if (all) server.closeAllConnections()
      else answer?.()
      const { text, error } = await slow
      assert.is(text, all ? '' : 'late')
      if (all) checkError(error, 'ECONNRESET')
      await closed
    }
  },
)

check('its signal closes the server', async () => {
  const aborter = new AbortController()
  const { server } = await serve(() => {}, { signal: aborter.signal })
  const closed = next(server, 'close')
  aborter.abort()
  await closed
})

check('an upgrade gives both ends the channel', async () => {
  const { server, agent } = await serve(() => {})
  server.on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
    socket.on('error', () => {}).pipe(socket)
  })
  const request = http.get('http://service/', { agent, headers: { connection: 'upgrade', upgrade: 'echo' } })
  const [, socket] = await next(request, 'upgrade')
  track(socket).write('hello')
  assert.is(String((await next(socket, 'data'))[0]), 'hello')
})

check('HTTP/2, at both ends: many streams, and what the server knows', async () => {
  const server = track(serveHttp(http2.createServer(), channel))
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    const socket = (stream.session?.socket ?? {}) as { authorization?: { name: string } }
    stream.respond({ ':status': 200, name: socket.authorization?.name ?? 'nobody' })
    stream.pipe(stream)
  })
  const port = await listen(server)
  const session = http2.connect('http://service', { createConnection: () => connectSocket(to(port)) })
  const texts = Array.from({ length: 20 }, async (_, at) => {
    const stream = session.request({ ':method': 'POST' })
    const responded = next(stream, 'response')
    stream.end(`request ${at}`)
    let text = ''
    for await (const chunk of stream) text += chunk
    assert.is((await responded)[0].name, 'pk_')
    return text
  })
  assert.equal(
    await Promise.all(texts),
    Array.from({ length: 20 }, (_, at) => `request ${at}`),
  )
  session.close()
  await next(session, 'close')
  const closed = new Promise(resolve => server.close(resolve))
  await closed
})

check('undici’s connector calls back with a connected socket, or the error', async () => {
  const { port } = await serve(() => {})
  const connected = (target: object) =>
    new Promise<net.Socket>((resolve, reject) =>
      createConnector(target as never)({}, (error, socket) => (error ? reject(error) : resolve(socket as net.Socket))),
    )
  const socket = track(await connected(to(port)))
  assert.is((socket as unknown as SecureSocket).secureConnecting, false)
  const other = await plainServer(it => it.end())
  const error = await rejects(connected(to(other)), 'UND_ERR_SOCKET')
  checkError(error.cause, 'LINK_CLOSED')
})

test.run()
