// nopki inspect, as a person uses it: raw bytes, hex digits, key logs; what it says, and what it says of what is wrong.

import { writeFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fromHexText, messagesOf, parseKeyLog } from '../../src/inspect/index.js'
import { plaintextOf } from '../peer/record.js'
import { bytes, type Vector, vectors } from '../peer/vectors.js'
import { filesIn, nopki, workFolder } from '../support/command.js'

const test = suite('inspect command')
const folder = filesIn(workFolder(test))

/** All bytes of one direction. */
function directionOf(vector: Vector, from: 'client' | 'server'): Buffer {
  const parts =
    from === 'client'
      ? [vector.hello, vector.response, vector.clientHeader ?? '', ...vector.clientRecords.map(it => it.wire)]
      : [vector.challenge, vector.serverHeader ?? '', ...vector.serverRecords.map(it => it.wire)]
  return Buffer.from(parts.join(''), 'hex')
}

function keylogOf({ version, hello, keys }: Vector): string {
  const session = hello.slice(8, 72)
  return `# of a test\nNOPKI${version}_CLIENT_TO_SERVER ${session} ${keys.clientToServer}\nNOPKI${version}_SERVER_TO_CLIENT ${session} ${keys.serverToClient}\n`
}

interface Line {
  from: string
  message: string
  offset: number
  length: number
  plaintext?: { name: string; hex?: string; meaning?: string; parts?: { meaning?: string; hex: string }[] }[]
}

for (const vector of vectors) {
  test(`${vector.name}: both directions from files of raw bytes, opened`, async () => {
    const keylog = folder.write('keys', keylogOf(vector))
    for (const from of ['client', 'server'] as const) {
      const all = directionOf(vector, from)
      const file = folder.path('direction')
      writeFileSync(file, all)
      const as = from === 'server' && vector.version === 1 ? ['--as', 'challenge1'] : []
      const { out, err, code } = await nopki(['inspect', file, '--keylog', keylog, '--json', ...as])
      assert.is(code, 0, err)
      const lines: Line[] = String(out)
        .trim()
        .split('\n')
        .map(it => JSON.parse(it))
      assert.is(
        lines.reduce((sum, it) => sum + it.length, 0),
        all.length,
      )
      for (const it of lines) assert.is(it.from, from)
      const records = lines.filter(it => it.message.startsWith('record'))
      const expected = from === 'client' ? vector.clientRecords : vector.serverRecords
      assert.is(records.length, expected.length)
      records.forEach((record, at) => {
        const { kind, data = '', code: alertCode = 0 } = expected[at]!
        const field = record.plaintext!.find(it => it.name === 'data')
        if (kind === 'data') assert.is(field?.hex ?? '', data)
        if (kind === 'alert') assert.match(field!.parts![0]!.meaning!, new RegExp(`^= ${alertCode}\\b`))
      })
    }
  })
}

const v2 = vectors.find(it => it.name === 'v2 pinned')!

test('hex digits on standard input, as text', async () => {
  const digits = v2.hello.slice(0, 144).replace(/../g, '$& ')
  const { out, err, code } = await nopki(['inspect'], { input: digits })
  assert.is(code, 0, err)
  assert.match(
    String(out),
    /^hello, version 2: 72 bytes, cut short: 1220 bytes missing\n\nversion +4 bytes at 0 {2}"npk2" = version 2\n/,
  )
  for (const text of [v2.hello, v2.hello.toUpperCase(), v2.hello.replace(/../g, '$&:').slice(0, -1), `${v2.hello}\n`]) {
    assert.match(String((await nopki(['inspect', '-'], { input: text })).out), /^hello, version 2: 1292 bytes\n/)
  }
})

test('--as says what the bytes are', async () => {
  const alert = Buffer.from(plaintextOf(1, Buffer.from('\x03\x00no'))).toString('hex')
  const says = async (as: string, input: string, expected: RegExp) => {
    const { out, code } = await nopki(['inspect', '--as', as], { input })
    assert.is(code, 0)
    assert.match(String(out), expected)
  }
  await says('plaintext', alert, /= alert[\s\S]*= 3, not authorized[\s\S]*no$/m)
  await says(
    'record2',
    v2.clientRecords.map(it => it.wire).join(''),
    /^record, version 2: \d+ bytes\n[\s\S]*^record, version 2/m,
  )
  await says('response', v2.response, /^response: 144 bytes\n/)
  await says('challenge2', v2.challenge, /^challenge, version 2: 1268 bytes\n/)
  await says('record2', 'ffff', /65535, itself included/)
  await says('record2', '0100', /below the shortest record of 21: forbidden/)
})

test('a key log with a byte-order mark, and one with bad lines in it, opens the records: how many are bad is said', async () => {
  const [good, whole] = [keylogOf(v2), folder.write('whole', keylogOf(v2))]
  const opened = async (keylog: string) => nopki(['inspect', '--keylog', keylog], { input: v2.hello + v2.response })
  const expected = await opened(whole)
  assert.is(expected.err, '')
  for (const [text, said] of [
    [`\uFEFF${good}`, ''],
    [`\uFEFF# \u65E5\n${good}`, ''],
    [`GET /\n${good}`, 'warning: LOG: line 1 is no line of a key log, and passed over\n'],
    [
      `# cut\n${good}\n${good.slice(0, 80)}\nNOPKI3_X\n`,
      'warning: LOG: 2 lines, the first of them line 7, are no line of a key log, and passed over\n',
    ],
  ] as const) {
    const keylog = folder.write('keylog', text)
    const { out, err, code } = await opened(keylog)
    assert.equal([err.replace(keylog, 'LOG'), code, String(out)], [said, 0, String(expected.out)])
  }
})

