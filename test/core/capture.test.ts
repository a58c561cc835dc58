// nopki inspect on real traffic of the loopback, captured by other programs.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectionsOf, isCapture, type Packet, readCapture } from '../../src/inspect/index.js'
import { Capturing, cannotCapture, type Tool } from '../support/capturing.js'
import { filesIn, nopki, skippedFor, workFolder } from '../support/command.js'
import { dialThrough, echoServers, line, startRouting } from '../support/routing.js'
import {
  cleanUpAfter,
  dial,
  guarded,
  hashOf,
  readAll,
  rejects,
  serve,
  serverKeys,
  someBytes,
  VERSIONS,
} from '../support/sockets.js'

const test = suite('capture')
cleanUpAfter(test)
const folder = filesIn(workFolder(test))
const data = someBytes(200_000)

function check(tool: Tool, name: string, body: () => Promise<void>): void {
  const reason = cannotCapture(tool)
  if (reason === undefined) guarded(test, `${name} (${tool})`, body, 40_000)
  else skippedFor(reason)(test, `${name} (${tool})`)
}

interface Line {
  connection: number
  client: string
  server: string
  packet: number
  from: 'client' | 'server'
  message: string
  offset: number
  length: number
  fields: FieldLine[]
  plaintext?: FieldLine[]
  trouble?: string
}
interface FieldLine {
  name: string
  kind: string
  offset: number
  length: number
  hex?: string
  meaning?: string
  parts?: FieldLine[]
}

async function inspect(...args: string[]): Promise<{ lines: Line[]; stderr: string }> {
  const { out, err, code } = await nopki(['inspect', ...args, '--json'])
  assert.is(code, 0, err)
  return {
    lines: String(out)
      .trim()
      .split('\n')
      .map(it => JSON.parse(it)),
    stderr: err,
  }
}

/** The application's bytes in one direction, out of opened records. */
function said(lines: Line[], from: string, connection = 1): Buffer {
  const parts = lines.filter(it => it.connection === connection && it.from === from && it.plaintext)
  return Buffer.concat(
    parts.map(({ plaintext }) => {
      const type = plaintext!.find(it => it.name === 'type')
      const found = plaintext!.find(it => it.name === 'data')
      return Buffer.from(type?.meaning?.startsWith('= data') ? (found?.hex ?? '') : '', 'hex')
    }),
  )
}

const TOOL = { 1: 'dumpcap', 2: 'tcpdump' } as const

for (const version of VERSIONS) {
  check(TOOL[version], `v${version}: a conversation, opened with the key log of one end`, async () => {
    const { server, port } = await serve()
    server.on('secureConnection', socket => socket.pipe(socket))
    const capturing = await Capturing.start(TOOL[version], [port])
    const keys: string[] = []
    const client = await dial(port, { version, allowHalfOpen: true, onKeys: line => keys.push(line) })
    const back = readAll(client)
    client.end(data)
    assert.is(hashOf(await back), hashOf(data))
    const file = folder.path(`conversation${version}`)
    const bytes = await capturing.stop()
    writeFileSync(file, bytes)
    assert.is(isCapture(bytes), true)

    const sealed = await inspect(file)
    assert.equal(
      sealed.lines.slice(0, 3).map(it => it.message),
      [`hello${version}`, `challenge${version}`, 'response'],
    )
    assert.ok(sealed.lines.slice(3).every(it => [`record${version}`, 'header'].includes(it.message)))
    assert.ok(sealed.lines.every(it => it.server === `127.0.0.1:${port}` && !it.plaintext))
    const packets = sealed.lines.map(it => it.packet)
    assert.equal(
      packets,
      [...packets].sort((a, b) => a - b),
    )

    const keylog = folder.write(`keys${version}`, keys.join('\n'))
    const { lines, stderr } = await inspect(file, '--keylog', keylog)
    assert.is(stderr, '')
    assert.is(hashOf(said(lines, 'client')), hashOf(data))
    assert.is(hashOf(said(lines, 'server')), hashOf(data))
    for (const from of ['client', 'server']) {
      const last = lines.findLast(it => it.from === from)!.plaintext!
      assert.match(last.map(it => it.meaning).join(), version === 2 ? /final/ : /no type, no data/)
    }
    checkStreams(bytes, file)
    const text = await nopki(['inspect', file, '--keylog', keylog])
    assert.is(text.code, 0)
    assert.match(
      String(text.out),
      /^── connection 1, packet \d+: 127\.0\.0\.1:\d+ → 127\.0\.0\.1:\d+, from the client$/m,
    )
    assert.match(String(text.out), /^plaintext of a record: \d+ bytes$/m)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is not to be there
    assert.not.match(String(text.out), /[\x00-\x09\x0b-\x1f\x7f]/)
  })
}

