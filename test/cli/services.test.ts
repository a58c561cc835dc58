// Real services behind the tunnel, and their own clients in front of it: Redis, PostgreSQL, nginx.

import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { installed, run, skippedWithout, workFolder } from '../support/command.js'
import { postgresPrograms, startNginx, startPostgres, startRedis } from '../support/services.js'
import { guarded, hashOf, someBytes } from '../support/sockets.js'
import { startTunnel, tunnelKeys } from '../support/tunnel.js'

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const LIMIT_MS = 60_000

async function out(program: string, args: string[], input?: string): Promise<string> {
  const result = await run(program, args, input === undefined ? {} : { input })
  assert.is(result.code, 0, `${program} ${args.join(' ')}: ${result.err}`)
  return String(result.out)
}

const redis = (await installed('redis-server')) ? guarded : skippedWithout('redis-server')

redis(
  test,
  'Redis: redis-cli, redis-benchmark, and the server killed and back',
  async () => {
    const service = await startRedis(folder)
    const { port } = await startTunnel(keys, service.port, { expose: ['--retry', '60s'] })
    const at = ['-p', String(port)]
    assert.is(await out('redis-cli', [...at, 'set', 'key', 'value']), 'OK\n')
    assert.is(await out('redis-cli', [...at, 'get', 'key']), 'value\n')
    const value = someBytes(2_000_000).toString('base64')
    assert.is(await out('redis-cli', [...at, '-x', 'set', 'large'], value), 'OK\n')
    assert.is((await out('redis-cli', [...at, 'get', 'large'])).trim(), value)

    const bench = ['-q', '--csv', '-c', '20', '-t', 'set,get']
    const rows = await out('redis-benchmark', [...at, ...bench, '-n', '4000', '-P', '4'])
    assert.match(rows, /^"SET","\d+\.\d+"/m)
    assert.match(rows, /^"GET","\d+\.\d+"/m)

    // With a client in the middle of something.
    const waiting = run('redis-cli', [...at, 'blpop', 'nothing', '0'])
    while (!(await out('redis-cli', [...at, 'client', 'list'])).includes('cmd=blpop')) {}
    await service.process.stop('SIGKILL')
    const cut = await waiting
    assert.match(cut.err + cut.out, /Server closed the connection|Connection reset/)
    const again = run('redis-cli', [...at, 'ping'])
    await startRedis(folder, service.port)
    assert.is(String((await again).out), 'PONG\n', 'a client that came meanwhile was kept waiting')
    assert.is(await out('redis-cli', [...at, 'ping']), 'PONG\n')
  },
  LIMIT_MS,
)

const nginx = (await installed('nginx')) ? guarded : skippedWithout('nginx')

nginx(
  test,
  'nginx: curl, a large download, and who the client is by the PROXY protocol',
  async () => {
    const large = someBytes(64_000_000)
    const service = await startNginx(folder, large)
    const { port } = await startTunnel(keys, service.port)
    const page = (name: string) => `http://127.0.0.1:${port}/${name}`
    const get = (...args: string[]) => run('curl', ['-s', '--fail', ...args])
    assert.is(String((await get(page('small'))).out), 'small\n')
    const downloads = await Promise.all([get(page('large')), get(page('large'))])
    for (const { code, out: body } of downloads) {
      assert.is(code, 0)
      assert.is(hashOf(body), hashOf(large))
    }
    const head = await get('-r', '1000000-1000999', page('large'))
    assert.ok(head.out.equals(large.subarray(1_000_000, 1_001_000)))

    const proxied = await startTunnel(keys, service.proxyPort, { expose: ['--proxy-protocol', 'v2'] })
    const { out: who } = await get(`http://127.0.0.1:${proxied.port}/`)
    assert.match(String(who), /^127\.0\.0\.1 \d+\n$/)
  },
  LIMIT_MS,
)

const programs = postgresPrograms()
const postgres = programs ? guarded : skippedWithout('PostgreSQL')

postgres(
  test,
  'PostgreSQL: psql, pgbench, and a socket in place of a port',
  async () => {
    const service = await startPostgres(programs ?? '', folder)
    const socket = `unix:${join(folder, 'postgres', `.s.PGSQL.${service.port}`)}`
    for (const target of [service.port, socket]) {
      const { port, forward } = await startTunnel(keys, target)
      const at = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres']
      assert.is(await out('psql', [...at, '-Atc', 'select 6 * 7']), '42\n')
      const rows = await out('psql', [...at, '-Atc', 'select sum(n), count(*) from generate_series(1, 200000) n'])
      assert.is(rows, '20000100000|200000\n')
      await out('psql', [...at, '-c', 'create table if not exists t (n int)'])
      const many = Array.from({ length: 50_000 }, (_, n) => n).join('\n')
      await out('psql', [...at, '-c', 'copy t from stdin'], many)
      assert.is((await out('psql', [...at, '-c', 'copy t to stdout'])).trim().split('\n').length % 50_000, 0)
      await forward.stop()
    }
    const { port } = await startTunnel(keys, service.port)
    const at = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres']
    const bench = join(programs ?? '', 'pgbench')
    await out(bench, [...at, '-i', '-q', '-s', '1', 'postgres'])
    const report = await out(bench, [...at, '-c', '4', '-t', '50', 'postgres'])
    assert.match(report, /number of transactions actually processed: 200\/200/)
    assert.match(report, /number of failed transactions: 0 /)
  },
  LIMIT_MS,
)

test.run()
