// The table of routes in Redis, shared by routers: a real redis-server, which goes away and comes back.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createClient } from '@redis/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseRedisPlace } from '../../src/cli/route/redis-place.js'
import { RedisTable } from '../../src/cli/route/table-redis.js'
import { encodePublicKey, encodeSecretKey, generateKeyPair } from '../../src/node/index.js'
import { filesIn, nopki, type Running, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { dialThrough, echoServers, middleboxKeys } from '../support/routing.js'
import { cleanUpAfter, guarded, next, rejects, serverKeys, until } from '../support/sockets.js'

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
  for (const { port } of routers) {
    for (const before = first!.sockets.length; first!.sockets.length === before; ) await reach(port)
  }

  // There, but without a word.
  redis.kill('SIGSTOP')
  await Promise.all(routers.map(it => it.command.shows(/(is away[\s\S]*){2}/)))
  await reached()
  redis.kill('SIGCONT')
  await Promise.all(routers.map(it => it.command.shows(/(is away[\s\S]*){2}read anew from Redis/)))

  operator.destroy()
  for (const { command } of routers) {
    command.child.kill('SIGTERM')
    assert.is((await command.ended).code, 0, command.err)
  }
  await stop(redis, 'SIGTERM')
})

async function startOperator(at: number, password = '') {
  const operator = await createClient({ url: `redis://127.0.0.1:${at}`, ...(password && { password }) })
    .on('error', () => {})
    .connect()
  endings.add(() => operator.isOpen && operator.destroy())
  return operator
}

async function reach(port: number): Promise<void> {
  const client = await dialThrough(port)
  client.write('ping')
  await next(client, 'data')
  client.destroy()
}

check('a table of 10,000 routes: a change is seen, and health is answered all the while', async () => {
  const [first, second] = await echoServers(2)
  const at = await freePort()
  await startRedis(at)
  const operator = await createClient({ url: `redis://127.0.0.1:${at}` })
    .on('error', () => {})
    .connect()
  endings.add(() => operator.isOpen && operator.destroy())
  const others = Array.from({ length: 9_999 }, (_, n) => {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, n + 2)
    return [encodePublicKey(key), `10.0.${n >> 8}.${n & 255}:4433 10.0.0.6:4433`]
  })
  await operator.hSet('nopki:routes', { ...Object.fromEntries(others), [wanted]: `127.0.0.1:${first!.port}` })
  const metrics = await freePort()
  const { command, port } = await startRouter(`redis://127.0.0.1:${at}`, '--metrics', String(metrics))
  await reach(port)
  assert.is(first!.sockets.length, 1)
  let seen = false
  const asking = async () => {
    do {
      const answer = await fetch(`http://127.0.0.1:${metrics}/health`, { signal: AbortSignal.timeout(5000) })
      assert.is(((await answer.json()) as { status: string }).status, 'ok')
    } while (!seen)
  }
  const change = async () => {
    await operator.hSet('nopki:routes', wanted, `127.0.0.1:${second!.port}`)
    await command.shows(/read anew from Redis/)
    seen = true
  }
  await Promise.all([asking(), change()])
  await reach(port)
  assert.is(second!.sockets.length, 1)
  operator.destroy()
  command.child.kill('SIGTERM')
})

check('a Redis that has lost its table is not one whose table is empty', async () => {
  const [server] = await echoServers(1)
  const at = await freePort()
  let redis = await startRedis(at)
  const operator = await startOperator(at)
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${server!.port}`)
  const status = await freePort()
  const { command, port } = await startRouter(`redis://127.0.0.1:${at}`, '--metrics', String(status))
  const missing = 'there is no nopki:routes in Redis'
  const heard = (times: number) =>
    command.shows(new RegExp(`(warning: ${missing}; the last good table stays[\\s\\S]*){${times}}`))
  const health = async () => await (await fetch(`http://127.0.0.1:${status}/health`)).json()

  await operator.flushAll()
  await heard(1)
  await reach(port)
  assert.equal(((await health()) as { troubles: string[] }).troubles, [missing])
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${server!.port}`)
  await command.shows(/read anew/)
  await stop(redis, 'SIGKILL')
  redis = await startRedis(at)
  await heard(2)
  await reach(port)
  await until(() => operator.isReady)
  // Something else by that name is no table without routes, either.
  await operator.hSet('nopki:routes', 'colour', 'blue')
  await command.shows(/^warning: no field of nopki:routes in Redis is a route; the last good table stays in force$/m)
  await reach(port)

  await operator.hDel('nopki:routes', 'colour')
  await operator.hSet('nopki:routes', 'empty', 'yes')
  await command.shows(/(read anew[\s\S]*){2}/)
  await rejects(dialThrough(port), 'PEER_REJECTED')
  assert.is(((await health()) as { status: string }).status, 'ok')
  // It can stay there, and then counts for nothing.
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${server!.port}`)
  await command.shows(/(read anew[\s\S]*){3}/)
  await reach(port)
  await command.stop()
  await stop(redis, 'SIGTERM')
})

