// nopki listen and nopki connect: netcat over a channel.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../src/cli/keys/options.js'
import { connect } from '../src/node/index.js'
import {
  atTerminal,
  installed,
  makeKey,
  nopki,
  type Running,
  run,
  shellAtTerminal,
  skippedWithout,
  startNopki,
  withCommand,
  workFolder,
} from './support/command.js'
import { guarded, next, someBytes, track } from './support/sockets.js'

const folder = workFolder(test)
const path = (name: string) => join(folder, name)
const server = await makeKey(folder, 'server')
const alice = await makeKey(folder, 'alice')
const mallory = await makeKey(folder, 'mallory')
writeFileSync(path('authorized'), `${alice.publicKey} alice\n`)
const LET_IN = ['-k', server.file, '-a', path('authorized')]

/** Starts `nopki listen` on a free port; its address. */
async function listening(args: string[], at = '127.0.0.1:0'): Promise<{ listener: Running; address: string }> {
  const listener = startNopki(['listen', at, ...args])
  const [, address = ''] = await listener.shows(/listening on (\S+)/)
  return { listener, address }
}

const check = (name: string, run: () => Promise<void>) => guarded(test, name, run, 40_000)

check('standard input and output, both ways, as many bytes as there are', async () => {
  const [there, back] = [someBytes(3_000_001), Buffer.from('from the server\n')]
  const { listener, address } = await listening(LET_IN)
  listener.child.stdin?.end(back)
  const client = await nopki(['connect', address, '-k', alice.file], { input: there })
  assert.is(client.err, '')
  assert.is(client.code, 0)
  assert.equal(client.out, back)
  const { code, out, err } = await listener.ended
  assert.is(code, 0)
  assert.ok(out.equals(there))
  assert.match(err, /^listening on nopki:\/\/pk_\S+@127\.0\.0\.1:\d+\nalice from 127\.0\.0\.1:\d+\n$/)
})

check('the end of one direction leaves the other open', async () => {
  const { listener, address } = await listening(LET_IN)
  const client = startNopki(['connect', address, '-k', alice.file])
  client.child.stdin?.end('question')
  await listener.shows(/question/)
  // The listener’s reader sees the end, and the listener still writes.
  await next(listener.child.stdout as NodeJS.EventEmitter, 'end')
  listener.child.stdin?.end('answer')
  assert.is(String((await client.ended).out), 'answer')
  assert.is((await listener.ended).code, 0)
})

