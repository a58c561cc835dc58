// Key files: made, protected, read, refused. Files of authorized keys and of known servers.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { parseTable } from '../../src/cli/route/table.js'
import { nextExpiry, parseAuthorizedKeys, refusalOf } from '../../src/node/files/authorized.js'
import { findServer, parseKnownServers, rememberServer } from '../../src/node/files/known-servers.js'
import { readSealed } from '../../src/node/files/sealed.js'
import {
  decodePublicKey,
  decodeSecretKey,
  encodePublicKey,
  encodeSecretKey,
  generateKeyPair,
  publicKeyOf,
} from '../../src/node/index.js'
import { atTerminal, installed, nopki, run, skippedWithout, workFolder } from '../support/command.js'
import { delay, guarded, rejects, throws } from '../support/sockets.js'

const folder = workFolder(test)
const path = (name: string) => join(folder, name)
const newKey = () => encodePublicKey(generateKeyPair().publicKey)

test('keygen -o: a file for its owner alone, and the public key', async () => {
  const { code, out, err } = await nopki(['keygen', '-o', path('a.key')])
  assert.is(code, 0)
  assert.is(err, '')
  const publicKey = String(out).trim()
  assert.is(statSync(path('a.key')).mode & 0o777, 0o600)
  const [comment, secret = '', ...rest] = readFileSync(path('a.key'), 'utf8').split('\n')
  assert.is(comment, `# public key: ${publicKey}`)
  assert.equal(rest, [''])
  assert.is(encodePublicKey(publicKeyOf(decodeSecretKey(secret))), publicKey)
  assert.is(String((await nopki(['pubkey', path('a.key')])).out), `${publicKey}\n`)
})

test('keygen overwrites nothing, not even what a link points to', async () => {
  writeFileSync(path('taken'), 'mine')
  const { code, err } = await nopki(['keygen', '-o', path('taken')])
  assert.is(code, 1)
  assert.match(err, /^error: .*taken exists, and a key that is overwritten is lost\nhint: .+\n$/)
  assert.is(readFileSync(path('taken'), 'utf8'), 'mine')
  await run('ln', ['-s', path('nowhere'), path('link')])
  assert.is((await nopki(['keygen', '-o', path('link')])).code, 1)
  assert.not.ok(existsSync(path('nowhere')))
})

test('keygen without -o prints the file, and keeps the public key off it', async () => {
  const { code, out, err } = await nopki(['keygen'])
  assert.is(code, 0)
  const [, publicKey] = /^public key: (pk_\S+)\n$/.exec(err) ?? []
  writeFileSync(path('printed.key'), out, { mode: 0o600 })
  assert.is(String((await nopki(['pubkey', path('printed.key')])).out), `${publicKey}\n`)
})

test('keygen --json, pubkey --json', async () => {
  const made = JSON.parse(String((await nopki(['keygen', '--json', '-o', path('json.key')])).out))
  assert.is(made.file, path('json.key'))
  assert.equal(JSON.parse(String((await nopki(['pubkey', '--json', path('json.key')])).out)), {
    publicKey: made.publicKey,
  })
})

test('a file that others may read is refused', async () => {
  await nopki(['keygen', '-o', path('open.key')])
  for (const mode of [0o644, 0o640, 0o604, 0o660, 0o610]) {
    chmodSync(path('open.key'), mode)
    await rejects(loadKey(path('open.key')), new RegExp(`others than .* \\(mode 0${mode.toString(8)}\\)`))
  }
  const { code, out, err } = await nopki(['pubkey', path('open.key')])
  assert.is(code, 1)
  assert.is(String(out), '')
  assert.match(err, /\(mode 0610\)\nhint: chmod 600 .*open\.key/)
  chmodSync(path('open.key'), 0o400)
  assert.is((await nopki(['pubkey', path('open.key')])).code, 0)
})

