// Where to connect to, and from where somebody comes: names with several addresses, zones, IPv4 through IPv6.

import { type ChildProcess, spawn } from 'node:child_process'
import diagnostics from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Failure } from '../../src/cli/frame/failure.js'
import { parsePlain, placeText } from '../../src/cli/frame/place.js'
import { encodePublicKey, formatAddress, generateKeyPair, parseAddress } from '../../src/node/index.js'
import { openSocket } from '../../src/node/reach.js'
import { nopki, run, skippedWithout, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import {
  cleanUpAfter,
  guarded,
  next,
  plainServer,
  rejects,
  serverKeys,
  throws,
  track,
  until,
} from '../support/sockets.js'
import { tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const path = (name: string) => join(folder, name)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 40_000)

test('a zone is named as interfaces are', () => {
  for (const zone of ['eth0', 'br-0a1b2c3d', 'eth0.100', 'wlp3s0', 'tun_a', 'veth@2', '2']) {
    const host = `fe80::1%${zone}`
    const text = formatAddress({ host, port: 4433, serverKey: serverKeys.publicKey })
    assert.is(parseAddress(text).host, host)
    assert.equal(parsePlain(`[${host}]:80`), { host, port: 80 })
    assert.is(placeText({ host, port: 80 }), `[${host}]:80`)
  }
  for (const host of ['fe80::1%', 'fe80::1%a b', 'fe80::1%a/b', 'fe80::1%a%b', 'fe80::1%a]', 'fe8g::1']) {
    throws(() => formatAddress({ host, port: 4433, serverKey: serverKeys.publicKey }), 'USE_BAD_ADDRESS')
    throws(() => parsePlain(`[${host}]:80`), /is no address/)
  }
})

test('an address of a server that changes its key has all that it may have, the one it is asked for first', () => {
  const [one, two] = [serverKeys.publicKey, generateKeyPair().publicKey]
  const [first, second] = [encodePublicKey(one), encodePublicKey(two)]
  const place = { host: 'db.example', port: 4433 }
  const text = `nopki://${first},${second}@db.example:4433`
  assert.equal(parseAddress(text), { ...place, serverKey: one, serverKeys: [one, two] })
  assert.is(formatAddress(parseAddress(text)), text)
  assert.is(formatAddress({ ...place, serverKey: one, serverKeys: [two, one] }), text)
  assert.is(formatAddress({ ...place, serverKey: one, serverKeys: [one] }), `nopki://${first}@db.example:4433`)
  for (const keys of [`${first},`, `,${first}`, `${first},,${second}`, `${first},sk_x`])
    throws(() => parseAddress(`nopki://${keys}@h:1`), /USE_BAD_(KEY|ADDRESS)/)
  throws(() => parseAddress(`nopki://${Array(9).fill(first).join(',')}@h:1`), 'USE_BAD_ADDRESS')
})

check('a zone that this machine does not have is named, and those that it has', async () => {
  const place = '[fe80::1%nozone]:4499'
  const address = `nopki://${encodePublicKey(serverKeys.publicKey)}@${place}`
  const said = /this machine has no interface nozone \(E\w+\)\nhint: give one of its interfaces: /
  for (const args of [
    ['connect', address],
    ['listen', place, '--allow-anyone'],
  ]) {
    const { code, err } = await nopki(args, { cwd: folder })
    assert.is(code, 1)
    assert.match(err, said)
  }
  assert.match((await nopki(['doctor', address], { cwd: folder })).err, said)
})

const namespaces = (await run('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up'])).code === 0
const linkLocal = namespaces ? guarded : skippedWithout('right to have a network of one’s own, or no ip')
linkLocal(test, 'listening on an address with a zone, and connecting to what is printed then', async () => {
  const script = `: > out; ip link set lo up; ip -6 addr add fe80::1/64 dev lo nodad
    "$0" "$1" listen '[fe80::1%lo]:4499' --allow-anyone --echo > out 2>&1 & until A=$(grep -o 'nopki://\\S*' out); do
    kill -0 $! || exit; sleep 0.1; done; echo "$A"; echo hello | "$0" "$1" connect "$A"; wait`
  const main = join(import.meta.dirname, '../../src/cli/main.js')
  const { out, err } = await run('unshare', ['-rn', 'sh', '-c', script, process.execPath, main], { cwd: folder })
  assert.is(err, '')
  assert.match(String(out), /^nopki:\/\/pk_\S+@\[fe80::1%lo\]:4499\nhello\n$/)
})

/** As a name’s addresses, with a port that is the same for all. */
function target(port: number, ...addresses: string[]): net.NetConnectOpts {
  const found = addresses.map(address => ({ address, family: net.isIP(address) }))
  const lookup = ((_name, _options, done) => process.nextTick(done, null, found)) as net.LookupFunction
  return { host: 'service.example', port, lookup }
}

