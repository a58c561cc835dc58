// The dissector for Wireshark, in tshark, on real traffic: every field of every message has the bytes that nopki/inspect finds there.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  connectionsOf,
  fields,
  type InspectedField,
  type Message,
  messagesOf,
  readCapture,
} from '../../src/inspect/index.js'
import { Capturing, cannotCapture, type Tool } from '../support/capturing.js'
import { filesIn, skippedFor, workFolder } from '../support/command.js'
import { cleanUpAfter, dial, guarded, hashOf, next, readAll, serve, someBytes, VERSIONS } from '../support/sockets.js'

const test = suite('wireshark')
cleanUpAfter(test)
const folder = filesIn(workFolder(test))
const script = fileURLToPath(new URL('../../../tools/wireshark/nopki.lua', import.meta.url))
const { withLuaTables }: { withLuaTables(script: string): string } = await import(
  new URL('../../../tools/wireshark/tables.js', import.meta.url).href
)
const data = someBytes(400_000)
const reason = spawnSync('tshark', ['--version']).error ? 'tshark is not installed' : undefined

function check(tool: Tool, name: string, body: () => Promise<void>): void {
  const why = reason ?? cannotCapture(tool)
  if (why === undefined) guarded(test, name, body, 60_000)
  else skippedFor(why)(test, name)
}

/** What tshark shows of a capture: for each field, its values in their order. */
function shown(file: string, filter: string, names: string[]): Map<string, string[]> {
  const wanted = names.flatMap(name => ['-e', name])
  const { stdout, stderr, status } = spawnSync(
    'tshark',
    [
      '-X',
      `lua_script:${script}`,
      '-r',
      file,
      '-Y',
      filter,
      '-T',
      'fields',
      '-E',
      'occurrence=a',
      '-E',
      'aggregator=;',
      ...wanted,
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  )
  assert.is(status, 0, stderr)
  assert.not.match(stderr, /lua|error/i)
  const values = new Map(names.map(name => [name, [] as string[]]))
  for (const line of stdout.split('\n').filter(it => it !== '')) {
    line.split('\t').forEach((cell, at) => {
      if (cell !== '') values.get(names[at] ?? '')?.push(...cell.split(';').map(it => it.replaceAll(':', '')))
    })
  }
  return values
}

const abbrOf = (prefix: string, name: string) =>
  `${prefix}.${name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/_$/, '')}`

/** What tshark is to show of these messages. */
function expected(messages: readonly Message[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const add = (name: string, value: string) => found.set(name, [...(found.get(name) ?? []), value])
  const addField = (prefix: string, { name, kind, bytes, parts }: InspectedField) => {
    const abbr = abbrOf(prefix, name)
    const hex = Buffer.from(bytes)
    if (kind === 'length') add(abbr, String(hex.readUInt16LE()))
    else if (kind === 'version') add(abbr, `0x${hex.readUInt32LE().toString(16)}`)
    else add(abbr, hex.toString('hex'))
    for (const part of parts ?? []) addField(abbr, part)
  }
  let records = 0
  for (const { kind, bytes } of messages) {
    for (const field of fields(kind, bytes)) addField(`nopki.${kind}`, field)
    if (kind.startsWith('record')) add('nopki.counter', String(records++))
  }
  return found
}

test('the tables are those of src/inspect/layouts.ts', () => {
  const text = readFileSync(script, 'utf8')
  assert.fixture(text, withLuaTables(text), 'run npm run build:ts && node tools/wireshark/tables.js')
})

const TOOL = { 1: 'dumpcap', 2: 'tcpdump' } as const

for (const version of VERSIONS) {
  check(
    TOOL[version],
    `v${version}: every field of both handshakes, each record’s length and counter, at any port`,
    async () => {
      const { server, port } = await serve({ versions: [version] })
      server.on('secureConnection', socket => socket.pipe(socket))
      const capturing = await Capturing.start(TOOL[version], [port])
      for (let connection = 0; connection < 2; connection++) {
        const client = await dial(port, { version, allowHalfOpen: true })
        const back = readAll(client)
        client.end(data)
        assert.is(hashOf(await back), hashOf(data))
        if (!client.closed) await next(client, 'close')
      }
      const bytes = await capturing.stop()
      const file = folder.path(`wireshark${version}`)
      writeFileSync(file, bytes)
      const connections = connectionsOf(readCapture(bytes).packets)
      assert.is(connections.length, 2)
      const malformed = shown(file, '_ws.malformed', ['frame.number', 'tcp.stream', 'tcp.len', '_ws.expert.message'])
      assert.equal(malformed.get('frame.number'), [], JSON.stringify([...malformed]))
      for (const [index, { toServer, toClient }] of connections.entries()) {
        const first = version === 1 ? ('challenge1' as const) : undefined
        const directions = {
          client: messagesOf({ from: 'client', bytes: toServer.bytes })!,
          server: messagesOf({ from: 'server', bytes: toClient.bytes, first })!,
        }
        for (const [from, messages] of Object.entries(directions)) {
          const wanted = expected(messages)
          assert.ok(wanted.size >= 8 && messages.length > 4, `${from}: ${[...wanted.keys()]}`)
          const found = shown(file, `tcp.stream == ${index} && nopki.from == "${from}"`, [...wanted.keys()])
          for (const [name, values] of wanted) {
            const seen = found.get(name)
            assert.is(seen?.length, values.length, `${from}: ${name}`)
            assert.ok(
              values.every((value, at) => value === seen![at]),
              `${from}: ${name}`,
            )
          }
        }
      }
    },
  )
}

test.run()