const root = process.getuid?.() === 0 && (await installed('setpriv')) ? guarded : skippedWithout('root, or no setpriv')
root(test, 'a file of root’s may be read by its group; one of another user’s is refused', async () => {
  await nopki(['keygen', '-o', path('handed.key')])
  chmodSync(folder, 0o711)
  const asOther = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
  const read = (...more: string[]) =>
    run('setpriv', [
      ...asOther,
      join(import.meta.dirname, '../../src/cli/main.js'),
      'pubkey',
      path('handed.key'),
      ...more,
    ])
  chownSync(path('handed.key'), 0, 65534)
  for (const mode of [0o440, 0o640]) {
    chmodSync(path('handed.key'), mode)
    assert.is((await read()).err, '', `mode ${mode.toString(8)}`)
  }
  for (const mode of [0o444, 0o660, 0o450, 0o644]) {
    chmodSync(path('handed.key'), mode)
    assert.match((await read()).err, /others than its owner may read .*\nhint: chmod 640 /, `mode ${mode.toString(8)}`)
    assert.is((await read('--insecure-key-file')).err, '')
  }
  chownSync(path('handed.key'), 65533, 65534)
  chmodSync(path('handed.key'), 0o640)
  assert.match((await read()).err, /belongs to another user \(65533\).*\nhint: chown it .*--insecure-key-file/)
  assert.is((await read('--insecure-key-file')).err, '')
  // Root may read all, and is no exception.
  chmodSync(path('handed.key'), 0o600)
  await rejects(loadKey(path('handed.key')), /belongs to another user/)
  assert.ok(await loadKey(path('handed.key'), { 'insecure-key-file': true }))
})

test('files that are no secret key', async () => {
  const cases: [string, RegExp][] = [
    ['', /has no key in it/],
    ['# only a comment\n', /has no key in it/],
    [`${newKey()}\n`, /:1: a public key \(pk_…\) was given where a secret key/],
    [`# two\nsk_${'A'.repeat(42)}E\nsk_${'A'.repeat(42)}E\n`, /:3: a second key/],
    ['sk_short\n', /:1: a secret key was expected, and its text has 5 characters/],
    ['x'.repeat(70_000), /too large/],
    ['sealed 2 something\n', /:1: it is sealed in a form that this version does not know/],
    ['sealed 1 argon2id operations=3\n', /:1: the sealed key does not have the fields/],
  ]
  for (const [text, pattern] of cases) {
    writeFileSync(path('wrong.key'), text, { mode: 0o600 })
    const error = await rejects(loadKey(path('wrong.key')), pattern)
    assert.not.match(error.message, /sk_A/, 'never the key itself')
  }
  assert.match((await nopki(['pubkey', path('absent.key')])).err, /^error: there is no file .*\nhint: nopki keygen/)
  assert.match((await nopki(['pubkey', folder])).err, /is a directory/)
})

test('a passphrase from a file, and from a descriptor', async () => {
  writeFileSync(path('words'), 'correct horse\nsecond line\n', { mode: 0o600 })
  const made = await nopki(['keygen', '-o', path('sealed.key'), '--passphrase-file', path('words')])
  assert.is(made.err, '')
  const text = readFileSync(path('sealed.key'), 'utf8')
  assert.match(
    text,
    /^# public key: pk_\S+\nsealed 1 argon2id operations=3 memory=268435456 salt=\S+ nonce=\S+ box=\S+\n$/,
  )
  // By chance, “sk_” may be in any of these.
  assert.not.match(text.replace(/pk_[\w-]{43}|(salt|nonce|box)=\S+/g, ''), /sk_/)
  writeFileSync(path('marked'), '\ufeffcorrect horse\r\n', { mode: 0o600 })
  assert.is(
    String((await nopki(['pubkey', path('sealed.key'), '--passphrase-file', path('marked')])).out),
    String(made.out),
  )
  const line = `'${process.execPath}' "$0" pubkey '${path('sealed.key')}' --passphrase-file fd:3 3<'${path('words')}'`
  const read = await run('sh', ['-c', line, join(import.meta.dirname, '../../src/cli/main.js')])
  assert.is(String(read.out), String(made.out))

  writeFileSync(path('others'), 'wrong horse\n', { mode: 0o600 })
  const wrong = await nopki(['pubkey', path('sealed.key'), '--passphrase-file', path('others')])
  assert.is(wrong.code, 1)
  assert.match(wrong.err, /^error: the passphrase does not open .*sealed\.key:2\nhint: .+\n$/)
  assert.not.match(wrong.err, /horse/)

  // The public key in the comment is for people: it is not believed.
  writeFileSync(path('sealed.key'), text.replace(/pk_\S+/, newKey()))
  const again = await nopki(['pubkey', path('sealed.key'), '--passphrase-file', path('words')])
  assert.is(String(again.out), String(made.out))
  // Every field is under the seal.
  writeFileSync(path('sealed.key'), text.replace('operations=3', 'operations=2'))
  await rejects(loadKey(path('sealed.key'), { 'passphrase-file': path('words') }), /the passphrase does not open/)

  chmodSync(path('words'), 0o644)
  const open = await nopki(['pubkey', path('sealed.key'), '--passphrase-file', path('words')])
  assert.match(open.err, /^error: others than its owner may read .*words \(mode 0644\)\nhint: chmod 600 /)

  writeFileSync(path('empty'), '\n', { mode: 0o600 })
  const empty = await nopki(['keygen', '-o', path('none.key'), '--passphrase-file', path('empty')])
  assert.match(empty.err, /the passphrase is empty/)
  assert.not.ok(existsSync(path('none.key')))
})

