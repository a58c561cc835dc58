// nopki inspect --write: what was inside the connections of a capture, as a capture that tshark understands.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectionsOf, plainCapture, readCapture } from '../../src/inspect/index.js'
import { Capturing, cannotCapture, type Tool } from '../support/capturing.js'
import { filesIn, installed, nopki, run, skippedFor, workFolder } from '../support/command.js'
import { postgresPrograms, startPostgres, startRedis } from '../support/services.js'
import {
  cleanUpAfter,
  dial,
  guarded,
  hashOf,
  listen,
  next,
  readAll,
  serve,
  someBytes,
  track,
  VERSIONS,
} from '../support/sockets.js'
import { dialPlain, startTunnel, tunnelKeys } from '../support/tunnel.js'

const test = suite('plain capture')
cleanUpAfter(test)
const place = workFolder(test)
const folder = filesIn(place)
const noTshark = spawnSync('tshark', ['--version']).error ? 'tshark is not installed' : undefined
const noRedis = (await installed('redis-server')) ? undefined : 'redis-server is not installed'
const noCurl = (await installed('curl')) ? undefined : 'curl is not installed'
const programs = postgresPrograms()
const noPostgres = programs ? undefined : 'PostgreSQL is not installed'

function check(why: string | undefined, name: string, body: () => Promise<void>): void {
  if (why === undefined) guarded(test, name, body, 60_000)
  else skippedFor(why)(test, name)
}

