// nopki wire, and nopki demo --page: the page as a file, and served on the loopback.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Recording } from '../../src/inspect/recording.js'
import { readPieces, readTraffic } from '../../src/page/run/traffic.js'
import { filesIn, nopki, run, startNopki, workFolder } from '../support/command.js'
import { freshCore, wasm } from '../support/engines.js'

const test = suite('wire')
const folder = workFolder(test)
const { path, write } = filesIn(folder)
const HTML = '# </script><script>document.title = "owned"</script><!--\n'
const KEYS = `${HTML}NOPKI2_CLIENT_TO_SERVER ${'ab'.repeat(32)} ${'cd'.repeat(32)}\n`
const HELLO = `6e706b32${'01'.repeat(1288)}`

function element(page: string, id: string): string {
  return new RegExp(`id="${id}">([^<]*)</script>`).exec(page)?.[1] ?? 'none'
}

function recordingOf(page: string): Recording {
  return JSON.parse(element(page, 'recording'))
}

test('nopki wire: one file, with channel.wasm in it, that names no other', async () => {
  const { code, out, err } = await nopki(['wire'], { cwd: folder })
  assert.equal([code, String(out), err], [0, 'nopki-wire.html\n', ''])
  const page = readFileSync(path('nopki-wire.html'), 'utf8')
  assert.ok(Buffer.from(element(page, 'wasm'), 'base64').equals(wasm))
  assert.is(element(page, 'recording'), '')
  assert.match(page, /http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-/)
  assert.not.match(page, /<(?:link|img|iframe)[^>]+(?:href|src)="(?!data:)/)
  const written = await nopki(['wire', '-o', path('other.html')])
  assert.is(written.code, 0)
  assert.is(readFileSync(path('other.html'), 'utf8'), page)
  assert.is(String((await nopki(['wire', '-o', '-'])).out), page)
})

test('nopki wire CAPTURE --keylog FILE: both are in the page, for its owner alone', async () => {
  const file = path('with-keys.html')
  writeFileSync(file, '', { mode: 0o644 })
  const { code, err } = await nopki([
    'wire',
    write('hello <script>', HELLO),
    '--keylog',
    write('keys', KEYS),
    '-o',
    file,
  ])
  assert.is(code, 0, err)
  assert.match(err, /^it holds the keys/)
  if (process.platform !== 'win32') assert.is(statSync(file).mode & 0o777, 0o600)
  const recording = recordingOf(readFileSync(file, 'utf8'))
  assert.is(recording.keyLog, KEYS)
  const bytes = Buffer.from(recording.capture ?? '', 'base64')
  assert.is(readTraffic(freshCore(), bytes, recording.keyLog).dialogues[0]?.messages[0]?.kind, 'hello2')
})

if (process.platform === 'linux') {
  test('a page with keys goes to a pipe or a device too, which stays open to whom it was', async () => {
    const pipe = path('pipe')
    assert.is((await run('mkfifo', ['-m', '644', pipe])).code, 0)
    const reading = run('cat', [pipe])
    const { code, err } = await nopki(['wire', write('hello', HELLO), '--keylog', write('keys', KEYS), '-o', pipe])
    assert.is(code, 0, err)
    assert.is(recordingOf(String((await reading).out)).keyLog, KEYS)
    assert.is(statSync(pipe).mode & 0o777, 0o644)
  })
}

test('what cannot be done: an error line, a hint line, and no file', async () => {
  const cases: [string[], number, RegExp][] = [
    [['wire', path('missing')], 1, /^error: .*missing cannot be read: .*\nhint: .+\n$/],
    [['wire', folder], 1, /^error: .* is a directory\nhint: .+\n$/],
    [['wire', '--keylog', write('keys', KEYS)], 2, /^error: --keylog is given, and no CAPTURE\nhint: .+\n$/],
    [
      ['wire', write('hello', HELLO), '--keylog', write('nonsense', 'x')],
      1,
      /line 1 is no line of a key log\nhint: .+\n$/,
    ],
    [['wire', write('empty', '')], 1, /^error: .*empty is no capture, and does not begin like .*\nhint: .+\n$/],
    [['wire', write('text', 'GET / HTTP/1.1')], 1, /^error: .*text is no capture.*\nhint: .+\n$/],
    ...(existsSync('/dev/full')
      ? [
          [['wire', '-o', '/dev/full'], 1, /^error: .* cannot be written: ENOSPC.*\nhint: .+\n$/] as [
            string[],
            number,
            RegExp,
          ],
        ]
      : []),
    [['wire', '-o', path('no/such/folder')], 1, /^error: .* cannot be written: .*\nhint: .+\n$/],
  ]
  for (const [args, expected, pattern] of cases) {
    const { code, out, err } = await nopki(args.includes('-o') ? args : [...args, '-o', path('none.html')])
    assert.equal([code, String(out)], [expected, ''], args.join(' '))
    assert.match(err, pattern)
  }
  assert.is(existsSync(path('none.html')), false)
})

test('nopki wire --open: serves the page at an address that cannot be guessed, to its own name alone', async () => {
  const server = startNopki(['wire', '--open'], { env: { DISPLAY: '', WAYLAND_DISPLAY: '' } })
  const [url = ''] = await server.shows(/http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\//)
  const page = await get(url)
  assert.is(page.status, 200)
  assert.match(page.type, /^text\/html/)
  assert.ok(Buffer.from(element(page.body, 'wasm'), 'base64').equals(wasm))
  assert.is((await get(new URL('/', url).href)).status, 404)
  assert.is((await get(url, 'evil.example')).status, 404)
  const { code } = await server.stop('SIGINT')
  assert.ok(code === null || code === 130 || code === 0, String(code))
})

for (const protocol of ['2', '1']) {
  test(`nopki demo --page --protocol ${protocol}: the conversation that it had, opened`, async () => {
    const { code, out, err } = await nopki(
      ['demo', '--page', '--protocol', protocol, write('said', 'what the demo said\n')],
      { cwd: folder },
    )
    assert.is(code, 0, err)
    assert.match(String(out), /nopki-demo\.html: open it in a browser/)
    const recording = recordingOf(readFileSync(path('nopki-demo.html'), 'utf8'))
    const pieces = (recording.pieces ?? []).map(it => ({ from: it.from, bytes: Buffer.from(it.bytes, 'base64') }))
    const { messages } = readPieces(freshCore(), pieces, recording.keyLog).dialogues[0]!
    assert.equal(
      messages.slice(0, 3).map(it => it.kind),
      [`hello${protocol}`, `challenge${protocol}`, 'response'],
    )
    for (const from of ['client', 'server']) {
      const said = messages.filter(it => it.from === from && it.plaintext).map(it => Buffer.from(it.plaintext!))
      assert.ok(Buffer.concat(said).includes('what the demo said\n'), from)
    }
  })
}

function get(url: string, host?: string): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: host ? { host } : {} }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          body: String(Buffer.concat(chunks)),
        }),
      )
    })
    asked.on('error', reject)
    asked.end()
  })
}

test.run()
