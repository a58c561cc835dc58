// What goes wrong around a tunnel, with clients running: a clear line, no crash, and no other connection disturbed.

import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { connect } from '../../src/node/index.js'
import { installed, nopki, Running, run, skippedWithout, startNopki, workFolder } from '../support/command.js'
import {
  cleanUpAfter,
  guarded,
  hashOf,
  next,
  plainServer,
  readAll,
  readUntilError,
  rejects,
  someBytes,
  track,
} from '../support/sockets.js'
import { dialPlain, startExpose, startForward, startTunnel, tunnelKeys } from '../support/tunnel.js'

const folder = workFolder(test)
const path = (name: string) => join(folder, name)
const keys = await tunnelKeys(folder)
const keyPair = await loadKey(keys.alice.file)
cleanUpAfter(test)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 60_000)

const echo = () => plainServer(socket => void socket.pipe(socket))

/** One exchange through the tunnel. */
async function works(port: number, data: Buffer = Buffer.from('hello')): Promise<void> {
  const client = track(dialPlain(port))
  client.end(data)
  assert.ok((await readAll(client)).equals(data))
}

check('500 clients at once', async () => {
  const { port, expose, forward } = await startTunnel(keys, await echo())
  const data = Array.from({ length: 500 }, (_, at) => Buffer.from(`${at} `.repeat(500)))
  await Promise.all(data.map(it => works(port, it)))
  assert.is((await forward.stop()).code, 0)
  assert.is((await expose.stop()).code, 0)
})

check('a slow client holds up itself and nobody else, and costs little memory', async () => {
  const big = someBytes(1_000_000)
  const service = await plainServer(socket => {
    socket.on('error', () => {})
    socket.once('data', chunk => {
      if (String(chunk) === 'small') return socket.end('here')
      // Sends for as long as somebody takes it.
      const more = () => {
        while (socket.write(big)) {}
      }
      socket.on('drain', more)
      more()
      return undefined
    })
  })
  const { port, expose, forward } = await startTunnel(keys, service)
  const slow = track(dialPlain(port))
  slow.write('endless')
  await next(slow, 'readable')
  for (let at = 0; at < 20; at++) {
    const client = track(dialPlain(port))
    client.write('small')
    assert.is(String(await readAll(client)), 'here')
  }
  for (const { pid } of [expose, forward]) assert.ok(residentMegabytes(pid) < 200, `${residentMegabytes(pid)} MB`)
})

check('who speaks another protocol is dropped with a line that says so', async () => {
  const { expose, address, port } = await startTunnel(keys, await echo())
  const place = { host: '127.0.0.1', port: Number(/:(\d+)$/.exec(address)?.[1]) }
  const inside = track(dialPlain(port))
  inside.write('before')
  await next(inside, 'data')
  await run('curl', ['-s', '-m', '5', `http://127.0.0.1:${place.port}/`])
  await expose.shows(/refused 127\.0\.0\.1:\d+: PEER_VERSION: .*first .*bytes are no version/)
  const secure = track(tls.connect({ ...place, rejectUnauthorized: false }))
  secure.on('error', () => {})
  await next(secure, 'close')
  for (const bytes of [someBytes(1), someBytes(107), someBytes(10_000)]) {
    const stranger = track(net.connect(place))
    stranger.on('error', () => {})
    stranger.end(bytes)
    stranger.resume()
    await next(stranger, 'close')
  }
  await expose.shows(/(?:refused 127\.0\.0\.1:\d+: (?:PEER_VERSION|LINK_CLOSED): .*\n){5}/)
  inside.end(' and after')
  assert.is(String(await readAll(inside)), ' and after')
  await works(port)
})

check('a client that never finishes its handshake is dropped in time', async () => {
  const { expose, address, port } = await startTunnel(keys, await echo())
  const place = { host: '127.0.0.1', port: Number(/:(\d+)$/.exec(address)?.[1]) }
  const silent = [track(net.connect(place)), track(net.connect(place))]
  for (const socket of silent) socket.on('error', () => {})
  const hello = Buffer.alloc(600)
  hello.writeUInt32LE(0x326b706e)
  silent[1]?.write(hello)
  await works(port)
  await Promise.all(silent.map(it => next(it.resume(), 'close')))
  await expose.shows(/refused .*LINK_TIMEOUT: the client’s handshake took more than 10000 ms\n.*LINK_TIMEOUT/)
  await works(port)
})

check('a full disk loses lines of the log, and nothing else', async () => {
  const { expose, port } = await startTunnel(keys, await echo(), { expose: ['--access-log', '/dev/full'] })
  for (let at = 0; at < 3; at++) await works(port)
  await expose.shows(/warning: \/dev\/full cannot be written: ENOSPC/)
  const { code, err } = await expose.stop()
  assert.is(code, 0)
  assert.is(err.match(/warning/g)?.length, 1, 'it says so once')
})

check('a port in use', async () => {
  const taken = await echo()
  for (const args of [
    ['forward', String(taken), `nopki://${keys.server.publicKey}@127.0.0.1:1`],
    ['expose', `127.0.0.1:${taken}`, '1', '-k', keys.server.file, '--allow-anyone'],
    // What was opened before keeps nothing alive.
    ['expose', `127.0.0.1:${taken}`, '1', '-k', keys.server.file, '-a', keys.authorized, '--metrics', '0'],
  ]) {
    const { code, err } = await nopki(args)
    assert.is(code, 1)
    assert.is(
      err.replace(/^metrics and.*\n/, ''),
      `error: 127.0.0.1:${taken} is in use\nhint: another program listens there; stop it, or take another address\n`,
    )
  }
})