test('a sealed file from elsewhere cannot ask for more time or memory than is sound', () => {
  const line = (operations: number, memory: number) =>
    `sealed 1 argon2id operations=${operations} memory=${memory} salt=${'A'.repeat(22)} nonce=${'A'.repeat(32)} box=${'A'.repeat(64)}`
  assert.is(readSealed(line(3, 268435456), 'f:1').operations, 3)
  for (const [operations, memory] of [
    [5, 1024 ** 3],
    [1, 2 * 1024 ** 3],
    [999, 268435456],
    [0, 268435456],
    [3, 1024],
    [1e9, 1e9],
  ] as const) {
    throws(() => readSealed(line(operations, memory), 'f:1'), /f:1: /)
  }
  throws(() => readSealed(`${line(3, 268435456)}${' '.repeat(300)}`, 'f:1'), /too long/)
  throws(() => readSealed(`${line(3, 268435456)} more=1`, 'f:1'), /does not have the fields/)
})

const terminal = (await installed('python3')) ? guarded : skippedWithout('python3, for a terminal')
const mounts = (await run('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', folder])).code === 0

terminal(
  test,
  'a passphrase is asked for at the terminal, twice, and not shown',
  async () => {
    const making = atTerminal(['keygen', '--passphrase', '-o', path('typed.key')])
    await making.shows(/a passphrase for the new key: $/)
    making.child.stdin?.write('swordfisch')
    making.child.stdin?.write('\x7f\x7fh\r')
    await making.shows(/the same again: $/)
    making.child.stdin?.write('swordfish\r')
    const made = await making.ended
    assert.is(made.code, 0, String(made.out))
    assert.not.match(String(made.out), /sword|fish/)
    const [publicKey] = /pk_[\w-]{43}/.exec(String(made.out)) ?? []

    const reading = atTerminal(['pubkey', path('typed.key')])
    await reading.shows(/passphrase of .*typed\.key: $/)
    reading.child.stdin?.write('swordfish\r')
    const read = await reading.ended
    assert.ok(String(read.out).includes(publicKey ?? '-'))
    assert.match(String(read.out), /making a key of the passphrase…/, 'what takes a second is announced')
  },
  60_000,
)

terminal(
  test,
  'at the terminal: two that differ, none at all, Ctrl-C',
  async () => {
    const differing = atTerminal(['keygen', '-p', '-o', path('differs.key')])
    await differing.shows(/new key: $/)
    differing.child.stdin?.write('one\r')
    await differing.shows(/again: $/)
    differing.child.stdin?.write('two\r')
    const { code, out } = await differing.ended
    assert.is(code, 1)
    assert.match(String(out), /error: the two passphrases are not the same\r\nhint: nothing was written/)
    for (const keys of ['\r', '\x03', '\x04']) {
      const running = atTerminal(['keygen', '-p', '-o', path('differs.key')])
      await running.shows(/new key: $/)
      running.child.stdin?.write(keys)
      const ended = await running.ended
      assert.is(ended.code, 1)
      assert.match(String(ended.out), /error: (?:the passphrase is empty|no passphrase was given)/)
    }
    assert.not.ok(existsSync(path('differs.key')))
  },
  60_000,
)