const times = { timeout: 20_000, timedOut: () => new Error('it took too long'), signal: undefined }

check('a name whose addresses all refuse: each of them is told, and what may pass is tried again', async () => {
  const port = await freePort()
  const error = await rejects(openSocket(target(port, '127.0.0.1', '127.0.0.2'), times), 'ECONNREFUSED')
  assert.is(error.message, `connect ECONNREFUSED 127.0.0.1:${port}; connect ECONNREFUSED 127.0.0.2:${port}`)
  assert.is((error as unknown as AggregateError).errors.length, 2)
  assert.is(Failure.of(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })).message, 'ECONNREFUSED')
})

check('a name that is not known, one that is answered too late, and a caller who gives up', async () => {
  await rejects(openSocket({ host: 'nowhere.invalid', port: 1 }, times), /getaddrinfo/)
  const never = { host: 'service.example', port: 1, lookup: () => {} }
  await rejects(openSocket(never, { ...times, timeout: 1 }), /it took too long/)
  const gone = new AbortController()
  const waiting = openSocket(never, { ...times, signal: gone.signal })
  gone.abort(new Error('enough'))
  await rejects(waiting, /enough/)
  await rejects(openSocket(never, { ...times, signal: gone.signal }), /enough/)
})

check('a caller who has chosen a family, or where to come from, has no other one looked up', async () => {
  const port = await plainServer(() => {})
  for (const [chosen, expected] of [
    [{ family: 4 }, 4],
    [{ family: 6 }, 6],
    [{ localAddress: '127.0.0.1' }, 0],
  ] as const) {
    const asked: { family?: unknown; all?: unknown }[] = []
    const lookup = ((_name, options, done) => {
      asked.push(options)
      process.nextTick(done, null, '127.0.0.1', 4)
    }) as net.LookupFunction
    track(await openSocket({ host: 'service.example', port, lookup, ...chosen }, times))
    assert.equal(
      asked.map(it => [it.family ?? 0, it.all ?? false]),
      [[expected, false]],
    )
  }
})

check('an address that answers late is waited for, though the other one refuses', async () => {
  const { child, port } = await stoppedListener()
  const attempts: { socket: net.Socket; closed: Promise<unknown> }[] = []
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: net.Socket }
    attempts.push({ socket, closed: next(socket, 'close') })
  }
  diagnostics.subscribe('net.client.socket', onSocket)
  const opening = openSocket(target(port, '127.0.0.1', '::1'), times)
  await until(() => attempts.length === 2)
  diagnostics.unsubscribe('net.client.socket', onSocket)
  await attempts[1]?.closed
  child.kill('SIGCONT')
  const socket = track(await opening)
  assert.is(socket.remoteAddress, '127.0.0.1')
  assert.is(socket, attempts[0]?.socket)
})

/** Its queue is full: connection requests are dropped, and sent again by the system after a second. */
async function stoppedListener(): Promise<{ child: ChildProcess; port: number }> {
  const code = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
    () => console.log(s.address().port))`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await next(child.stdout as NodeJS.EventEmitter, 'data')
  track({ destroy: () => child.kill('SIGKILL'), on: () => {} })
  const port = Number(line)
  child.kill('SIGSTOP')
  const fill = Array.from({ length: 4 }, () => track(net.connect(port, '127.0.0.1')).on('error', () => {}))
  await Promise.all(fill.slice(0, 2).map(it => next(it, 'connect')))
  return { child, port }
}

check('an IPv4 client of a socket for both families is shown by the address that it has', async () => {
  const service = await plainServer(socket => socket.resume().write('in'))
  const log = ['--access-log', path('log'), '--max-per-address', '1']
  const expose = startNopki(['expose', '0', String(service), '-k', keys.server.file, '--allow-anyone', ...log])
  const [, where, port] = await expose.shows(/ on (\S+):(\d+) as/)
  const address = `nopki://${keys.server.publicKey}@127.0.0.1:${port}`
  const client = startNopki(['connect', address])
  await client.shows(/in/)
  await nopki(['connect', address])
  await expose.shows(/refused 127\.0\.0\.1:\d+: 1 connections from 127\.0\.0\.1 are open/)
  client.child.kill('SIGTERM')
  await client.ended
  await expose.stop()
  const addresses = readFileSync(path('log'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).address)
  assert.is(addresses.length, 2)
  for (const it of addresses) assert.match(it, /^127\.0\.0\.1:\d+$/)
  assert.is(where, '[::]', 'the socket is for both families')
})

test.run()
