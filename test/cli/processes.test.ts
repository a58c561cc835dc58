// The command as a process: signals, what its programs inherit, descriptors, and the one that takes over from it.

import { existsSync, renameSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Failure } from '../../src/cli/frame/failure.js'
import { MAIN, nopki, Running, startNopki, workFolder } from '../support/command.js'
import { cleanUpAfter, delay, guarded, next, plainServer, track, until } from '../support/sockets.js'
import { dialPlain, startExpose, startForward, startListen, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const path = (name: string) => join(folder, name)
const LET_IN = ['-k', keys.server.file, '-a', keys.authorized]
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 40_000)

check('SIGUSR1 and SIGUSR2 are taken for SIGHUP, and open no debugger', async () => {
  const service = await plainServer(socket => socket.end('in'))
  const { expose, address } = await startExpose(keys, service, ['--access-log', path('log')])
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
    renameSync(path('log'), path(`log.${signal}`))
    expose.child.kill(signal)
    await until(() => existsSync(path('log')))
  }
  assert.is(String((await nopki(['connect', address, '-k', keys.alice.file])).out), 'in')
  const { code, err } = await expose.stop('SIGQUIT')
  assert.is(code, 0, err)
  assert.not.match(err, /Debugger/)
})

check('what has nothing to read anew takes no notice of SIGUSR1 and SIGUSR2', async () => {
  const { listener, address } = await startListen([...LET_IN, '--echo'])
  const client = startNopki(['connect', address, '-k', keys.alice.file])
  client.child.stdin?.write('before')
  await client.shows(/before/)
  client.child.kill('SIGUSR1')
  client.child.kill('SIGUSR2')
  client.child.stdin?.end(' after')
  const { code, out, err } = await client.ended
  assert.equal([code, String(out), err], [0, 'before after', ''])
  await listener.ended
})

check('a program under --exec is not told what systemd has told this process', async () => {
  const env = { NOTIFY_SOCKET: path('none'), LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'a', WATCHDOG_USEC: '1' }
  const listener = startNopki(['listen', '127.0.0.1:0', ...LET_IN, '--exec', 'env'], { env: { ...env, MINE: 'yes' } })
  const [, address = ''] = await listener.shows(/listening on (\S+)/)
  const { out } = await nopki(['connect', address, '-k', keys.alice.file])
  const names = String(out)
    .split('\n')
    .map(line => line.split('=')[0])
  assert.ok(names.includes('MINE') && names.includes('NOPKI_PEER'), String(out))
  for (const name of Object.keys(env)) assert.not.ok(names.includes(name), name)
  await listener.ended
})

check('descriptors that are nearly used up are named, with how many there may be', async () => {
  const line = 'ulimit -n 70; exec "$0" "$@"'
  const service = await plainServer(socket => socket.on('end', () => socket.end()).write('in'))
  const args = ['expose', '127.0.0.1:0', String(service), ...LET_IN, '--metrics', '0']
  const expose = new Running('sh', ['-c', line, process.execPath, MAIN, ...args])
  const [, status] = await expose.shows(/metrics and health on \S+:(\d+)/)
  const [, port] = await expose.shows(/exposing \S+ on \S+:(\d+) as/)
  const health = async () => await (await fetch(`http://127.0.0.1:${status}/health`)).text()
  assert.match(await health(), /"ok"/)
  const many: net.Socket[] = []
  while (!/"failing".*of the 70 descriptors/.test(await health())) {
    const socket = track(dialPlain(Number(port))).on('error', () => {})
    await next(socket, 'connect')
    many.push(socket)
  }
  for (let more = 0; more < 5; more++) {
    const socket = track(dialPlain(Number(port))).on('error', () => {})
    await next(socket, 'connect')
    many.push(socket)
  }
  await expose.shows(/of the 70 descriptors that this process may have are in use/)
  assert.ok(
    many.every(socket => !socket.destroyed),
    'nobody has been dropped yet',
  )
  for (const socket of many) socket.destroy()
  while (!/"ok"/.test(await health())) await delay(50)
  const { err } = await expose.stop()
  assert.is(err.match(/of the 70 descriptors/g)?.length, 1, 'each minute it is said once')
  const { message, hint } = Failure.of(Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  assert.match(`${message} ${hint}`, /^accept EMFILE: this process uses the \d+ descriptors .*ulimit -n/)
})

check('one that takes over starts while the other drains, and gets its port for metrics', async () => {
  const service = await plainServer(socket => socket.on('end', () => socket.end()).write('in'))
  const old = await startExpose(keys, service, ['--metrics', '0'])
  const [, status = ''] = await old.expose.shows(/metrics and health on \S+:(\d+)/)
  const { port } = await startForward(keys, old.address)
  const client = track(net.connect(port, '127.0.0.1'))
  await next(client, 'data')
  old.expose.child.kill('SIGTERM')
  await old.expose.shows(/ending: 1 connection open/)
  const { expose } = await startExpose(keys, service, ['--metrics', status])
  await expose.shows(
    new RegExp(`warning: 127\\.0\\.0\\.1:${status} is in use: metrics and health are served when it is free`),
  )
  const health = async () => (await (await fetch(`http://127.0.0.1:${status}/health`)).json()) as { status: string }
  assert.is((await health()).status, 'draining')
  client.destroy()
  await old.expose.ended
  await expose.shows(/metrics and health on/)
  assert.is((await health()).status, 'ok')
})

test.run()