check('forward: a server that is not there, not this, or not willing resets the client and says why', async () => {
  const other = await plainServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.padEnd(2000)))
  const stranger = path('stranger.key')
  await nopki(['keygen', '-o', stranger])
  const { address } = await startExpose(keys, await echo())
  for (const [to, key, pattern] of [
    [`nopki://${keys.server.publicKey}@127.0.0.1:1`, keys.alice.file, /ECONNREFUSED/],
    [`nopki://${keys.server.publicKey}@127.0.0.1:${other}`, keys.alice.file, /PEER_VERSION: .*\nhint: /],
    [address.replace(keys.server.publicKey, keys.alice.publicKey), keys.alice.file, /PEER_KEY_MISMATCH: .*\nhint: /],
    [address, stranger, /PEER_NOT_AUTHORIZED: the server does not serve this client’s key/],
  ] as const) {
    const who = { ...keys, alice: { ...keys.alice, file: key } }
    const { forward, port } = await startForward(who, to, ['--retry', '0'])
    const { error } = await readUntilError(track(dialPlain(port)))
    assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET')
    await forward.shows(pattern)
  }
})

check('SIGTERM with 100 transfers in flight: all come whole, new ones are refused, and it exits with 0', async () => {
  const [first, second] = [someBytes(300_000), someBytes(200_000)]
  const waiting: net.Socket[] = []
  const service = await plainServer(socket => waiting.push(socket) && socket.write(first))
  const { expose, forward, port, address } = await startTunnel(keys, service)
  const clients = Array.from({ length: 100 }, () => track(dialPlain(port)))
  const results = clients.map(it => readAll(it))
  await Promise.all(clients.map(it => next(it, 'data')))

  expose.child.kill('SIGTERM')
  await expose.shows(/ending: 100 connections open, for 30 s at most/)
  await rejects(connect(address, { keyPair }), 'ECONNREFUSED')
  forward.child.kill('SIGTERM')
  await forward.shows(/ending: 100 connections open/)
  const late = track(dialPlain(port))
  assert.is(((await next(late, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED')

  for (const socket of waiting) socket.end(second)
  for (const client of clients) client.end()
  const whole = hashOf(Buffer.concat([first, second]))
  for (const result of results) assert.is(hashOf(await result), whole)
  assert.is((await expose.ended).code, 0)
  assert.is((await forward.ended).code, 0)
})

check('SIGTERM: those that do not end in time, and all on a second signal, are told', async () => {
  const service = await plainServer(socket => socket.write('first'))
  for (const [args, signals] of [
    [['--drain-timeout', '300ms'], 1],
    [[], 2],
  ] as const) {
    const { expose, address } = await startExpose(keys, service, [...args])
    const clients = Array.from({ length: 3 }, () => startNopki(['connect', address, '-k', keys.alice.file]))
    await Promise.all(clients.map(it => it.shows(/first/)))
    expose.child.kill('SIGTERM')
    await expose.shows(/ending: 3 connections open/)
    if (signals === 2) expose.child.kill('SIGTERM')
    for (const client of clients) {
      const { code, err } = await client.ended
      assert.is(code, 1)
      assert.match(err, /PEER_ALERT: .* alert 4: the service is shutting down/)
    }
    assert.is((await expose.ended).code, 0)
  }
})

const python = (await installed('python3')) ? guarded : skippedWithout('python3, for systemd’s part')
const notifying = (await installed('systemd-notify')) ? python : skippedWithout('systemd-notify')

notifying(
  test,
  'systemd is told when it is ready, reloads and stops',
  async () => {
    const manager = new Running('python3', ['-uc', MANAGER, path('notify')])
    await manager.shows(/listening/)
    const env = { NOTIFY_SOCKET: path('notify') }
    const args = ['expose', '127.0.0.1:0', '1', '-k', keys.server.file, '-a', keys.authorized]
    const expose = startNopki(args, { env })
    await manager.shows(/^READY=1$/m)
    expose.child.kill('SIGHUP')
    await manager.shows(/^RELOADING=1\nMONOTONIC_USEC=\d+\nREADY=1$/m)
    assert.is((await expose.stop()).code, 0)
    await manager.shows(/^STOPPING=1$/m)
    await manager.stop()
  },
  30_000,
)

python(
  test,
  'a socket that systemd listens on',
  async () => {
    const args = ['expose', 'systemd:channel', String(await echo()), '-k', keys.server.file, '-a', keys.authorized]
    const started = new Running('python3', [
      '-uc',
      ACTIVATION,
      process.execPath,
      join(import.meta.dirname, '../../src/cli/main.js'),
      ...args,
    ])
    const [, port] = await started.shows(/port (\d+)\n/)
    const address = `nopki://${keys.server.publicKey}@127.0.0.1:${port}`
    const { code, out } = await nopki(['connect', address, '-k', keys.alice.file], { input: 'hello' })
    assert.is(code, 0)
    assert.is(String(out), 'hello')
    assert.is((await started.stop()).code, 0)
  },
  30_000,
)

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

const MANAGER = `
import socket, sys
it = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
it.bind(sys.argv[1])
print('listening')
while True:
  said = it.recv(4096).decode()
  if said != 'BARRIER=1': print(said)
`
const ACTIVATION = `
import os, socket, sys
it = socket.create_server(('127.0.0.1', 0))
print('port', it.getsockname()[1])
os.dup2(it.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='channel')
os.execv(sys.argv[1], sys.argv[1:])
`

test.run()
