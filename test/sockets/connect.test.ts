// nopki connect: servers that are known, that have changed, that are something else; key logs; output that cannot be written.

import { chownSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeKey, nopki, run, withCommand, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { cleanUpAfter, guarded, someBytes, track } from '../support/sockets.js'
import { startListen, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const path = (name: string) => join(folder, name)
const { server, alice, authorized } = await tunnelKeys(folder)
const mallory = await makeKey(folder, 'mallory')
const LET_IN = ['-k', server.file, '-a', authorized]
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run, 40_000)

check('--keylog: the session keys, in a file of its owner, with a warning at both ends', async () => {
  const logs = [path('keys.server'), path('keys.client')]
  const { listener, address } = await startListen([...LET_IN, '--echo', '--keylog', logs[0] ?? ''])
  await nopki(['connect', address, '-k', alice.file])
  const { err } = await listener.ended
  assert.match(err, /^warning: session keys are being written to .*keys\.server\nhint: whoever has them reads all/)
  const { listener: again, address: next } = await startListen([...LET_IN, '--echo', '--keylog', logs[0] ?? ''])
  const ended = await nopki(['connect', next, '-k', alice.file, '--keylog', logs[1] ?? ''])
  assert.match(ended.err, /^warning: session keys are being written/)
  await again.ended
  const [server = '', mine = ''] = logs.map(it => readFileSync(it, 'utf8'))
  assert.is(server.match(/^NOPKI2_\w+ [0-9a-f]{64} [0-9a-f]{64}$/gm)?.length, 4)
  assert.ok(server.endsWith(mine) && mine.length > 0, 'both ends have the same keys')
  for (const it of logs) assert.is(statSync(it).mode & 0o777, 0o600)
})

check('--keylog: where it cannot be written, what is lost is the log', async () => {
  const before = statSync('/dev/full').mode
  const { listener, address } = await startListen([...LET_IN, '--echo', '--keep-open', '--keylog', '/dev/full'])
  for (const round of [1, 2]) {
    const { out, err } = await nopki(['connect', address, '-k', alice.file], { input: `round ${round}` })
    assert.is(String(out), `round ${round}`, err)
  }
  const { err } = await listener.stop()
  assert.is(err.match(/warning: the key log \/dev\/full cannot be written: .*ENOSPC/g)?.length, 1, err)
  assert.is(statSync('/dev/full').mode, before, 'what is no file keeps its mode')
})

check('--keylog: through a link to a file, whose maker would have the keys, or into another user’s file', async () => {
  const log = (file: string) => nopki(['connect', `nopki://${server.publicKey}@127.0.0.1:9`, '--keylog', file])
  writeFileSync(path('precious'), 'mine', { mode: 0o644 })
  symlinkSync(path('precious'), path('planted'))
  assert.match((await log(path('planted'))).err, /^error: the key log .*planted is a link\n/)
  assert.is(readFileSync(path('precious'), 'utf8'), 'mine')
  assert.is(statSync(path('precious')).mode & 0o777, 0o644)
  symlinkSync('/dev/null', path('harmless'))
  assert.match((await log(path('harmless'))).err, /^warning: session keys are being written to .*harmless\n/)
  if (process.getuid?.() !== 0) return
  chownSync(path('precious'), 65534, 65534)
  assert.match((await log(path('precious'))).err, /^error: the key log .*precious belongs to another user/)
})

check('a port in use', async () => {
  const { listener, address } = await startListen([...LET_IN, '--echo', '--keep-open'])
  const [, port] = /:(\d+)$/.exec(address) ?? []
  const { code, err } = await nopki(['listen', `127.0.0.1:${port}`, ...LET_IN])
  assert.is(code, 1)
  assert.is(
    err,
    `error: 127.0.0.1:${port} is in use\nhint: another program listens there; stop it, or take another address\n`,
  )
  await listener.stop()
})

check('trust on first use: asked for, remembered, and refused when the key changes', async () => {
  const known = ['--known-servers', path('known_servers')]
  const echo = await startListen([...LET_IN, '--echo', '--keep-open'], `127.0.0.1:${await freePort()}`)
  const [place = ''] = /127\S+$/.exec(echo.address) ?? []
  const refused = await nopki(['connect', place, '-k', alice.file, ...known])
  assert.is(refused.code, 1)
  assert.match(refused.err, /^error: the key of 127\.0\.0\.1:\d+ is not known\nhint: ask its operator/)
  const first = await nopki(['connect', place, '-k', alice.file, ...known, '--trust-on-first-use'], { input: 'a' })
  assert.is(String(first.out), 'a')
  assert.match(first.err, /was not known: it is remembered as pk_/)
  const again = await nopki(['connect', place, '-k', alice.file, ...known], { input: 'b' })
  assert.is(String(again.out), 'b')
  assert.is(again.err, '')
  await echo.listener.stop()

  const other = await startListen(['-k', mallory.file, '--allow-anyone', '--echo', '--keep-open'], place)
  for (const trust of [[], ['--trust-on-first-use']]) {
    const changed = await nopki(['connect', place, '-k', alice.file, ...known, ...trust], { input: 'secret' })
    assert.is(changed.code, 1)
    assert.is(String(changed.out), '')
    assert.match(changed.err, /^error: THE KEY OF 127\.0\.0\.1:\d+ HAS CHANGED: /)
    assert.ok(changed.err.includes(`remembered is ${server.publicKey} (${path('known_servers')}, line 1)`))
    assert.ok(changed.err.includes(`it claims ${mallory.publicKey}. `))
    assert.match(changed.err, /\nhint: ask its operator .* remove line 1 of /)
  }
  assert.is(readFileSync(path('known_servers'), 'utf8').split('\n').length, 2)
  await other.listener.stop()
})

check('who is no server of this protocol', async () => {
  const answers: [string, RegExp][] = [
    ['HTTP/1.1 400 Bad Request\r\n\r\n'.padEnd(2000), /PEER_VERSION/],
    ['', /LINK_CLOSED/],
    ['SSH-2.0-x\r\n'.padEnd(2000), /PEER_VERSION/],
  ]
  for (const [answer, pattern] of answers) {
    const other = track(
      net.createServer(socket =>
        track(socket)
          .on('error', () => {})
          .end(answer),
      ),
    )
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as net.AddressInfo
    const { code, err } = await nopki(['connect', `nopki://${server.publicKey}@127.0.0.1:${port}`])
    assert.is(code, 1)
    assert.match(err, pattern)
    assert.match(err, /^error: .*\nhint: .*\n$/)
  }
})

check('standard output that is full is an error, one that is closed is not', async () => {
  for (const [target, code] of [
    ['> /dev/full', 1],
    ['| head -c 1 > /dev/null', 0],
  ] as const) {
    const { listener, address } = await startListen([...LET_IN])
    const line = `nopki connect '${address}' -k '${alice.file}' < /dev/null ${target}`
    listener.child.stdin?.on('error', () => {})
    listener.child.stdin?.end(someBytes(1_000_000))
    const ended = await run('sh', ['-c', line], { env: withCommand(folder) })
    assert.is(ended.code, code, ended.err)
    if (code) assert.match(ended.err, /^error: standard output cannot be written: ENOSPC/)
    await listener.ended
  }
})

test.run()