test('without a terminal, a passphrase has to come from somewhere', async () => {
  const { code, err } = await run('setsid', [
    '-w',
    process.execPath,
    join(import.meta.dirname, '../../src/cli/main.js'),
    'keygen',
    '-p',
  ])
  assert.is(code, 1)
  assert.match(
    err,
    /^error: a passphrase is needed, and there is no terminal to ask for it\nhint: give --passphrase-file/,
  )
})

const fullDisk = mounts ? guarded : skippedWithout('right to mount')
fullDisk(test, 'a full disk leaves no half a key behind', async () => {
  // A file system of one page, which a first file fills, in a namespace of its own.
  const script = `mount -t tmpfs -o size=4k none '${path('full')}' && cd '${path('full')}' && head -c 4096 /dev/zero > filler
    '${process.execPath}' "$0" keygen -o key; echo "exit $?"; ls`
  await run('mkdir', ['-p', path('full')])
  const { out, err } = await run('unshare', [
    '-rm',
    'sh',
    '-c',
    script,
    join(import.meta.dirname, '../../src/cli/main.js'),
  ])
  assert.match(err, /^error: key cannot be (?:written|created): .*no space left.*\n/s)
  assert.is(String(out), 'exit 1\nfiller\n')
})

test('what users install is enough, but for a passphrase and metrics, which say what they need', async () => {
  // The package as it is published, with its one dependency.
  const root = new URL('../../../', import.meta.url)
  const place = join(folder, 'installed')
  mkdirSync(join(place, 'node_modules'), { recursive: true })
  for (const it of ['build/src', 'build/channel.wasm', 'package.json', 'node_modules/@assemblyscript']) {
    cpSync(new URL(it, root), join(place, it), { recursive: true })
  }
  const main = join(place, 'build/src/cli/main.js')
  const command = (...args: string[]) => run(process.execPath, [main, ...args])
  const made = await command('keygen', '-o', path('plain.key'))
  assert.is(made.err, '')
  assert.is((await command('--help')).code, 0)
  writeFileSync(path('phrase'), 'correct horse', { mode: 0o600 })
  const sealed = await command('keygen', '-o', path('never.key'), '--passphrase-file', path('phrase'))
  assert.is(sealed.code, 1)
  assert.is(
    sealed.err,
    'error: A passphrase needs the package libsodium-wrappers-sumo, which is not installed\n' +
      'hint: npm install libsodium-wrappers-sumo, beside nopki\n',
  )
  assert.not.ok(existsSync(path('never.key')))
  const serving = await command(
    'expose',
    '127.0.0.1:0',
    '1',
    '-k',
    path('plain.key'),
    '--allow-anyone',
    '--metrics',
    '0',
  )
  assert.match(serving.err, /^error: --metrics needs the package prom-client, .*\nhint: npm install prom-client/)
})

test('the text of a whole key file is no secret key, and says so', () => {
  const { secretKey, publicKey } = generateKeyPair()
  const file = `# public key: ${encodePublicKey(publicKey)}\n${encodeSecretKey(secretKey)}\n`
  throws(
    () => decodeSecretKey(file),
    /USE_BAD_KEY: .*this is the text of a whole file; give its line that starts with sk_, or .*readKeyPair/,
  )
  assert.equal(decodeSecretKey(`${encodeSecretKey(secretKey)}\n`), secretKey)
})

test('authorized keys: what a line can say', () => {
  const [a, b, c, d] = [newKey(), newKey(), newKey(), newKey()]
  const keys = parseAuthorizedKeys(
    `# who is let in\n\n${a} alice\n  ${b}\tbob  from=10.0.0.0/8,2001:db8::/32 # the office\r\n${c} ci expires=2027-12-31 to=6379,unix:/run/x\n${d} old expires=2020-01-01T10:00Z`,
    'file',
  )
  assert.is(keys.size, 4)
  const visitor = { address: '192.0.2.1', target: '127.0.0.1:6379' }
  assert.is(refusalOf(keys, { key: a, ...visitor }), undefined)
  assert.is(keys.get(a)?.name, 'alice')
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1', '2001:db8::1%eth0']) {
    assert.is(refusalOf(keys, { key: b, ...visitor, address }), undefined, address)
  }
  for (const address of ['192.0.2.1', '11.0.0.1', '2001:db9::1', undefined, 'nonsense']) {
    assert.match(refusalOf(keys, { key: b, ...visitor, address }) ?? '', /from where it comes/)
  }
  assert.is(refusalOf(keys, { key: c, ...visitor }), undefined)
  assert.is(refusalOf(keys, { key: c, ...visitor, target: 'unix:/run/x' }), undefined)
  for (const target of ['127.0.0.1:6380', undefined]) {
    assert.match(refusalOf(keys, { key: c, ...visitor, target }) ?? '', /not authorized for this service/)
  }
  assert.match(refusalOf(keys, { key: d, ...visitor }) ?? '', /has expired/)
  assert.match(refusalOf(keys, { key: newKey(), ...visitor }) ?? '', /is not authorized/)
  assert.is(nextExpiry(keys), Date.parse('2027-12-31'))
})