/** Of the packets that the filter lets through, the fields: a line a packet. */
function tshark(file: string, filter: string, ...names: string[]): string[][] {
  const checks = ['ip', 'tcp'].flatMap(it => ['-o', `${it}.check_checksum:TRUE`])
  const { stdout, stderr, status } = spawnSync(
    'tshark',
    ['-r', file, ...checks, '-Y', filter, '-T', 'fields', '-E', 'aggregator=;', ...names.flatMap(it => ['-e', it])],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  assert.is(status, 0, stderr)
  const lines = stdout.split('\n').filter(it => it !== '')
  return lines.map(it => it.split('\t'))
}

/** Nothing in the file is strange to tshark. */
function assertSound(file: string): void {
  const strange = '_ws.malformed || tcp.checksum.status == "Bad" || ip.checksum.status == "Bad" || tcp.analysis.flags'
  assert.equal(tshark(file, strange, 'frame.number', '_ws.col.Info'), [])
}

const captured = cannotCapture('tcpdump')
const hex = (text: string) => Buffer.from(text).toString('hex')

/** What `talk` says to a service through expose and forward: captured, and written with what was inside. */
async function insideTunnel(name: string, target: number, port: string, talk: (port: number) => Promise<void>) {
  const keys = await tunnelKeys(mkdtempSync(folder.path(name)))
  const keylog = folder.path(`${name}-keys`)
  const tunnel = await startTunnel(keys, target, { forward: ['--keylog', keylog] })
  const capturing = await Capturing.start('tcpdump', [Number(/:(\d+)$/.exec(tunnel.address)?.[1])])
  await talk(tunnel.port)
  const file = folder.path(`${name}.pcap`)
  writeFileSync(file, await capturing.stop())
  const plain = folder.path(`${name}-plain.pcapng`)
  writeFileSync(plain, 'what others may read', { mode: 0o644 })
  const { code, err } = await nopki(['inspect', file, '--keylog', keylog, '--write', plain, '--port', port])
  assert.is(code, 0, err)
  assert.match(err, /1 connection in /)
  assert.is(statSync(plain).mode & 0o777, 0o600)
  assertSound(plain)
  return { file, plain }
}

check(
  noTshark ?? noRedis ?? captured,
  'Redis through expose and forward: tshark shows its commands and answers',
  async () => {
    const redis = await startRedis(place)
    const { file, plain } = await insideTunnel('redis', redis.port, '6379', async port => {
      const client = dialPlain(port)
      const say = async (...words: string[]) => {
        client.write(`*${words.length}\r\n${words.map(it => `$${it.length}\r\n${it}\r\n`).join('')}`)
        return String((await next(client, 'data'))[0])
      }
      assert.is(await say('SET', 'secret', 'of the tunnel'), '+OK\r\n')
      assert.is(await say('GET', 'secret'), '$13\r\nof the tunnel\r\n')
      assert.is(await say('INCR', 'count'), ':1\r\n')
      client.end()
      await next(client, 'close')
    })
    assert.equal(tshark(plain, 'tcp.flags.fin == 1', 'tcp.srcport').length, 2, 'both ends, as they were said')
    const commands = tshark(plain, 'resp && tcp.dstport == 6379', 'resp.bulk_string.value').map(([cell]) =>
      cell?.split(';'),
    )
    assert.equal(commands, [
      ['SET', 'secret', 'of the tunnel'].map(hex),
      ['GET', 'secret'].map(hex),
      ['INCR', 'count'].map(hex),
    ])
    assert.equal(tshark(plain, 'resp.string', 'tcp.srcport', 'resp.string'), [['6379', 'OK']])
    assert.equal(tshark(plain, 'resp.integer', 'tcp.srcport', 'resp.integer'), [['6379', '1']])
    // Packets come when what they carry came.
    const [first, last] = [
      tshark(file, 'tcp', 'frame.time_epoch').at(0),
      tshark(file, 'tcp', 'frame.time_epoch').at(-1),
    ]
    for (const [time] of tshark(plain, 'tcp', 'frame.time_epoch')) {
      assert.ok(Number(first?.[0]) <= Number(time) && Number(time) <= Number(last?.[0]), time)
    }
  },
)

check(
  noTshark ?? noPostgres ?? captured,
  'PostgreSQL through expose and forward: tshark shows the query, and the rows that came back',
  async () => {
    const postgres = await startPostgres(programs!, place)
    const query = "select 'of the ' || word as secret from (values ('tunnel'), ('database')) as words(word)"
    const { plain } = await insideTunnel('postgres', postgres.port, '5432', async port => {
      const at = ['-X', '-At', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres']
      const { code, out, err } = await run(join(programs!, 'psql'), [...at, '-c', query, 'postgres'])
      assert.equal([code, String(out)], [0, 'of the tunnel\nof the database\n'], err)
    })
    assert.equal(tshark(plain, 'pgsql.query', 'tcp.dstport', 'pgsql.query'), [['5432', query]])
    assert.equal(tshark(plain, 'pgsql.col.name', 'tcp.srcport', 'pgsql.col.name', 'pgsql.val.data'), [
      ['5432', 'secret', ['of the tunnel', 'of the database'].map(hex).join(';')],
    ])
  },
)

check(noTshark ?? noCurl ?? captured, 'HTTP through expose and forward: tshark shows requests and pages', async () => {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'text/plain' })
    response.end(`the page of ${request.url}`)
  })
  const target = await listen(track(server))
  const { plain } = await insideTunnel('http', target, '80', async port => {
    const url = (path: string) => `http://127.0.0.1:${port}${path}`
    const said = await run('curl', ['-sS', url('/first'), '--next', '-sS', '-d', 'a form', url('/second?a=b')])
    assert.equal([said.code, String(said.out)], [0, 'the page of /firstthe page of /second?a=b'], said.err)
  })
  assert.equal(tshark(plain, 'http.request', 'tcp.dstport', 'http.request.method', 'http.request.uri'), [
    ['80', 'GET', '/first'],
    ['80', 'POST', '/second?a=b'],
  ])
  const withBody = (kind: string, body: string, name: string) =>
    tshark(plain, `http.${kind} && http.file_data contains "${body}"`, `http.${kind}.${name}`)
  assert.equal(withBody('request', 'a form', 'uri'), [['/second?a=b']])
  assert.equal(withBody('response', 'the page of /first', 'code'), [['200']])
  assert.equal(withBody('response', 'the page of /second?a=b', 'code'), [['201']])
})

const TOOL: Record<1 | 2, Tool> = { 1: 'dumpcap', 2: 'tcpdump' }

