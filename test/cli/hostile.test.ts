// What comes from others is in what the command reads and says: names of files, the environment, the folder that it is called in.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { filesIn, makeKey, nopki, startNopki, workFolder } from '../support/command.js'
import { cleanUpAfter, guarded } from '../support/sockets.js'

cleanUpAfter(test)

const folder = workFolder(test)
const { path, write } = filesIn(folder)
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run)

/** As a name of a file: begins a line, and tells a terminal what to do. */
const FORGED = '\x1b[31m\x07\u009b\u202ex\nerror: forged'
const CONTROL = /[\p{Cc}\p{Cf}]/u

check('a name begins no line of its own in an error, and moves no cursor', async () => {
  const calls = [
    [FORGED],
    ['keygen', '-o', `${FORGED}/key`],
    ['pubkey', FORGED],
    ['inspect', FORGED],
    ['wire', FORGED],
    ['listen', '127.0.0.1:0', '-a', FORGED],
    ['listen', '127.0.0.1:0', '--allow-anyone', '--max-pending', FORGED],
    ['listen', '127.0.0.1:0', '--allow-anyone', '--keylog', `${FORGED}/log`],
    ['listen', '127.0.0.1:0', `--${FORGED}`],
    ['route', '127.0.0.1:0', '-k', FORGED, '-t', FORGED],
  ]
  for (const call of calls) {
    const { code, err } = await nopki(call, { cwd: folder })
    assert.ok(code === 1 || code === 2, err)
    const lines = err.trimEnd().split('\n')
    assert.match(lines.map(it => it.replace(/: .*/, '')).join(), /^error(,hint)?$/, err)
    for (const line of lines) assert.not.match(line, CONTROL)
  }
})

check('nor in what a service says while it runs', async () => {
  const { publicKey } = await makeKey(folder, 'alice')
  const name = 'x\nforged\x1b[2J'
  write(name, `${publicKey} alice\n`)
  const listen = startNopki(['listen', '127.0.0.1:0', '--echo', '--keep-open', '-a', path(name)])
  await listen.shows(/listening on/)
  writeFileSync(path(name), `${publicKey} alicia\n`)
  listen.child.kill('SIGHUP')
  await listen.shows(/was read anew/)
  await listen.stop('SIGTERM')
  assert.not.match(listen.err, /^forged/m)
  assert.not.match(listen.err.replaceAll('\n', ''), CONTROL)
})

check('the folder that it is called in does not say whom to trust', async () => {
  mkdirSync(path('.config/nopki'), { recursive: true })
  mkdirSync(path('config/nopki'), { recursive: true })
  const { publicKey } = await makeKey(folder, 'mallory')
  for (const it of ['.config/nopki/known_servers', 'config/nopki/known_servers', 'nopki/known_servers']) {
    mkdirSync(path('nopki'), { recursive: true })
    write(it, `127.0.0.1:1 ${publicKey}\n`)
  }
  for (const env of [{ HOME: '' }, { HOME: '.' }, { XDG_CONFIG_HOME: 'config' }, { XDG_CONFIG_HOME: '.' }]) {
    const { err } = await nopki(['connect', '127.0.0.1:1'], { cwd: folder, env })
    assert.match(err, /^error: the key of 127\.0\.0\.1:1 is not known/)
  }
  const home = { HOME: folder, XDG_CONFIG_HOME: '' }
  assert.match((await nopki(['connect', '127.0.0.1:1'], { cwd: '/', env: home })).err, /ECONNREFUSED/)
})

check('what is written to is no secret key, and nothing else that the command was given', async () => {
  const { file, publicKey } = await makeKey(folder, 'server')
  const authorized = write('authorized', `${publicKey} alice\n`)
  const passphrase = write('passphrase', 'a passphrase\n')
  const sealed = path('sealed.key')
  await nopki(['keygen', '-o', sealed, '--passphrase-file', passphrase])
  symlinkSync(file, path('link'))
  const capture = write('capture', '6e 70 6b 32 00 01 02')
  const expose = ['expose', '127.0.0.1:0', '1', '-k', file, '-a', authorized]
  const calls: [string[], RegExp][] = [
    [['wire', '-o', file], /^error: --output is a file with a secret key, /],
    [['wire', '-o', sealed], /^error: --output is a file with a secret key, /],
    [['wire', '-o', path('link')], /^error: --output is a file with a secret key, /],
    [['wire', capture, '-o', `${folder}/./capture`], /^error: --output and CAPTURE are the same file/],
    [['inspect', capture, '--keylog', authorized, '--write', capture], /^error: --write and FILE are the same file/],
    [[...expose, '--access-log', file], /^error: --access-log and --key are the same file/],
    [[...expose, '--access-log', authorized], /^error: --access-log and --authorized are the same file/],
    [
      [...expose, '--access-log', path('new'), '--keylog', path('new')],
      /^error: --keylog and --access-log|^error: --access-log and --keylog/,
    ],
    [
      ['connect', `nopki://${publicKey}@127.0.0.1:1`, '--keylog', sealed],
      /^error: --keylog is a file with a secret key, /,
    ],
  ]
  const before = [file, sealed, authorized, capture].map(it => readFileSync(it, 'utf8'))
  for (const [call, message] of calls) {
    const { code, err } = await nopki(call)
    assert.match(err, message)
    assert.is(code, 2)
  }
  assert.equal(
    before,
    [file, sealed, authorized, capture].map(it => readFileSync(it, 'utf8')),
  )
  assert.is((await nopki(['wire', '-o', '/dev/null'])).code, 0)
})

test.run()
