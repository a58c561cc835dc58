// The table of routes in Redis, shared by routers: a real redis-server, which goes away and comes back.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createClient } from '@redis/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodePublicKey, encodeSecretKey } from '../src/node/index.js'
import { filesIn, nopki, type Running, startNopki, workFolder } from './support/command.js'
import { freePort } from './support/ports.js'
import { dialThrough, echoServers, middleboxKeys } from './support/routing.js'
import { checkError, cleanUpAfter, guarded, next, rejects, serverKeys, until } from './support/sockets.js'

const test = suite('route with Redis')
const installed = spawnSync('redis-server', ['--version']).status === 0
const check = installed
  ? (name: string, body: () => Promise<void>) => guarded(test, name, body, 40_000)
  : (name: string, _body: unknown) => test.skip(`${name}: redis-server is not installed`)
cleanUpAfter(test)
const folder = filesIn(workFolder(test))
const key = folder.write('router.key', encodeSecretKey(middleboxKeys.secretKey))
const wanted = encodePublicKey(serverKeys.publicKey)
const servers = new Set<ChildProcess>()
const endings = new Set<() => void>()
test.after(() => {
  for (const end of endings) end()
  for (const it of servers) it.kill('SIGKILL')
})

/** Everything is kept in memory: what it should know after a restart, it is told again. */
async function startRedis(port: number, ...options: string[]): Promise<ChildProcess> {
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...options], {
    stdio: 'pipe',
  })
  servers.add(child)
  child.on('exit', () => servers.delete(child))
  let said = ''
  child.stdout!.on('data', chunk => (said += chunk))
  await until(() => said.includes('Ready to accept connections'))
  return child
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = next(child, 'exit')
  child.kill(signal)
  await gone
}

async function startRouter(table: string, ...options: string[]): Promise<{ command: Running; port: number }> {
  const port = await freePort()
  const command = startNopki(['route', `127.0.0.1:${port}`, '-k', key, '-t', table, ...options])
  await command.shows(/^routing on /m)
  return { command, port }
}

check('two routers, one table: a change reaches both, and Redis may go and come back', async () => {
  const [first, second] = await echoServers(2)
  const at = await freePort()
  let redis = await startRedis(at)
  const operator = await createClient({ url: `redis://127.0.0.1:${at}` })
    .on('error', () => {})
    .connect()
  endings.add(() => operator.isOpen && operator.destroy())
  const setTo = (port: number) => operator.hSet('nopki:routes', wanted, `127.0.0.1:${port}`)
  await setTo(first!.port)
  const routers = [
    await startRouter(`redis://127.0.0.1:${at}`),
    await startRouter(`redis://127.0.0.1:${at}/0?key=nopki:routes`),
  ]
  const reach = async (port: number) => {
    const client = await dialThrough(port)
    client.write('ping')
    await next(client, 'data')
    client.destroy()
  }
  const reached = async () => {
    for (const { port } of routers) await reach(port)
  }
  const heard = (times: number) =>
    Promise.all(routers.map(it => it.command.shows(new RegExp(`(read anew from Redis[\\s\\S]*){${times}}`))))
  await reached()
  assert.is(first!.sockets.length, 2)

  await setTo(second!.port)
  await heard(1)
  await reached()
  assert.is(second!.sockets.length, 2)

  // Away: the last table stays, for those who come too.
  await stop(redis, 'SIGKILL')
  for (const { command } of routers)
    await command.shows(/^warning: Redis at 127\.0\.0\.1:\d+ is away: .*; the last good table stays in force$/m)
  await reached()
  assert.is(second!.sockets.length, 4)

  // Back, with another table.
  redis = await startRedis(at)
  await until(() => operator.isReady)
  await setTo(first!.port)
  await Promise.all(routers.map(it => it.command.shows(/is away[\s\S]*read anew from Redis[\s\S]*/)))
  // A Redis that has just started has no table, and a router may have read that before.
  for (const { port } of routers) {
    for (const before = first!.sockets.length; first!.sockets.length === before; ) {
      await reach(port).catch(error => checkError(error, 'PEER_REJECTED'))
    }
  }

  // There, but without a word.
  redis.kill('SIGSTOP')
  await Promise.all(routers.map(it => it.command.shows(/(is away[\s\S]*){2}/)))
  await reached()
  redis.kill('SIGCONT')
  await Promise.all(routers.map(it => it.command.shows(/(is away[\s\S]*){2}read anew from Redis/)))

  // A field that is wrong.
  await operator.hSet('nopki:routes', 'pk_nonsense', 'x')
  for (const { command } of routers) {
    await command.shows(
      /^warning: nopki:routes in Redis, field pk_nonsense: a public key was expected.*; the last good table stays in force$/m,
    )
  }
  await reached()
  await operator.del('nopki:routes')
  for (const { command, port } of routers) {
    await command.shows(/field pk_nonsense[\s\S]*read anew from Redis/)
    await rejects(dialThrough(port), 'PEER_REJECTED')
  }
  operator.destroy()
  for (const { command } of routers) {
    command.child.kill('SIGTERM')
    assert.is((await command.ended).code, 0, command.err)
  }
  await stop(redis, 'SIGTERM')
})

check('a password comes from a file, and a Redis that is not there is an error', async () => {
  const at = await freePort()
  const redis = await startRedis(at, '--requirepass', 'hunter2')
  const password = folder.write('password', 'hunter2\n')
  const { command } = await startRouter(`redis://127.0.0.1:${at}`, '--table-password', password)
  await command.shows(/the table is empty, so every client is refused/)
  command.child.kill('SIGTERM')
  await command.ended
  assert.not.match(command.err, /hunter2/)
  const refused = await nopki(['route', '0', '-k', key, '-t', `redis://127.0.0.1:${at}`])
  assert.is(refused.code, 1)
  assert.match(refused.err, /^error: the table cannot be read from Redis at 127\.0\.0\.1:\d+: .*NOAUTH.*\nhint: .*\n$/s)
  await stop(redis, 'SIGTERM')
  const away = await nopki(['route', '0', '-k', key, '-t', `redis://127.0.0.1:${at}`])
  assert.is(away.code, 1)
  assert.match(
    away.err,
    /^error: the table cannot be read from Redis at 127\.0\.0\.1:\d+: .*ECONNREFUSED.*\nhint: .*\n$/,
  )
  for (const [table, reason] of [
    ['redis:', /cannot be read|does not belong/],
    ['redis://h?other=1', /does not belong there/],
    ['redis://h?key=', /does not belong there/],
  ] as const) {
    const { code, err } = await nopki(['route', '0', '-k', key, '-t', table])
    assert.is(code, 2)
    assert.match(err, reason)
  }
})

test.run()