check('one client alone is served; a stranger does not use up the turn', async () => {
  const { listener, address } = await listening(LET_IN)
  const stranger = await nopki(['connect', address, '-k', mallory.file])
  assert.is(stranger.code, 1)
  assert.match(
    stranger.err,
    /^error: PEER_NOT_AUTHORIZED: the server does not serve this client’s key: this key is not authorized/,
  )
  assert.match((await listener.shows(/refused .*/))[0], /PEER_NOT_AUTHORIZED: this key is not authorized \(pk_/)
  const client = startNopki(['connect', address, '-k', alice.file])
  await listener.shows(/alice from/)
  const second = await nopki(['connect', address, '-k', alice.file])
  assert.is(second.code, 1)
  assert.match(second.err, /ECONNREFUSED/)
  client.child.stdin?.end()
  listener.child.stdin?.end()
  assert.is((await listener.ended).code, 0)
  assert.is((await client.ended).code, 0)
})

check('--echo --keep-open, and SIGTERM ends it', async () => {
  const { listener, address } = await listening([...LET_IN, '--echo', '--keep-open'])
  for (const size of [0, 1, 200_000]) {
    const sent = someBytes(size)
    const { code, out } = await nopki(['connect', address, '-k', alice.file], { input: sent })
    assert.is(code, 0)
    assert.ok(out.equals(sent))
  }
  assert.is((await listener.stop()).code, 0)
})

check('--exec: a program for each client, which knows who it is', async () => {
  const command = 'echo "$NOPKI_NAME $NOPKI_PEER"; tr a-z A-Z'
  const { listener, address } = await listening([...LET_IN, '--keep-open', '--exec', command])
  const { code, out } = await nopki(['connect', address, '-k', alice.file], { input: 'loud' })
  assert.is(code, 0)
  assert.is(String(out), `alice ${alice.publicKey}\nLOUD`)
  await listener.stop()
})

check('--exec: a program that ends early, and one that fails', async () => {
  const early = await listening([...LET_IN, '--exec', 'head -c 3'])
  const first = await nopki(['connect', early.address, '-k', alice.file], { input: 'abcdef' })
  assert.is(first.code, 0, first.err)
  assert.is(String(first.out), 'abc')
  assert.is((await early.listener.ended).code, 0)

  const failing = await listening([...LET_IN, '--exec', 'echo before; exit 3'])
  const second = await nopki(['connect', failing.address, '-k', alice.file])
  assert.is(second.code, 1)
  assert.is(String(second.out), 'before\n')
  assert.match(second.err, /PEER_ALERT: .*the program failed: its exit code is 3/)
})

check('--exec: a client that breaks off is no end of input', async () => {
  const command = `trap 'echo ended >> ${path('trapped')}; exit 1' TERM; cat > /dev/null; echo finished >> ${path('trapped')}`
  const { listener, address } = await listening([...LET_IN, '--exec', command])
  const client = startNopki(['connect', address, '-k', alice.file])
  client.child.stdin?.write('a part')
  await listener.shows(/alice from/)
  client.child.kill('SIGKILL')
  await listener.ended
  assert.not.ok(existsSync(path('trapped')) && readFileSync(path('trapped'), 'utf8').includes('finished'))
})

check('a peer that breaks off is an error, behind what came before', async () => {
  const { listener, address } = await listening(LET_IN)
  const socket = track(await connect(address, { allowHalfOpen: true, keyPair: await loadKey(alice.file, undefined) }))
  socket.write('a part')
  await listener.shows(/a part/)
  socket.destroy()
  const { code, out, err } = await listener.ended
  assert.is(code, 1)
  assert.is(String(out), 'a part')
  assert.match(err, /error: LINK_TRUNCATED: .*\nhint: .+\n$/)
})

check('a client that is interrupted says so', async () => {
  const { listener, address } = await listening(LET_IN)
  const client = startNopki(['connect', address, '-k', alice.file])
  client.child.stdin?.write('a part')
  await listener.shows(/a part/)
  const ended = await client.stop('SIGINT')
  assert.is(ended.code, 1)
  assert.is(ended.err, 'error: interrupted\n')
  const { code, err } = await listener.ended
  assert.is(code, 1)
  assert.match(err, /error: PEER_ALERT: the peer ended its direction with alert 4: the client was interrupted/)
})

check('Unix sockets; one that a dead process left is replaced, one in use is not', async () => {
  const place = `unix:${path('socket')}`
  const dead = await listening([...LET_IN, '--echo', '--keep-open'], place)
  await dead.listener.stop('SIGKILL')
  assert.ok(existsSync(path('socket')))
  const { listener } = await listening([...LET_IN, '--echo', '--keep-open'], place)
  const args = ['connect', place, '--server-key', server.publicKey, '-k', alice.file]
  assert.is(String((await nopki(args, { input: 'hello' })).out), 'hello')
  const second = await nopki(['listen', place, ...LET_IN])
  assert.is(second.code, 1)
  assert.match(second.err, /^error: unix:.*socket is in use\nhint: another program listens there/)
  assert.is(String((await nopki(args, { input: 'still there' })).out), 'still there')
  await listener.stop()
  assert.not.ok(existsSync(path('socket')))
})

check('--keylog: the session keys, in a file of its owner, with a warning at both ends', async () => {
  const logs = [path('keys.server'), path('keys.client')]
  const { listener, address } = await listening([...LET_IN, '--echo', '--keylog', logs[0] ?? ''])
  await nopki(['connect', address, '-k', alice.file])
  const { err } = await listener.ended
  assert.match(err, /^warning: session keys are being written to .*keys\.server\nhint: whoever has them reads all/)
  const { listener: again, address: next } = await listening([...LET_IN, '--echo', '--keylog', logs[0] ?? ''])
  const ended = await nopki(['connect', next, '-k', alice.file, '--keylog', logs[1] ?? ''])
  assert.match(ended.err, /^warning: session keys are being written/)
  await again.ended
  const [server = '', mine = ''] = logs.map(it => readFileSync(it, 'utf8'))
  assert.is(server.match(/^NOPKI2_\w+ [0-9a-f]{64} [0-9a-f]{64}$/gm)?.length, 4)
  assert.ok(server.endsWith(mine) && mine.length > 0, 'both ends have the same keys')
  for (const it of logs) assert.is(statSync(it).mode & 0o777, 0o600)
})

check('a port in use', async () => {
  const { listener, address } = await listening([...LET_IN, '--echo', '--keep-open'])
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
  const echo = await listening([...LET_IN, '--echo', '--keep-open'])
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

  const other = await listening(['-k', mallory.file, '--allow-anyone', '--echo', '--keep-open'], place)
  for (const trust of [[], ['--trust-on-first-use']]) {
    const changed = await nopki(['connect', place, '-k', alice.file, ...known, ...trust], { input: 'secret' })
    assert.is(changed.code, 1)
    assert.is(String(changed.out), '')
    assert.match(changed.err, /^error: THE KEY OF 127\.0\.0\.1:\d+ HAS CHANGED\n/)
    assert.ok(changed.err.includes(`remembered: ${server.publicKey} (${path('known_servers')}, line 1)`))
    assert.ok(changed.err.includes(`it claims:  ${mallory.publicKey}\n`))
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
    const other = track(net.createServer(socket => socket.on('error', () => {}).end(answer)))
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
    const { listener, address } = await listening([...LET_IN])
    const line = `nopki connect '${address}' -k '${alice.file}' < /dev/null ${target}`
    listener.child.stdin?.on('error', () => {})
    listener.child.stdin?.end(someBytes(1_000_000))
    const ended = await run('sh', ['-c', line], { env: withCommand(folder) })
    assert.is(ended.code, code, ended.err)
    if (code) assert.match(ended.err, /^error: standard output cannot be written: ENOSPC/)
    await listener.ended
  }
})

const terminal = (await installed('python3')) ? guarded : skippedWithout('python3, for a terminal')

terminal(
  test,
  'at a terminal: what is typed goes out, Ctrl-D ends it, and a peer that hangs up is no error',
  async () => {
    const talking = await listening([...LET_IN, '--echo'])
    const client = atTerminal(['connect', talking.address, '-k', alice.file])
    await talking.listener.shows(/alice from/)
    client.child.stdin?.write('hello\r')
    await client.shows(/hello\r\nhello\r\n/)
    client.child.stdin?.write('\x04')
    assert.is((await client.ended).code, 0)

    const brief = await listening([...LET_IN, '--exec', 'echo bye'])
    const caller = atTerminal(['connect', brief.address, '-k', alice.file])
    const { code, out } = await caller.ended
    assert.is(code, 0)
    assert.is(String(out), 'bye\r\n')
  },
  40_000,
)

terminal(
  test,
  'at a terminal: the progress of a transfer, which goes away',
  async () => {
    const { listener, address } = await listening([...LET_IN, '--exec', 'cat > /dev/null'])
    // Longer than a second, in small steps, out of a pipe.
    const line = `for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do head -c 100000 /dev/zero; sleep 0.1; done | nopki connect ${address} -k ${alice.file}`
    const client = shellAtTerminal(line, withCommand(folder))
    await client.shows(/\d+(?:\.\d)? [kM]?B sent, 0 B received, \d+(?:\.\d)? [kM]?B\/s/)
    const { code, out } = await client.ended
    assert.is(code, 0)
    assert.ok(String(out).endsWith(CLEAR))
    await listener.ended
  },
  40_000,
)

// What takes a line of progress away.
const CLEAR = '\r\u001b[K'

test.run()