test('authorized keys: a bad line names file, line and reason', () => {
  const [a, b] = [newKey(), newKey()]
  const secret = `sk_${'A'.repeat(42)}E`
  const cases: [string, RegExp][] = [
    [
      'pk_short name',
      /^ChannelError: USE_BAD_FILE: file:2: a public key was expected, and its text has 5 characters; public keys look like/,
    ],
    [`${secret} name`, /^ChannelError: USE_BAD_FILE: file:2: a secret key \(sk_…\) was given where a public key/],
    [b, /file:2: the key has no name/],
    [`${b} from=10.0.0.0/8`, /file:2: the key has no name/],
    [`${a} again`, /file:2: this key is in line 1 already/],
    [`${b} bob expires=tomorrow`, /file:2: expires=tomorrow is no time/],
    [`${b} bob expires=2027-02-30`, /is no time/],
    [`${b} bob expires=2027-13-01`, /is no time/],
    [`${b} bob from=10.0.0.0/33`, /from=10\.0\.0\.0\/33 is no network/],
    [`${b} bob from=10.0.0/8`, /is no network/],
    [`${b} bob from=10.0.0.0/8,`, /is no network/],
    [`${b} bob to=`, /“to=” is no option/],
    [`${b} bob to=a:b:c`, /to=a:b:c is no address/],
    [`${b} bob shell=yes`, /“shell=yes” is no option/],
    [`${b} bob expires=2027-01-01 expires=2028-01-01`, /expires= is there twice/],
  ]
  for (const [line, pattern] of cases) throws(() => parseAuthorizedKeys(`${a} alice\n${line}\n`, 'file'), pattern)
})

test('known servers: remembered once, by host and port; a changed key is not taken', () => {
  const file = join(folder, 'config', 'nopki', 'known_servers')
  const [a, b] = [generateKeyPair().publicKey, generateKeyPair().publicKey]
  assert.is(findServer(file, 'Example.org:4433'), undefined)
  assert.is(rememberServer(file, 'Example.org:4433', a), true)
  assert.is(rememberServer(file, 'example.org:4433', a), false)
  assert.is(rememberServer(file, 'example.org:4434', b), true)
  assert.equal(findServer(file, 'EXAMPLE.ORG:4433')?.publicKey, a)
  throws(() => rememberServer(file, 'example.org:4433', b), /THE KEY OF example\.org:4433 HAS CHANGED/)
  assert.is(readFileSync(file, 'utf8').split('\n').length, 3)
  assert.is(statSync(file).mode & 0o777, 0o600)
  assert.equal(readdirSync(join(folder, 'config', 'nopki')), ['known_servers'], 'no lock and no draft stays')
})

