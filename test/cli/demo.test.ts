// The command as a person runs it: what it prints, and how it ends.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'nopki-demo-'))
test.after(() => rmSync(folder, { recursive: true }))

for (const protocol of ['2', '1']) {
  test(`nopki demo --protocol ${protocol}: who is who, the bytes, a file there and back`, async () => {
    const { code, out, err } = await nopki(['demo', '--protocol', protocol])
    assert.is(err, '')
    assert.is(code, 0)
    const server = out.match(/server +process (\d+), nopki:\/\/(pk_[\w-]{43})@127\.0\.0\.1:\d+/)
    const client = out.match(/client +process (\d+), (pk_[\w-]{43})/)
    assert.not.equal(server?.[1], client?.[1], 'two processes')
    assert.ok(out.includes(`the server by the key it proved: ${server?.[2]}`))
    assert.ok(out.includes(`the client by the key it proved: ${client?.[2]}`))
    const fields =
      protocol === '2'
        ? [
            /ML-KEM-768 public key +1184 bytes at 36/,
            /expected server key: box +72 bytes at 1220/,
            /ML-KEM-768 ciphertext +1088 bytes at 36/,
            /proof: box +72 bytes at 1196/,
            /answer: box +72 bytes at 72/,
          ]
        : [
            /"Oren" = version 1/,
            /expected server key: box +72 bytes at 36/,
            /proof: box +72 bytes at 104/,
            /stream header/,
          ]
    for (const field of fields) assert.match(out, field)
    assert.match(out, /README\.md/)
    assertSame(out)
    assert.match(out, /\d+ MB\/s each way/)
    assert.match(out, /createServer\(\{ keyPair/)
    // By chance, “sk_” may be in a public key.
    assert.not.match(out.replace(/pk_[\w-]{43}/g, ''), /sk_/)
    assert.not.ok(out.includes(String.fromCharCode(27)), 'no colour where there is no terminal')
  })
}

test('nopki demo FILE, and standard input, of any size', async () => {
  const file = join(folder, 'file')
  for (const size of [0, 1, 3_000_001]) {
    const content = Buffer.alloc(size, 'some text ')
    writeFileSync(file, content)
    const sha256 = createHash('sha256').update(content).digest('hex')
    for (const { out, code } of [await nopki(['demo', file]), await nopki(['demo', '-'], content)]) {
      assert.is(code, 0)
      assert.ok(out.includes(`${size} bytes, SHA-256 ${sha256}`), `${size} bytes`)
      assertSame(out)
    }
  }
})

test('a reader that has seen enough is no failure', async () => {
  const child = spawn(process.execPath, [MAIN, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let err = ''
  child.stderr.on('data', chunk => {
    err += chunk
  })
  child.stdout.once('data', () => child.stdout.destroy())
  await new Promise(resolve => child.on('close', resolve))
  assert.is(err, '')
})

test('what cannot be done: an error line, a hint line, an exit code', async () => {
  const cases: [string[], number, RegExp][] = [
    [['demo', join(folder, 'missing')], 1, /^error: there is no file .*missing\nhint: .+\n$/],
    [['demo', folder], 1, /^error: .* is a directory\nhint: .+\n$/],
    [['demo', 'a', 'b'], 2, /^error: there are more arguments than the command takes\nhint: .+\n$/],
    [['demo', '--protocol', '3'], 2, /^error: --protocol is 3\nhint: .+\n$/],
    [['demo', '--wrong'], 2, /^error: Unknown option '--wrong'.*\nhint: .+\n$/s],
    [['dance'], 2, /^error: there is no command “dance”\nhint: .+\n$/],
    [['toString'], 2, /^error: there is no command/],
    [[], 2, /^error: no command was given\nhint: .+\n$/],
  ]
  for (const [args, expected, pattern] of cases) {
    const { code, out, err } = await nopki(args)
    assert.is(code, expected, args.join(' '))
    assert.is(out, '', args.join(' '))
    assert.match(err, pattern)
  }
})

test('--help and --version', async () => {
  for (const args of [['--help'], ['-h'], ['help'], ['demo', '--help']]) {
    const { code, out, err } = await nopki(args)
    assert.is(code, 0)
    assert.is(err, '')
    assert.match(out, /^usage: nopki/)
  }
  assert.match((await nopki(['--version'])).out, /^\d+\.\d+\.\d+\n$/)
})

function assertSame(out: string): void {
  const sent = out.match(/sent +(\d+ bytes, SHA-256 [0-9a-f]{64})/)?.[1]
  const back = out.match(/came back +(\d+ bytes, SHA-256 [0-9a-f]{64})/)?.[1]
  assert.ok(sent)
  assert.is(sent, back)
}

function nopki(args: string[], input?: Buffer): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [MAIN, ...args])
    const chunks: { out: Buffer[]; err: Buffer[] } = { out: [], err: [] }
    child.stdout.on('data', chunk => chunks.out.push(chunk))
    child.stderr.on('data', chunk => chunks.err.push(chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('close', code =>
      resolve({ code, out: String(Buffer.concat(chunks.out)), err: String(Buffer.concat(chunks.err)) }),
    )
  })
}

test.run()
