// Paths of Unix sockets: what is there stays, unless it is a socket that nobody listens at.

import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { claimPath, removeIfSame } from '../../src/cli/service/unix-path.js'
import { encodePublicKey, generateKeyPair } from '../../src/node/index.js'
import { filesIn, installed, nopki, run, skippedWithout, startNopki, workFolder } from '../support/command.js'
import { cleanUpAfter, guarded, track } from '../support/sockets.js'
import { tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const { path, write } = filesIn(folder)
const python = (await installed('python3')) ? guarded : skippedWithout('python3, for sockets of the dead')
const check = (name: string, body: () => Promise<void>) => python(test, name, body, 60_000)
const somewhere = `nopki://${keys.server.publicKey}@127.0.0.1:9`
const routes = write('routes', `${encodePublicKey(generateKeyPair().publicKey)} 9\n`)

/** Every command that takes a path to listen at. */
const LISTENERS: Record<string, (place: string) => string[]> = {
  forward: place => ['forward', place, somewhere, '-k', keys.alice.file],
  listen: place => ['listen', place, '-k', keys.server.file, '--allow-anyone', '--echo', '--keep-open'],
  expose: place => ['expose', place, '9', '-k', keys.server.file, '--allow-anyone'],
  route: place => ['route', place, '-k', keys.server.file, '-t', routes],
  metrics: place => ['forward', '0', somewhere, '-k', keys.alice.file, '--metrics', place],
}

for (const [name, argsFor] of Object.entries(LISTENERS)) {
  check(`${name}: what is no socket is left alone, and so is a link`, async () => {
    const file = write(`${name}-notes`, 'a year of work\n')
    await leaveStale(path(`${name}-stale`))
    symlinkSync(path(`${name}-stale`), path(`${name}-link`))
    symlinkSync(path(`${name}-nothing`), path(`${name}-dangling`))
    mkdirSync(path(`${name}-folder`))
    const before = readdirSync(folder)
    for (const [place, what] of [
      [file, 'a file'],
      [path(`${name}-link`), 'a symbolic link'],
      [path(`${name}-dangling`), 'a symbolic link'],
      [path(`${name}-folder`), 'a folder'],
    ] as const) {
      const { code, err } = await nopki(argsFor(`unix:${place}`))
      assert.is(code, 1)
      assert.match(err, `unix:${place} is ${what}, and no socket`)
    }
    assert.is(readFileSync(file, 'utf8'), 'a year of work\n')
    assert.ok(lstatSync(path(`${name}-link`)).isSymbolicLink())
    assert.equal(readdirSync(folder), before)
  })
}

check(
  'a socket that nobody listens at is replaced; one that is answered, and a file that refuses, are not',
  async () => {
    const place = path('front')
    await leaveStale(place)
    const first = startNopki(LISTENERS.forward!(`unix:${place}`))
    await first.shows(new RegExp(`forwarding unix:${place}\n`))
    const second = await nopki(LISTENERS.forward!(`unix:${place}`))
    assert.is(second.code, 1)
    assert.match(second.err, `unix:${place} is in use`)
    assert.ok(await isAnswered(place))
    assert.is((await first.stop()).code, 0)
    assert.not.ok(existsSync(place))
  },
)

check('one that ends leaves the socket that its successor has put there', async () => {
  const place = path('passed-on')
  const args = [...LISTENERS.forward!(`unix:${place}`), '--metrics', `unix:${path('status')}`]
  const old = startNopki(args)
  await old.shows(/forwarding/)
  for (const it of [place, path('status')]) unlinkSync(it)
  const fresh = startNopki(args)
  await fresh.shows(/forwarding/)
  assert.is((await old.stop()).code, 0)
  for (const it of [place, path('status')]) assert.ok(await isAnswered(it), it)
})

check('of several that find the same stale socket one has the path', async () => {
  const place = path('wanted')
  await leaveStale(place)
  const servers = Array.from({ length: 8 }, () => track(net.createServer(socket => socket.end())))
  const results = await Promise.allSettled(servers.map(server => claimPath(place, at => listening(server, at))))
  assert.is(results.filter(it => it.status === 'fulfilled').length, 1)
  for (const it of results) if (it.status === 'rejected') assert.match(it.reason.message, `unix:${place} is in use`)
  for (const [at, it] of results.entries()) if (it.status === 'rejected') servers[at]!.close()
  assert.ok(await isAnswered(place))
})

check('a socket that has come in place of the one that was looked at stays, and is reached', async () => {
  const place = path('looked-at')
  await leaveStale(place)
  const stale = lstatSync(place, { bigint: true })
  unlinkSync(place)
  await listening(track(net.createServer(socket => socket.end())), place)
  assert.not.ok(removeIfSame(place, stale))
  assert.ok(await isAnswered(place))
  assert.ok(removeIfSame(place, lstatSync(place, { bigint: true })))
  assert.not.ok(existsSync(place))
})

check('a path that is too long, and a folder that is not there', async () => {
  const long = path('n'.repeat(108 - folder.length - 1))
  assert.is(long.length, 108)
  for (const [name, argsFor] of Object.entries(LISTENERS)) {
    const { code, err } = await nopki(argsFor(`unix:${long}`))
    assert.is(code, 2, name)
    assert.match(err, 'has a path of 108 bytes, and the path of a Unix socket has at most 107')
    const missing = await nopki(argsFor(`unix:${path('missing/folder/s')}`))
    assert.is(missing.code, 1, name)
    assert.match(missing.err, `the folder ${path('missing/folder')} does not exist`)
  }
  for (const args of [
    ['expose', '0', `unix:${long}`, '-k', keys.server.file, '--allow-anyone'],
    ['connect', `unix:${long}`, '--server-key', keys.server.publicKey],
  ]) {
    assert.match((await nopki(args)).err, 'has a path of 108 bytes')
  }
  const most = startNopki(LISTENERS.forward!(`unix:${long.slice(0, 107)}`))
  await most.shows(/forwarding/)
  assert.ok(await isAnswered(long.slice(0, 107)))
})

/** A socket of a process that has died. */
async function leaveStale(at: string): Promise<void> {
  const script = 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])'
  const { code, err } = await run('python3', ['-c', script, at])
  assert.is(code, 0, err)
}

function listening(server: net.Server, at: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(at, resolve)
  })
}

function isAnswered(at: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(at)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

test.run()