test('known servers: a link stays one, and a file keeps its mode', () => {
  const { publicKey } = generateKeyPair()
  mkdirSync(path('dotfiles'))
  writeFileSync(path('dotfiles/known'), '# mine', { mode: 0o644 })
  symlinkSync('dotfiles/known', path('linked'))
  // One that leads to a file that is yet to be made, by way of the other.
  symlinkSync('dotfiles/new', path('dangling'))
  symlinkSync('dangling', path('twice'))
  for (const link of ['linked', 'twice', 'dangling']) {
    rememberServer(path(link), `${link}:1`, publicKey)
    assert.ok(lstatSync(path(link)).isSymbolicLink(), link)
    assert.ok(findServer(path(link), `${link}:1`))
  }
  assert.match(readFileSync(path('dotfiles/known'), 'utf8'), /^# mine\nlinked:1 pk_/)
  assert.is(statSync(path('dotfiles/known')).mode & 0o777, 0o644)
  assert.is(statSync(path('dotfiles/new')).mode & 0o777, 0o600)
  symlinkSync('loop', path('loop'))
  throws(() => rememberServer(path('loop'), 'a:1', publicKey), /leads to itself/)
})

test('a comment begins with a word, and ends with its line', () => {
  const [a, b] = [newKey(), newKey()]
  for (const end of ['\n', '\r\n']) {
    const line = (words: string) => `${words} # not\u2028${b} bob\u2029 or\rthat${end}`
    const keys = parseAuthorizedKeys(`${line('')}${line(`${a} al#ice`)}`, 'f')
    assert.equal([...keys], [[a, { name: 'al#ice' }]])
    assert.equal([...parseKnownServers(`${line('')}${line(`host:1 ${a}`)}`, 'f').keys()], ['host:1'])
    const table = parseTable(`${line('')}${line(`${a} unix:/run/a#b 4433`)}`, 'f')
    assert.equal([...table], [[a, [{ path: '/run/a#b' }, { host: '127.0.0.1', port: 4433 }]]])
  }
})

test('known servers: a bad line names file, line and reason', () => {
  const key = newKey()
  assert.equal(
    parseKnownServers(`# c\n[::1]:4433 ${key} # note\n`, 'f').get('[::1]:4433')?.publicKey,
    decodePublicKey(key),
  )
  throws(() => parseKnownServers(`a:1 ${key}\nA:1 ${key}`, 'f'), /f:2: a:1 is in line 1 already/)
  throws(() => parseKnownServers(`a ${key}`, 'f'), /f:1: this is no server and key/)
  throws(() => parseKnownServers('a:1 pk_x', 'f'), /f:1: a public key was expected/)
  throws(() => parseKnownServers('a:1', 'f'), /f:1: this is no server and key/)
})

test('known servers: a lock that was left behind is broken, whichever way the clock was set since; a new one is waited for', async () => {
  const [file, lock] = [path('locked'), path('locked.lock')]
  const { publicKey } = generateKeyPair()
  for (const seconds of [-11, 11]) {
    const time = Date.now() / 1000 + seconds
    writeFileSync(lock, '')
    utimesSync(lock, time, time)
    assert.is(rememberServer(file, `left${seconds}:1`, publicKey), true)
    assert.is(existsSync(lock), false)
  }
  writeFileSync(lock, '')
  const code = `
    const { rememberServer } = await import(process.argv[1])
    const { generateKeyPair } = await import(process.argv[2])
    const { publicKey } = generateKeyPair()
    await new Promise(resolve => process.stdout.write('goes on', resolve))
    rememberServer(process.argv[3], 'late:1', publicKey)`
  const modules = ['../../src/node/files/known-servers.js', '../../src/node/index.js'].map(
    it => new URL(it, import.meta.url).href,
  )
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, ...modules, file])
  const exit = once(child, 'exit')
  await once(child.stdout, 'data')
  // Nothing tells that it waits: what it writes within this time, it writes in spite of the lock.
  await delay(200)
  assert.is(findServer(file, 'late:1'), undefined)
  assert.ok(existsSync(lock), 'another’s lock stays')
  rmSync(lock)
  assert.is((await exit)[0], 0)
  assert.ok(findServer(file, 'late:1'))
})

test('known servers: many processes at once lose nothing', async () => {
  const file = path('many')
  const code = `
    const { rememberServer } = await import(process.argv[1])
    const { generateKeyPair } = await import(process.argv[2])
    for (let at = 0; at < 10; at++) rememberServer(process.argv[3], process.argv[4] + at + ':1', generateKeyPair().publicKey)`
  const modules = ['../../src/node/files/known-servers.js', '../../src/node/index.js'].map(
    it => new URL(it, import.meta.url).href,
  )
  const all = ['a', 'b', 'c', 'd'].map(host =>
    run(process.execPath, ['--input-type=module', '-e', code, ...modules, file, host]),
  )
  for (const { code: exit, err } of await Promise.all(all)) assert.is(exit, 0, err)
  assert.is(parseKnownServers(readFileSync(file, 'utf8'), file).size, 40)
})

test.run()