for (const version of VERSIONS) {
  check(
    cannotCapture(TOOL[version]),
    `v${version}: the streams are what the application said, and sealed ones are left out`,
    async () => {
      const data = someBytes(300_000)
      const { server, port } = await serve({ versions: [version] })
      server.on('secureConnection', socket => socket.pipe(socket))
      const capturing = await Capturing.start(TOOL[version], [port])
      const keys: string[] = []
      for (const log of [true, false]) {
        const client = await dial(port, {
          version,
          allowHalfOpen: true,
          ...(log && { onKeys: line => keys.push(line) }),
        })
        const back = readAll(client)
        client.end(data)
        await back
        if (!client.closed) await next(client, 'close')
      }
      const file = folder.path(`said${version}`)
      writeFileSync(file, await capturing.stop())
      const plain = folder.path(`said${version}.pcapng`)
      const { code, err } = await nopki([
        'inspect',
        file,
        '--keylog',
        folder.write(`said-keys${version}`, keys.join('\n')),
        '--write',
        plain,
      ])
      assert.is(code, 0, err)
      assert.match(err, /1 connection is left out/)
      const { packets, trouble } = readCapture(readFileSync(plain))
      assert.is(trouble, undefined)
      const [only, ...others] = connectionsOf(packets)
      assert.is(others.length, 0)
      assert.is(only!.server, `127.0.0.1:${port}`)
      assert.ok(only!.whole)
      for (const { bytes } of [only!.toServer, only!.toClient]) assert.is(hashOf(bytes), hashOf(data))
      if (noTshark === undefined) {
        assertSound(plain)
        assert.is(tshark(plain, 'tcp.flags.fin == 1', 'tcp.srcport').length, 2)
        // Times of pcap and of pcapng, as they are read.
        const times = readCapture(readFileSync(file)).packets.map(it => String(it.time))
        const seen = tshark(file, 'frame', 'frame.time_epoch').map(([time]) => time?.replace('.', ''))
        assert.equal(times, seen)
      }
    },
  )
}

test('connections of IPv4 and IPv6, in the order of their times', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const connection = (client: string, server: string, time: bigint) => ({
    client,
    server,
    pieces: [
      { from: 'client' as const, data: bytes('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), end: false, time },
      { from: 'server' as const, data: bytes('HTTP/1.1 204 No Content\r\n\r\n'), end: true, time: time + 5n },
    ],
  })
  const second = connection('[2001:db8::1]:4000', '[::1]:80', 1_700_000_000_000_000_002n)
  const first = connection('10.0.0.1:4001', '10.0.0.2:80', 1_700_000_000_000_000_001n)
  const capture = plainCapture([second, first])
  const { packets } = readCapture(capture)
  assert.equal(
    packets.map(it => it.time),
    packets.map(it => it.time).sort(),
  )
  assert.equal(
    connectionsOf(packets).map(({ client, server, toServer, toClient }) => [
      client,
      server,
      String(Buffer.from(toServer.bytes)),
      String(Buffer.from(toClient.bytes)),
    ]),
    [first, second].map(({ client, server, pieces }) => [
      client,
      server,
      ...pieces.map(it => String(Buffer.from(it.data))),
    ]),
  )
  if (noTshark !== undefined) return
  const file = folder.path('made.pcapng')
  writeFileSync(file, capture)
  assertSound(file)
  assert.equal(tshark(file, 'http.request', 'http.request.method', 'http.host'), [
    ['GET', 'a'],
    ['GET', 'a'],
  ])
  assert.equal(tshark(file, 'http.response', 'http.response.code').length, 2)
})

test('what cannot be written is said', async () => {
  const wrong = async (args: string[], code: number, text: RegExp) => {
    const result = await nopki(['inspect', ...args])
    assert.match(result.err, text)
    assert.is(result.code, code)
  }
  const keys = folder.write('no-keys', '')
  const capture = folder.path('empty.pcapng')
  writeFileSync(capture, plainCapture([]))
  const out = folder.path('out.pcapng')
  await wrong([capture, '--write', out], 2, /--write is given without --keylog/)
  await wrong([folder.write('hex', '6e 70 6b 32'), '--keylog', keys, '--write', out], 2, /no capture/)
  await wrong([capture, '--keylog', keys, '--write', out], 1, /no connection of the capture opens/)
  await wrong([capture, '--port', '80'], 2, /--port is given without --write/)
  await wrong([capture, '--keylog', keys, '--write', out, '--port', '0'], 2, /a port is a number/)
})

test.run()
