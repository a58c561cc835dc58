// nopki route, as a process: what it says, how it is told to change, and what happens to clients when it goes and comes back.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodePublicKey, encodeSecretKey, generateKeyPair, type SecureSocket } from '../../src/node/index.js'
import { filesIn, nopki, type Running, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { dialPlain, dialThrough, echoServers, helloBytes, line, middleboxKeys } from '../support/routing.js'
import {
  cleanUpAfter,
  guarded,
  hashOf,
  listen,
  next,
  plainServer,
  readAll,
  readUntilError,
  rejects,
  serverKeys,
  someBytes,
  track,
  until,
} from '../support/sockets.js'
import { resetWhileStopped } from '../support/tunnel.js'

const test = suite('route command')
const check = (name: string, body: () => Promise<void>, limit = 30_000) => guarded(test, name, body, limit)
cleanUpAfter(test)
const folder = filesIn(workFolder(test))
const key = folder.write('router.key', `${encodeSecretKey(middleboxKeys.secretKey)}\n`)
const router = encodePublicKey(middleboxKeys.publicKey)
const server = encodePublicKey(serverKeys.publicKey)

async function start(table: string, ...options: string[]): Promise<{ command: Running; port: number }> {
  const port = await freePort()
  const command = startNopki(['route', `127.0.0.1:${port}`, '-k', key, '-t', table, ...options])
  await command.shows(/^routing on /m)
  return { command, port }
}

async function end(command: Running): Promise<void> {
  command.child.kill('SIGTERM')
  assert.is((await command.ended).code, 0, command.err)
}

async function echo(socket: SecureSocket, text: string): Promise<void> {
  socket.write(text)
  assert.is(String((await next(socket, 'data'))[0]), text)
}

check('a transcript: start, a table that changes, a line that is wrong, and the end', async () => {
  const [first, second] = await echoServers(2)
  const table = folder.write('routes', `${line(serverKeys.publicKey, first!.port)}\n`)
  const { command, port } = await start(table)
  const early = await dialThrough(port)
  await echo(early, 'one')

  appendFileSync(table, 'pk_nonsense 4433\n')
  await command.shows(/stay/)
  await echo(await dialThrough(port), 'two')
  writeFileSync(`${table}.new`, `${line(serverKeys.publicKey, second!.port)}\n`)
  renameSync(`${table}.new`, table)
  await command.shows(/was read anew/)
  await echo(await dialThrough(port), 'three')
  assert.is(second!.sockets.length, 1)
  writeFileSync(table, '# none\n')
  command.child.kill('SIGHUP')
  await command.shows(/was read anew[\s\S]*was read anew/)
  await rejects(dialThrough(port), 'PEER_REJECTED')
  await echo(early, 'still here')

  command.child.kill('SIGTERM')
  await command.shows(/^ending: /m)
  await rejects(dialThrough(port), 'ECONNREFUSED')
  await echo(early, 'to the end')
  early.end()
  for (const socket of [...first!.sockets, ...second!.sockets]) socket.end()
  const { code, out, err } = await command.ended
  assert.is(code, 0)
  assert.is(String(out), '')
  assert.fixture(
    err,
    `routing on 127.0.0.1:${port} as ${router}: 1 route
warning: ${table}:2: a public key was expected, and its text has 8 characters; what was read before stays in force
hint: public keys look like pk_…, secret keys like sk_…, with 43 characters behind the prefix
${table} was read anew
${table} was read anew
ending: 3 connections open, for 30 s at most
`,
  )
})

// More of it is in test/transcripts/route.txt.
check('what is wrong is said, with what to do, and the exit code', async () => {
  const table = folder.write('empty', '')
  const fails = async (args: string[], code: number, stderr: RegExp) => {
    const result = await nopki(['route', ...args])
    assert.is(result.code, code, result.err)
    assert.is(String(result.out), '')
    assert.match(result.err, stderr)
  }
  await fails(['0', '-k', '/nowhere', '-t', table], 1, /^error: there is no file \/nowhere\nhint: .*\n$/)
  await fails(['0', '-k', key, '-t', table, '--handshake-timeout', 'x'], 2, /^error: --handshake-timeout is “x”\n/)
  await fails(['0', '-k', key, '-t', table, '--table-password', key], 2, /^error: --table-password is for a table in/)
  const taken = track(net.createServer())
  const port = await listen(taken)
  await fails([`127.0.0.1:${port}`, '-k', key, '-t', table], 1, /^error: 127\.0\.0\.1:\d+ is in use\nhint: .*\n$/)
})

check(
  '500 clients at once, while the table changes, strangers call, and one never finishes its hello',
  async () => {
    // No end waits for less time than the test does: 500 clients want a while.
    const servers = await echoServers(2, { handshakeTimeout: 50_000 })
    const lines = servers.map(it => line(serverKeys.publicKey, it.port))
    const table = folder.write('busy', lines[0]!)
    const { command, port } = await start(table, '--handshake-timeout', '50s', '--connect-timeout', '50s')
    const strangers = ['GET / HTTP/1.1\r\n\r\n', Buffer.from('16030100', 'hex'), someBytes(3000), 'npk2'].map(it =>
      dialPlain(port, it),
    )
    let changes = 0
    const changing = (async () => {
      while (changes >= 0) {
        writeFileSync(`${table}.new`, lines[++changes % 2]!)
        renameSync(`${table}.new`, table)
        command.child.kill('SIGHUP')
        await sleep(20)
      }
    })()
    const data = someBytes(50_000)
    const expected = hashOf(data)
    const one = async () => {
      const socket = await dialThrough(port, { allowHalfOpen: true, handshakeTimeout: 50_000 })
      const back = readAll(socket)
      socket.end(data)
      assert.is(hashOf(await back), expected)
    }
    await Promise.all(Array.from({ length: 500 }, one))
    // Nothing says that a change came between two of those: more clients, one by one, until both tables were in force.
    let clients = 500
    while (changes < 6 || servers.some(it => it.sockets.length === 0)) {
      await one()
      clients++
    }
    changes = -10
    await changing
    assert.is(servers[0]!.sockets.length + servers[1]!.sockets.length, clients)
    for (const { received } of strangers) assert.is(received, 0)
    assert.not.match(command.err, /error|Error/)
    for (const { socket } of strangers) socket.destroy()
    await end(command)
  },
  60_000,
)

check('a flood of hellos that never finish does not keep others out', async () => {
  const [backend] = await echoServers(1)
  const { command, port } = await start(
    folder.write('flooded', line(serverKeys.publicKey, backend!.port)),
    '--handshake-timeout',
    '60s',
  )
  const flood = fork(new URL('../support/flood.js', import.meta.url), [String(port), '2000'])
  await next(flood, 'message')
  const one = async () => {
    const client = await dialThrough(port)
    await echo(client, 'in between')
    client.destroy()
  }
  await Promise.all(Array.from({ length: 50 }, one))
  const gone = next(flood, 'exit')
  flood.send('enough')
  await gone
  await end(command)
  assert.match(command.err, /^refused 127\.0\.0\.1:\d+: 1024 hellos are awaited$/m)
})

check('a reset that waits behind data is no end, though libuv gives it as one', async () => {
  const failed: ReturnType<typeof readUntilError>[] = []
  const backend = await plainServer(socket => {
    failed.push(readUntilError(socket))
    socket.write(Buffer.alloc(1268))
  })
  const { command, port } = await start(folder.write('resets', line(serverKeys.publicKey, backend)))
  const hello = helloBytes(2)
  const client = dialPlain(port, hello)
  await until(() => client.received > 0)
  await resetWhileStopped(command, client.socket)
  const { data, error } = (await failed[0])!
  assert.is(data.subarray(hello.length).toString(), 'before')
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  await end(command)
})

check('a router that is killed: its clients are told, and find it again when it is back', async () => {
  const [backend] = await echoServers(1)
  const table = folder.write('killed', line(serverKeys.publicKey, backend!.port))
  const { command, port } = await start(table)
  const clients = await Promise.all(Array.from({ length: 20 }, () => dialThrough(port)))
  for (const client of clients) await echo(client, 'here')
  const failed = Promise.all(clients.map(it => next(it, 'error')))
  const servers = Promise.all(backend!.sockets.map(it => next(it, 'error')))
  command.child.kill('SIGKILL')
  await command.ended
  for (const [error] of await failed) assert.is(error.code, 'LINK_TRUNCATED')
  for (const [error] of await servers) assert.is(error.code, 'LINK_TRUNCATED')
  await rejects(dialThrough(port), 'ECONNREFUSED')
  const again = startNopki(['route', `127.0.0.1:${port}`, '-k', key, '-t', table])
  await again.shows(/^routing on /m)
  const client = await dialThrough(port)
  await echo(client, 'back')
  client.on('error', () => {})
  again.child.kill('SIGKILL')
  await again.ended
})

check('a backend that goes and comes back', async () => {
  const port = await freePort()
  const table = folder.write('gone', line(serverKeys.publicKey, port))
  const { command, port: at } = await start(table)
  const error = await rejects(dialThrough(at), 'PEER_REJECTED')
  assert.is(error.reason, `the middlebox cannot reach ${server} now`)
  const [backend] = await echoServers(1)
  // The same key at the place where the table says: a plain forwarder stands for it.
  const forwarder = track(
    net.createServer(socket => {
      const inner = net.connect(backend!.port, '127.0.0.1')
      socket.pipe(inner).pipe(socket)
      for (const it of [socket, inner]) it.on('error', () => {})
    }),
  )
  forwarder.listen(port, '127.0.0.1')
  await command.shows(/^127.* is back$/m)
  const client = await dialThrough(at)
  await echo(client, 'here')
  client.destroy()
  await end(command)
  assert.match(
    command.err,
    /^warning: 127\.0\.0\.1:\d+ cannot be reached: connect ECONNREFUSED.*; it is asked until it is back\n127\.0\.0\.1:\d+ is back$/m,
  )
})

check('a second SIGTERM cuts off what is left', async () => {
  const [backend] = await echoServers(1)
  const { command, port } = await start(folder.write('cut', line(serverKeys.publicKey, backend!.port)))
  const client = await dialThrough(port)
  await echo(client, 'here')
  const failed = next(client, 'error')
  backend!.sockets[0]!.on('error', () => {})
  command.child.kill('SIGTERM')
  await command.shows(/^ending: 1 connection /m)
  command.child.kill('SIGTERM')
  assert.is((await failed)[0].code, 'LINK_TRUNCATED')
  assert.is((await command.ended).code, 0)
})

check('who has just connected at SIGTERM is served, and waited for', async () => {
  const [backend] = await echoServers(1)
  const { command, port } = await start(folder.write('late', line(serverKeys.publicKey, backend!.port)))
  const hello = helloBytes(2)
  const late = [dialPlain(port, hello.subarray(0, 1000)), dialPlain(port)]
  const leaves = dialPlain(port, 'npk2')
  // All three were taken before this one.
  const last = await dialThrough(port)
  await echo(last, 'here')
  command.child.kill('SIGTERM')
  await command.shows(/^ending: 4 connections open/m)
  leaves.socket.end()
  await leaves.closed
  late[0]!.socket.write(hello.subarray(1000))
  late[1]!.socket.write(hello)
  for (const it of late) await until(() => it.received === 1268)
  for (const { socket } of late) socket.destroy()
  last.destroy()
  assert.is((await command.ended).code, 0)
})

check('who has connected by SIGTERM, and was not accepted yet, is served too', async () => {
  const [backend] = await echoServers(1)
  const { command, port } = await start(folder.write('queued', line(serverKeys.publicKey, backend!.port)))
  const hello = helloBytes(2)
  // The system connects them, and holds them until this process runs on.
  command.child.kill('SIGSTOP')
  const queued = Array.from({ length: 20 }, () => dialPlain(port))
  await Promise.all(queued.map(({ socket }) => socket.connecting && once(socket, 'connect')))
  command.child.kill('SIGTERM')
  command.child.kill('SIGCONT')
  await command.shows(/^ending: 20 connections open/m)
  for (const { socket } of queued) socket.write(hello)
  for (const it of queued) await until(() => it.received === 1268)
  for (const { socket } of queued) socket.destroy()
  assert.is((await command.ended).code, 0)
})

check('strangers are named and counted, and a router that is full is not healthy', async () => {
  const [backend] = await echoServers(1)
  const status = await freePort()
  const { command, port } = await start(
    folder.write('counted', line(serverKeys.publicKey, backend!.port)),
    '--metrics',
    String(status),
    '--max-connections',
    '1',
    '--handshake-timeout',
    '20s',
  )
  const page = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${status}${path}`)
    return { code: response.status, text: await response.text() }
  }
  const strangers = []
  for (const [first, why] of [
    [
      'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
      /^ignored 127\.0\.0\.1:\d+: it begins with a header of the PROXY protocol/m,
    ],
    [Buffer.from('0d0a0d0a000d0a515549540a20', 'hex'), /(header of the PROXY[\s\S]*){2}/],
    ['GET / HTTP/1.1\r\n\r\n', /^ignored 127\.0\.0\.1:\d+: it does not begin with a hello$/m],
    [helloBytes(2, generateKeyPair().publicKey), /^ignored 127\.0\.0\.1:\d+: its hello is not for this router’s key/m],
  ] as const) {
    strangers.push(dialPlain(port, first))
    await command.shows(why)
  }
  assert.is((await page('/health')).code, 200)
  const client = await dialThrough(port)
  const full = await page('/health')
  assert.is(full.code, 503)
  assert.match(full.text, /"status":"failing".*"troubles":\["1 connections are open, and no more are taken"\]/)
  await rejects(dialThrough(port), 'LINK_CLOSED')
  const { text } = await page('/metrics')
  assert.match(text, /^nopki_connections_pending 4$/m)
  assert.match(text, /^nopki_connections_ignored_total\{why="proxy-header"\} 2$/m)
  assert.match(text, /^nopki_connections_ignored_total\{why="no-hello"\} 1$/m)
  assert.match(text, /^nopki_connections_ignored_total\{why="not-addressed"\} 1$/m)
  for (const { socket } of strangers) socket.destroy()
  client.destroy()
  let code = 0
  while (code !== 200) code = (await page('/health')).code
  await end(command)
})

check('a Unix socket in front, and one behind', async () => {
  const path = folder.path('front.sock')
  const behind = folder.path('behind.sock')
  const { createServer } = await import('../../src/node/index.js')
  const backend = track(createServer({ keyPair: serverKeys, authorize: 'anyone' }, socket => socket.pipe(socket)))
  await new Promise<void>(resolve => backend.listen(behind, resolve))
  const command = startNopki([
    'route',
    `unix:${path}`,
    '-k',
    key,
    '-t',
    folder.write('unix', `${server} unix:${behind}`),
  ])
  await command.shows(/^routing on unix:/m)
  const client = await dialThrough(0, {
    stream: net.connect({ path, allowHalfOpen: true }),
    allowHalfOpen: true,
  } as never)
  const back = readAll(client)
  client.end('over two Unix sockets')
  assert.is(String(await back), 'over two Unix sockets')
  await end(command)
})

check('the key never shows', async () => {
  const { command } = await start(folder.write('quiet', line(generateKeyPair().publicKey, 1)))
  const { readFileSync } = await import('node:fs')
  const secret = encodeSecretKey(middleboxKeys.secretKey)
  if (process.platform === 'linux') {
    for (const name of ['cmdline', 'environ'])
      assert.not.ok(readFileSync(`/proc/${command.pid}/${name}`, 'latin1').includes(secret))
  }
  await end(command)
  assert.not.ok(command.err.includes(secret))
})

test.run()
