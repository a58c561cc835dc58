// nopki listen and nopki connect: netcat over a channel.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { connect } from '../../src/node/index.js'
import {
  atTerminal,
  installed,
  makeKey,
  nopki,
  shellAtTerminal,
  skippedWithout,
  startNopki,
  withCommand,
  workFolder,
} from '../support/command.js'
import { cleanUpAfter, guarded, next, someBytes, track } from '../support/sockets.js'
import { dialPlain, startListen, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const path = (name: string) => join(folder, name)
const { server, alice, authorized } = await tunnelKeys(folder)
const mallory = await makeKey(folder, 'mallory')
const LET_IN = ['-k', server.file, '-a', authorized]
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run, 40_000)

check('standard input and output, both ways, as many bytes as there are', async () => {
  const [there, back] = [someBytes(3_000_001), Buffer.from('from the server\n')]
  const { listener, address } = await startListen(LET_IN)
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
  const { listener, address } = await startListen(LET_IN)
  const client = startNopki(['connect', address, '-k', alice.file])
  const ended = next(listener.child.stdout as NodeJS.EventEmitter, 'end')
  client.child.stdin?.end('question')
  await listener.shows(/question/)
  // The listener’s reader sees the end, and the listener still writes.
  await ended
  listener.child.stdin?.end('answer')
  assert.is(String((await client.ended).out), 'answer')
  assert.is((await listener.ended).code, 0)
})

check('one client alone is served; a stranger does not use up the turn', async () => {
  const { listener, address } = await startListen(LET_IN)
  const stranger = await nopki(['connect', address, '-k', mallory.file])
  assert.is(stranger.code, 1)
  assert.match(
    stranger.err,
    /^error: PEER_NOT_AUTHORIZED: the server does not serve this client’s key: this key is not authorized/,
  )
  assert.match((await listener.shows(/refused .*/))[0], /PEER_NOT_AUTHORIZED: this key is not authorized \(pk_/)
  const client = startNopki(['connect', address, '-k', alice.file])
  await listener.shows(/alice from/)
  // It tells who came before it closes its port.
  await refusing(Number(address.split(':').at(-1)))
  const second = await nopki(['connect', address, '-k', alice.file])
  assert.is(second.code, 1)
  assert.match(second.err, /ECONNREFUSED/)
  client.child.stdin?.end()
  listener.child.stdin?.end()
  assert.is((await listener.ended).code, 0)
  assert.is((await client.ended).code, 0)
})

check('--echo --keep-open, and SIGTERM ends it', async () => {
  const { listener, address } = await startListen([...LET_IN, '--echo', '--keep-open'])
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
  const { listener, address } = await startListen([...LET_IN, '--keep-open', '--exec', command])
  const { code, out } = await nopki(['connect', address, '-k', alice.file], { input: 'loud' })
  assert.is(code, 0)
  assert.is(String(out), `alice ${alice.publicKey}\nLOUD`)
  await listener.stop()
})

check('--exec: a program that ends early, and one that fails', async () => {
  const early = await startListen([...LET_IN, '--exec', 'head -c 3'])
  const first = await nopki(['connect', early.address, '-k', alice.file], { input: 'abcdef' })
  assert.is(first.code, 0, first.err)
  assert.is(String(first.out), 'abc')
  assert.is((await early.listener.ended).code, 0)

  const failing = await startListen([...LET_IN, '--exec', 'echo before; exit 3'])
  const second = await nopki(['connect', failing.address, '-k', alice.file])
  assert.is(second.code, 1)
  assert.is(String(second.out), 'before\n')
  assert.match(second.err, /PEER_ALERT: .*the program failed: its exit code is 3/)
})

check('--exec: a client that breaks off is no end of input', async () => {
  const command = `trap 'echo ended >> ${path('trapped')}; exit 1' TERM; cat > /dev/null; echo finished >> ${path('trapped')}`
  const { listener, address } = await startListen([...LET_IN, '--exec', command])
  const client = startNopki(['connect', address, '-k', alice.file])
  client.child.stdin?.write('a part')
  await listener.shows(/alice from/)
  client.child.kill('SIGKILL')
  await listener.ended
  assert.not.ok(existsSync(path('trapped')) && readFileSync(path('trapped'), 'utf8').includes('finished'))
})

check('a peer that breaks off is an error, behind what came before', async () => {
  const { listener, address } = await startListen(LET_IN)
  const socket = track(await connect(address, { allowHalfOpen: true, keyPair: await loadKey(alice.file) }))
  socket.write('a part')
  await listener.shows(/a part/)
  socket.destroy()
  const { code, out, err } = await listener.ended
  assert.is(code, 1)
  assert.is(String(out), 'a part')
  assert.match(err, /error: LINK_TRUNCATED: .*\nhint: .+\n$/)
})

check('a client that is interrupted says so', async () => {
  const { listener, address } = await startListen(LET_IN)
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
  const dead = await startListen([...LET_IN, '--echo', '--keep-open'], place)
  await dead.listener.stop('SIGKILL')
  assert.ok(existsSync(path('socket')))
  const { listener } = await startListen([...LET_IN, '--echo', '--keep-open'], place)
  const args = ['connect', place, '--server-key', server.publicKey, '-k', alice.file]
  assert.is(String((await nopki(args, { input: 'hello' })).out), 'hello')
  const second = await nopki(['listen', place, ...LET_IN])
  assert.is(second.code, 1)
  assert.match(second.err, /^error: unix:.*socket is in use\nhint: another program listens there/)
  assert.is(String((await nopki(args, { input: 'still there' })).out), 'still there')
  await listener.stop()
  assert.not.ok(existsSync(path('socket')))
})

const terminal = (await installed('python3')) ? guarded : skippedWithout('python3, for a terminal')

terminal(
  test,
  'at a terminal: what is typed goes out, Ctrl-D ends it, and a peer that hangs up is no error',
  async () => {
    const talking = await startListen([...LET_IN, '--echo'])
    const client = atTerminal(['connect', talking.address, '-k', alice.file])
    await talking.listener.shows(/alice from/)
    client.child.stdin?.write('hello\r')
    await client.shows(/hello\r\nhello\r\n/)
    client.child.stdin?.write('\x04')
    assert.is((await client.ended).code, 0)

    const brief = await startListen([...LET_IN, '--exec', 'echo bye'])
    const caller = atTerminal(['connect', brief.address, '-k', alice.file])
    const { code, out } = await caller.ended
    assert.is(code, 0)
    // Where connecting takes long, the terminal shows that meanwhile.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: how a terminal clears a line
    assert.is(String(out).replace(/(?:\r\x1b\[Kconnecting…)+\r\x1b\[K/, ''), 'bye\r\n')
  },
  40_000,
)

terminal(
  test,
  'at a terminal: the progress of a transfer, which goes away',
  async () => {
    const { listener, address } = await startListen([...LET_IN, '--exec', 'cat > /dev/null'])
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

/** Until nobody listens on a port. */
async function refusing(port: number): Promise<void> {
  for (let refused = false; !refused; ) {
    const probe = dialPlain(port)
    const [error] = await Promise.race([next(probe, 'connect'), next(probe, 'error')])
    probe.on('error', () => {}).destroy()
    refused = error?.code === 'ECONNREFUSED'
  }
}

test.run()