check('an entry that is wrong keeps its last value, and stops no other', async () => {
  const [server] = await echoServers(1)
  const at = await freePort()
  const redis = await startRedis(at)
  const operator = await startOperator(at)
  const other = encodePublicKey(generateKeyPair().publicKey)
  await operator.hSet('nopki:routes', { [wanted]: `127.0.0.1:${server!.port}`, [other]: '127.0.0.1:1' })
  const status = await freePort()
  const { command, port } = await startRouter(`redis://127.0.0.1:${at}`, '--metrics', String(status))
  const bad = async () => {
    const text = await (await fetch(`http://127.0.0.1:${status}/metrics`)).text()
    return /^nopki_table_bad_entries (\d+)$/m.exec(text)?.[1]
  }
  assert.is(await bad(), '0')
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${server!.port} 127.0.0.1:99999`)
  const keeps = new RegExp(
    `^warning: nopki:routes in Redis, field ${wanted}: a backend has the port 99999; its last good value stays$`,
    'm',
  )
  await command.shows(keeps)
  await reach(port)
  assert.is(await bad(), '1')
  await operator.hSet('nopki:routes', 'pk_nonsense', 'x')
  await command.shows(
    /^warning: nopki:routes in Redis, field pk_nonsense: a public key was expected.*; it is left out$/m,
  )
  await operator.hSet('nopki:routes', other, '127.0.0.1:2')
  await command.shows(/(read anew[\s\S]*){3}/)
  assert.is(await bad(), '2')
  const { troubles } = (await (await fetch(`http://127.0.0.1:${status}/health`)).json()) as { troubles: string[] }
  assert.match(troubles[0]!, /field pk_nonsense: [^;]*; it is left out/)
  assert.match(troubles[0]!, /99999; its last good value stays/)
  assert.is(command.err.match(new RegExp(keeps, 'gm'))?.length, 1)
  // One that starts now has no last value, and all that is right.
  const late = await startRouter(`redis://127.0.0.1:${at}`)
  await late.command.shows(/^routing on .*: 1 route$/m)
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${server!.port}`)
  await Promise.all([late.command.shows(/read anew/), command.shows(/(read anew[\s\S]*){4}/)])
  await reach(late.port)
  await operator.hDel('nopki:routes', 'pk_nonsense')
  await command.shows(/(read anew[\s\S]*){5}/)
  assert.is(await bad(), '0')
  await operator.hDel('nopki:routes', wanted)
  await command.shows(/(read anew[\s\S]*){6}/)
  await rejects(dialThrough(port), 'PEER_REJECTED')
  await Promise.all([command.stop(), late.command.stop()])
  await stop(redis, 'SIGTERM')
})

check('an ACL user with the least rights; and what fails once is asked again', async () => {
  const [first, second] = await echoServers(2)
  const at = await freePort()
  const redis = await startRedis(at, '--requirepass', 'boss')
  const operator = await startOperator(at, 'boss')
  const rights = 'on >hunter2 resetkeys %R~nopki:routes nocommands +hgetall +ping +client|tracking'
  // The line that the page of the command has.
  assert.ok(
    (await nopki(['route', '--help'])).out.toString().replace(/\s+/g, ' ').includes(rights.split('hunter2 ')[1]!),
  )
  await operator.sendCommand(['ACL', 'SETUSER', 'router', ...rights.split(' ')])
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${first!.port}`)
  const table = `redis://router@127.0.0.1:${at}`
  const password = folder.write('acl', 'hunter2\n')
  const { command, port } = await startRouter(table, '--table-password', password)
  await reach(port)
  assert.is(first!.sockets.length, 1)

  await operator.sendCommand(['ACL', 'SETUSER', 'router', '-hgetall'])
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${second!.port}`)
  await command.shows(/^warning: NOPERM.*; the last good table stays in force$/m)
  await operator.sendCommand(['ACL', 'SETUSER', 'router', '+hgetall'])
  // Redis tells nobody of that.
  await command.shows(/NOPERM[\s\S]*read anew/)
  await reach(port)
  assert.is(second!.sockets.length, 1)
  await command.stop()
  const refused = await nopki(['route', '0', '-k', key, '-t', table, '--table-password', folder.write('wrong', 'x\n')])
  assert.is(refused.code, 1)
  assert.match(refused.err, /^error: the table cannot be read from Redis.*WRONGPASS.*\nhint: give redis:\/\/USER@HOST/s)
  await stop(redis, 'SIGTERM')
})

check('it is read from time to time, though nothing was heard', async () => {
  const at = await freePort()
  const redis = await startRedis(at)
  const operator = await startOperator(at)
  await operator.hSet('nopki:routes', wanted, '127.0.0.1:1')
  const place = parseRedisPlace(`redis://127.0.0.1:${at}`)
  const table = await RedisTable.open({ place, password: undefined, copy: undefined, onChange() {}, refresh: 20 })
  endings.add(() => table.close())
  let reads = 0
  while (reads < 5) {
    const stats = await operator.info('commandstats')
    reads = Number(/cmdstat_hgetall:calls=(\d+)/.exec(stats)?.[1])
  }
  assert.is(table.trouble, '')
  table.close()
  await stop(redis, 'SIGTERM')
})