/** The streams are those that tshark puts together, also where packets are missing their order, or come twice. */
function checkStreams(bytes: Buffer, file: string): void {
  const { packets } = readCapture(bytes)
  const [connection] = connectionsOf(packets)
  const followed = spawnSync('tshark', ['-r', file, '-q', '-z', 'follow,tcp,raw,0'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (followed.status === 0) {
    const hex = (from: RegExp) => [...followed.stdout.matchAll(from)].map(([, digits]) => digits).join('')
    assert.is(hex(/^([0-9a-f]+)$/gm), Buffer.from(connection!.toServer.bytes).toString('hex'))
    assert.is(hex(/^\t([0-9a-f]+)$/gm), Buffer.from(connection!.toClient.bytes).toString('hex'))
  }
  const [syn, ...rest] = packets
  const disturbed: Packet[] = [syn!]
  for (let at = 0; at < rest.length; at += 7)
    disturbed.push(...rest.slice(at, at + 7).reverse(), ...rest.slice(at, at + 3))
  const [again] = connectionsOf(disturbed)
  assert.equal(again!.toServer.bytes, connection!.toServer.bytes)
  assert.equal(again!.toClient.bytes, connection!.toClient.bytes)
}

check('tcpdump', 'a refusal, a reject, and something else on the same ports', async () => {
  const { port } = await serve({ authorize: () => false })
  const routing = await startRouting([])
  const capturing = await Capturing.start('tcpdump', [port, routing.port])
  const keys: string[] = []
  const refused = await dial(port, { onKeys: line => keys.push(line) })
  await rejects(readAll(refused), 'PEER_NOT_AUTHORIZED')
  await rejects(dialThrough(routing.port), 'PEER_REJECTED')
  const { dialPlain } = await import('../support/routing.js')
  const http = dialPlain(port, 'GET / HTTP/1.1\r\n\r\n')
  await http.closed
  const file = folder.path('refusal')
  writeFileSync(file, await capturing.stop())
  const { lines, stderr } = await inspect(file, '--keylog', folder.write('keys', keys.join('\n')))
  const alert = lines.find(it => it.plaintext?.some(field => field.meaning === '= alert'))!
  assert.is(alert.from, 'server')
  const data = alert.plaintext!.find(it => it.name === 'data')!
  assert.is(data.parts![0]!.meaning, '= 3, not authorized')
  const text = Buffer.from(data.parts![1]!.hex!, 'hex').toString()
  assert.match(text, /^pk_.* is not authorized$/)
  assert.ok(lines.some(it => it.connection === 2 && it.message === 'reject'))
  assert.is(stderr, '1 other TCP connection is not of this protocol\n')
})

check('dumpcap', 'both sides of a router, with one key log', async () => {
  const [server] = await echoServers(1)
  const routing = await startRouting([line(serverKeys.publicKey, server!.port)])
  const capturing = await Capturing.start('dumpcap', [server!.port, routing.port])
  const keys: string[] = []
  const client = await dialThrough(routing.port, { allowHalfOpen: true, onKeys: line => keys.push(line) })
  const back = readAll(client)
  client.end('through a router')
  await back
  const file = folder.path('router')
  writeFileSync(file, await capturing.stop())
  const { lines } = await inspect(file, '--keylog', folder.write('router.keys', keys.join('\n')))
  for (const connection of [1, 2])
    for (const from of ['client', 'server']) assert.is(String(said(lines, from, connection)), 'through a router')
})

check('tcpdump', 'packets that were not captured whole', async () => {
  const { server, port } = await serve()
  server.on('secureConnection', socket => socket.pipe(socket))
  const capturing = await Capturing.start('tcpdump', [port], 400)
  const client = await dial(port, { allowHalfOpen: true })
  const back = readAll(client)
  client.end('hello')
  await back
  const file = folder.path('short')
  writeFileSync(file, await capturing.stop())
  const { lines, stderr } = await inspect(file)
  assert.equal(
    lines.map(it => it.message),
    ['hello2', 'challenge2'],
  )
  assert.match(stderr, /^warning: connection 1: bytes from the client were not captured/m)
})

test.run()