// More of it is in test/transcripts/inspect.txt.
test('what is wrong is said, with what to do, and the exit code', async () => {
  const fails = async (args: string[], input: string, code: number, stderr: RegExp) => {
    const result = await nopki(['inspect', ...args], { input })
    assert.is(result.code, code, result.err)
    assert.is(String(result.out), '')
    assert.match(result.err, stderr)
  }
  await fails(['/'], '', 1, /^error: \/ is a directory\nhint: give a file\n$/)
  const keylog = folder.write('no-log', '# fine\nGET /\n')
  await fails(['--keylog', keylog], v2.hello, 1, /no-log: line 2 is no line of a key log\nhint: /)
  const empty = Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex')
  writeFileSync(folder.path('empty.pcap'), empty)
  await fails(
    [folder.path('empty.pcap')],
    '',
    1,
    /^error: no connection of this protocol is in the capture: 0 packets, 0 TCP connections\nhint: /,
  )
})

test('a key that is not the right one opens nothing, and says so', async () => {
  const wrong = keylogOf({
    ...v2,
    keys: { clientToServer: v2.keys.serverToClient, serverToClient: v2.keys.clientToServer },
  })
  const { out, code } = await nopki(['inspect', '--keylog', folder.write('wrong', wrong)], {
    input: directionOf(v2, 'client').toString('hex'),
  })
  assert.is(code, 0)
  assert.match(String(out), /^it does not open under the logged key: the records behind it are left sealed$/m)
  assert.not.match(String(out), /plaintext of a record/)
  const other = keylogOf(vectors.find(it => it.name === 'v2 context')!)
  const sealed = await nopki(['inspect', '--keylog', folder.write('other', other)], {
    input: directionOf(v2, 'client').toString('hex'),
  })
  assert.not.match(String(sealed.out), /plaintext of a record|does not open/)
})

// A client chooses the key that names its connection in the log, and may choose one that another connection has.
test('of several keys with one name in the log, the one that opens is used', async () => {
  const other = vectors.find(it => it.name === 'v2 context')!
  for (const vector of [v2, vectors.find(it => it.name === 'v1 pinned')!]) {
    const [good, bad] = [keylogOf(vector), keylogOf({ ...vector, keys: other.keys })]
    const otherVersion = keylogOf({ ...vector, version: vector.version === 1 ? 2 : 1 })
    for (const [name, log] of Object.entries({ first: good + bad, last: otherVersion + bad + good })) {
      const args = ['inspect', '--keylog', folder.write(name, log), '--json']
      const { out } = await nopki(args, { input: directionOf(vector, 'client').toString('hex') })
      const lines: Line[] = String(out)
        .trim()
        .split('\n')
        .map(it => JSON.parse(it))
      assert.is(lines.filter(it => it.plaintext).length, vector.clientRecords.length, `${vector.name}, ${name}`)
    }
  }
})

test('of a direction without its hello, all keys of the log are tried', async () => {
  const records = v2.serverRecords.map(it => it.wire).join('')
  const log = folder.write('several', vectors.map(keylogOf).join(''))
  const { out } = await nopki(['inspect', '--keylog', log, '--as', 'challenge2'], { input: v2.challenge + records })
  assert.is(String(out).match(/^plaintext of a record/gm)?.length, v2.serverRecords.length)
})

test('the messages of a direction that is cut anywhere', () => {
  for (const vector of [v2, vectors.find(it => it.name === 'v1 pinned')!]) {
    const all = directionOf(vector, 'client')
    const whole = messagesOf({ from: 'client', bytes: all })!
    for (let length = 4; length < all.length; length += 3) {
      const cut = messagesOf({ from: 'client', bytes: all.subarray(0, length) })!
      assert.equal(cut.slice(0, -1), whole.slice(0, cut.length - 1))
      assert.is(
        cut.reduce((sum, it) => sum + it.bytes.length, 0),
        length,
      )
    }
    assert.is(messagesOf({ from: 'client', bytes: all.subarray(0, 3) }), undefined)
    assert.is(messagesOf({ from: 'client', bytes: new TextEncoder().encode('HTTP/1.1 200 OK') }), undefined)
  }
})

test('key logs and hex digits', () => {
  const log = parseKeyLog(keylogOf(v2))
  assert.equal(log.get(v2.hello.slice(8, 72)), [
    { version: 2, from: 'client', key: bytes(v2.keys.clientToServer) },
    { version: 2, from: 'server', key: bytes(v2.keys.serverToClient) },
  ])
  assert.is(parseKeyLog('\n# nothing\n').size, 0)
  for (const line of ['NOPKI3_CLIENT_TO_SERVER', keylogOf(v2).slice(14, 60), 'x'])
    assert.throws(() => parseKeyLog(line), /line 1 is no line/)
  assert.is(parseKeyLog(`\uFEFF${keylogOf(v2)}`).size, 1)
  assert.equal(fromHexText(' 00:ff\n0A '), bytes('00ff0a'))
  for (const text of ['', 'f', 'fff', 'npk2', '0x00']) assert.is(fromHexText(text), undefined)
})

test.run()