check('a router that starts while Redis is away has the last good table from its copy', async () => {
  const [first, second] = await echoServers(2)
  const at = await freePort()
  let redis = await startRedis(at)
  const copy = folder.path('copy')
  const table = `redis://127.0.0.1:${at}`
  const setTo = async (port: number) => {
    const operator = await startOperator(at)
    await operator.hSet('nopki:routes', wanted, `127.0.0.1:${port}`)
    operator.destroy()
  }
  await setTo(first!.port)
  const early = await startRouter(table, '--table-copy', copy)
  await stop(redis, 'SIGKILL')
  await early.command.stop()

  const { command, port } = await startRouter(table, '--table-copy', copy)
  assert.match(
    command.err,
    /^warning: the table cannot be read .*ECONNREFUSED.*; the copy in \S+ is in force\nrouting on .*: 1 route$/m,
  )
  await reach(port)
  assert.is(first!.sockets.length, 1)
  // It comes back, first without its data.
  redis = await startRedis(at)
  await command.shows(/there is no nopki:routes in Redis; the last good table stays/)
  await reach(port)
  await setTo(second!.port)
  await command.shows(/read anew/)
  await reach(port)
  assert.is(second!.sockets.length, 1)
  await command.stop()
  await stop(redis, 'SIGKILL')
  // It is a table as any other.
  assert.match(readFileSync(copy, 'utf8'), new RegExp(`^${wanted} 127\\.0\\.0\\.1:${second!.port}$`, 'm'))
  const file = await startRouter(copy)
  await reach(file.port)
  await file.command.stop()
  // What a full disk leaves is none.
  const torn = await nopki(['route', '0', '-k', key, '-t', table, '--table-copy', folder.write('torn', '')])
  assert.is(torn.code, 1)
  assert.match(
    torn.err,
    /^warning: \S+torn is no copy of a table\nhint: .*\nerror: the table cannot be read from Redis/,
  )
})

check('a copy that cannot be written is a trouble, and no more', async () => {
  const [server] = await echoServers(1)
  const at = await freePort()
  const redis = await startRedis(at)
  const operator = await startOperator(at)
  await operator.hSet('nopki:routes', wanted, `127.0.0.1:${server!.port}`)
  const { command, port } = await startRouter(`redis://127.0.0.1:${at}`, '--table-copy', folder.path('nowhere/copy'))
  assert.match(
    command.err,
    /^warning: the copy of the table cannot be written: ENOENT.*\nhint: routing goes on without it$/m,
  )
  await reach(port)
  await command.stop()
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
    ['rediss+sentinel://h:26379/mymaster', /hint: Sentinel is not asked: give redis:\/\/HOST:PORT \(or rediss:\/\/\)/],
    ['redis-cluster://h', /hint: a cluster is not asked/],
    ['valkey://h', /hint: give a file, or redis:\/\/HOST:PORT; rediss:\/\/ is the same over TLS/],
    ['redis-sentinel://h:26379/mymaster', /a table cannot be at redis-sentinel:\/\/\nhint: Sentinel is not asked: /],
    ['redis+unix:///run/redis.sock', /a table cannot be at redis\+unix:\/\/\nhint: give redis:\/\/127/],
    ['http://h/table', /a table cannot be at http:\/\/\nhint: give a file/],
  ] as const) {
    const { code, err } = await nopki(['route', '0', '-k', key, '-t', table])
    assert.is(code, 2)
    assert.match(err, reason)
  }
})

test.run()
