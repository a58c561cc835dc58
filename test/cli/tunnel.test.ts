// nopki expose and nopki forward: how ends, resets and limits cross the tunnel, and what operators are told.

import { EventEmitter } from 'node:events'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { connect, decodePublicKey, parseAddress } from '../../src/node/index.js'
import { proxyHeader } from '../../src/tunnel/proxy.js'
import { MAIN, makeKey, nopki, Running, run, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import {
  cleanUpAfter,
  delay,
  guarded,
  hashOf,
  next,
  plainServer,
  readAll,
  readUntilError,
  rejects,
  someBytes,
  track,
  until,
} from '../support/sockets.js'
import { dialPlain, resetWhileStopped, startExpose, startForward, startTunnel, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const path = (name: string) => join(folder, name)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 60_000)
const linesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

check('bytes both ways, and each end on its own', async () => {
  const sent = someBytes(5_000_003)
  const service = await plainServer(async socket => {
    const got = await readAll(socket)
    socket.write(hashOf(got))
    socket.end(got)
  })
  const { port, expose, forward } = await startTunnel(keys, service, { expose: ['--access-log', path('log')] })
  for (const data of [Buffer.alloc(0), Buffer.from('x'), sent]) {
    const client = track(dialPlain(port))
    client.end(data)
    const back = await readAll(client)
    assert.is(String(back.subarray(0, 64)), hashOf(data))
    assert.ok(back.subarray(64).equals(data))
  }
  assert.is((await forward.stop()).code, 0)
  assert.is((await expose.stop()).code, 0)
  const lines = linesOf(path('log'))
  assert.is(lines.length, 3)
  assert.equal(Object.keys(lines[2]), [
    'time',
    'peer',
    'name',
    'address',
    'received',
    'sent',
    'milliseconds',
    'ended',
    'detail',
  ])
  const { peer, name, address, received, sent: out, ended, detail } = lines[2]
  assert.equal(
    { peer, name, received, out, ended, detail },
    {
      peer: keys.alice.publicKey,
      name: 'alice',
      received: sent.length,
      out: sent.length + 64,
      ended: 'closed',
      detail: null,
    },
  )
  assert.match(address, /^127\.0\.0\.1:\d+$/)
})

/** The client has what was sent before the reset, and the reset; and the access log says which side it was. */
async function isReset(result: ReturnType<typeof readUntilError>, log: string): Promise<void> {
  const { data, error } = await result
  assert.is(String(data), 'before')
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET')
  await until(() => readFileSync(path(log), 'utf8') !== '')
  assert.is(linesOf(path(log))[0].ended, 'plain')
}

check('a reset of the service is a reset for the client, behind what came before', async () => {
  const sockets: net.Socket[] = []
  const service = await plainServer(socket => sockets.push(socket) && socket.write('before'))
  const { port } = await startTunnel(keys, service, { expose: ['--access-log', path('reset')] })
  const client = track(dialPlain(port))
  const result = readUntilError(client)
  client.write('hello')
  await until(() => (sockets[0]?.bytesRead ?? 0) === 5)
  sockets[0]?.resetAndDestroy()
  await isReset(result, 'reset')
})

check('a reset that waits behind data is no end, though libuv gives it as one', async () => {
  const sockets: net.Socket[] = []
  const service = await plainServer(socket => sockets.push(socket))
  const tunnel = await startTunnel(keys, service, { expose: ['--access-log', path('late-reset')] })
  const client = track(dialPlain(tunnel.port))
  const result = readUntilError(client)
  client.write('hello')
  await until(() => (sockets[0]?.bytesRead ?? 0) === 5)
  await resetWhileStopped(tunnel.expose, sockets[0] as net.Socket)
  await isReset(result, 'late-reset')
})

check('so it is where bytes still wait to be written to the service', async () => {
  const sockets: net.Socket[] = []
  const service = await plainServer(socket => sockets.push(socket.pause()))
  const tunnel = await startTunnel(keys, service, { expose: ['--access-log', path('full-reset')] })
  const client = track(dialPlain(tunnel.port))
  const result = readUntilError(client)
  const chunk = someBytes(1 << 20)
  // Until nobody takes any more: neither the service, nor the two ends, nor the system between them.
  for (let taken = -1; taken !== client.bytesWritten - client.writableLength; ) {
    taken = client.bytesWritten - client.writableLength
    while (client.writableLength < 4 * chunk.length) client.write(chunk)
    await delay(500)
  }
  await resetWhileStopped(tunnel.expose, sockets[0] as net.Socket)
  await isReset(result, 'full-reset')
})

check('a reset of the client is a reset for the service', async () => {
  const failed: Promise<{ data: Buffer; error: Error }>[] = []
  const service = await plainServer(socket => failed.push(readUntilError(socket)))
  const { port } = await startTunnel(keys, service)
  const client = track(dialPlain(port))
  client.on('error', () => {})
  client.write('part')
  await until(() => failed.length === 1)
  client.resetAndDestroy()
  const { error } = (await failed[0]) ?? {}
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET')
})

check('who writes to a Unix socket, and closes it, has ended: all comes, and then the end', async () => {
  const service = path('ends.sock')
  // As C programs do: write(2), close(2), and no shutdown(2) between.
  const listening = track(net.createServer())
  listening.on('connection', socket => {
    track(socket).on('error', () => {})
    socket.once('data', () => socket.write('bye\n', () => socket.destroy()))
  })
  listening.listen(service)
  await next(listening, 'listening')
  const { expose, address } = await startExpose(keys, `unix:${service}`, ['--access-log', path('unix-log')])
  const { port } = await startForward(keys, address)
  for (let round = 0; round < 10; round++) {
    const client = track(net.connect(port, '127.0.0.1'))
    client.write('QUIT\n')
    assert.is(String(await readAll(client)), 'bye\n')
  }
  const front = path('front.sock')
  const forward = startNopki(['forward', `unix:${front}`, address, '-k', keys.alice.file])
  await forward.shows(/^forwarding /m)
  const data = someBytes(100_000)
  const heard: Promise<Buffer>[] = []
  listening.removeAllListeners('connection')
  listening.on('connection', socket => heard.push(readAll(track(socket))))
  for (let round = 0; round < 10; round++) {
    const client = track(net.connect(front))
    client.on('error', () => {})
    client.write(data, () => client.destroy())
    await until(() => heard.length === round + 1)
    assert.is(hashOf(await (heard[round] as Promise<Buffer>)), hashOf(data))
  }
  assert.is((await expose.stop()).code, 0)
  assert.equal(
    linesOf(path('unix-log')).map(it => it.ended),
    Array(20).fill('closed'),
  )
})

check('a channel that breaks off resets what is left, and is never an end', async () => {
  for (const killed of ['expose', 'forward'] as const) {
    const served = new EventEmitter()
    const service = await plainServer(socket => served.emit('it', socket))
    const tunnel = await startTunnel(keys, service)
    const accepted = next(served, 'it')
    const client = track(dialPlain(tunnel.port))
    client.write('part')
    const [behind] = (await accepted) as [net.Socket]
    // The system closes the plain sockets of a process that is killed: the other process is what matters.
    const left = readUntilError(killed === 'expose' ? client : behind)
    for (const socket of [client, behind]) socket.on('error', () => {})
    tunnel[killed].child.kill('SIGKILL')
    assert.is(((await left).error as NodeJS.ErrnoException).code, 'ECONNRESET')
    await tunnel[killed].ended
  }
})

check('a service that is down: the client is told, not where it is; and up again, it is reached', async () => {
  const place = `unix:${path('service.sock')}`
  const { expose, address } = await startExpose(keys, place, ['--retry', '0', '--metrics', '0'])
  const [, status] = await expose.shows(/metrics and health on \S+:(\d+)/)
  const health = () => fetch(`http://127.0.0.1:${status}/health`)
  assert.is((await health()).status, 503, 'before anybody has come')
  const client = await nopki(['connect', address, '-k', keys.alice.file])
  assert.is(client.code, 1)
  assert.match(client.err, /PEER_ALERT: .* alert 1: the service behind this channel cannot be reached/)
  assert.not.match(client.err, /service\.sock/)
  await expose.shows(/service\.sock cannot be reached: .*ENOENT/)
  const failing = await health()
  assert.is(failing.status, 503)
  assert.match(((await failing.json()) as { troubles: string[] }).troubles[0] ?? '', /cannot be reached/)
  const service = track(net.createServer(socket => socket.on('error', () => {}).end('up')))
  await new Promise<void>(resolve => service.listen(path('service.sock'), resolve))
  // Nobody has come since.
  while ((await health()).status !== 200) await delay(100)
  assert.is(String((await nopki(['connect', address, '-k', keys.alice.file])).out), 'up')
})

check('a server that is away, that refuses this key, or whose service is away: forward is not healthy', async () => {
  const service = await plainServer(socket => socket.on('end', () => socket.end()))
  // It comes again, at a place that nobody takes meanwhile.
  const place = `127.0.0.1:${await freePort()}`
  const { expose, address } = await startExpose(keys, service, [], place)
  const { forward } = await startForward(keys, address, ['--metrics', '0', '--retry', '0'])
  const [, status] = await forward.shows(/metrics and health on \S+:(\d+)/)
  const troubles = async () => {
    const page = await fetch(`http://127.0.0.1:${status}/health`)
    const { troubles } = (await page.json()) as { troubles: string[] }
    assert.is(page.status, troubles.length > 0 ? 503 : 200)
    return String(troubles)
  }
  assert.is(await troubles(), '')
  const stranger = await makeKey(folder, 'stranger')
  const refused = await startForward({ ...keys, alice: stranger }, address, ['--metrics', '0'])
  const [, other] = await refused.forward.shows(/metrics and health on \S+:(\d+)/)
  assert.match(await (await fetch(`http://127.0.0.1:${other}/health`)).text(), /"failing".*PEER_NOT_AUTHORIZED/)
  const turnedAway = dialPlain(refused.port).on('error', () => {})
  await refused.forward.shows(
    /^error: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ .*PEER_NOT_AUTHORIZED: .*\nhint: ask the server/m,
  )
  turnedAway.destroy()
  await expose.stop()
  while (!/ECONNREFUSED/.test(await troubles())) await delay(100)
  await startExpose(keys, `unix:${path('away')}`, ['--retry', '0'], place)
  while (!/cannot be reached/.test(await troubles())) await delay(100)
})

check('a service that is being restarted is waited for', async () => {
  const port = await freePort()
  const { expose, address } = await startExpose(keys, port, ['--retry', '50s', '--metrics', '0'])
  const [, status] = await expose.shows(/metrics and health on \S+:(\d+)/)
  const asking = nopki(['connect', address, '-k', keys.alice.file])
  while ((await openConnections(status)) === 0) {}
  const { address: second } = await startExpose(keys, port, ['--retry', '0'])
  assert.is((await nopki(['connect', second, '-k', keys.alice.file])).code, 1, 'it is down, and one is told so')
  const service = track(net.createServer(socket => socket.end('back')))
  await new Promise<void>(resolve => service.listen(port, '127.0.0.1', resolve))
  assert.is(String((await asking).out), 'back')
})

/** As the health page says. */
async function openConnections(port: string | undefined): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${port}/health`)
  return ((await page.json()) as { connections: number }).connections
}

check('a client that goes while its service is being waited for', async () => {
  const watched = ['--access-log', path('gone'), '--metrics', '0']
  const { expose, address } = await startExpose(keys, `unix:${path('never')}`, ['--retry', '1h', ...watched])
  const [, status] = await expose.shows(/metrics and health on \S+:(\d+)/)
  const client = track(await connect(address, { keyPair: await loadKey(keys.alice.file) }))
  while ((await openConnections(status)) === 0) {}
  client.destroy()
  await until(() => readFileSync(path('gone'), 'utf8') !== '')
  assert.is(linesOf(path('gone'))[0].ended, 'channel')
})

check('limits: connections in all, and from one address', async () => {
  const service = await plainServer(socket => {
    socket.write('in')
    socket.resume().on('end', () => socket.end())
  })
  for (const [option, why] of [
    ['--max-connections', '2 connections are open'],
    ['--max-per-address', '2 connections from 127.0.0.1 are open'],
  ] as const) {
    const { address } = await startExpose(keys, service, [])
    const { forward, port } = await startForward(keys, address, [option, '2'])
    const first = [track(dialPlain(port)), track(dialPlain(port))]
    for (const client of first) await next(client, 'data')
    const third = track(dialPlain(port))
    await readUntilError(third)
    await forward.shows(new RegExp(`refused 127\\.0\\.0\\.1:\\d+: ${why}`))
    first[0]?.destroy()
    await until(() => first[0]?.closed === true)
    for (;;) {
      // Until the other end has noticed.
      const again = track(dialPlain(port))
      const got = await Promise.race([next(again, 'data').then(() => true), readUntilError(again).then(() => false)])
      if (got) break
    }
  }
  const { expose, address } = await startExpose(keys, service, ['--max-per-address', '1'])
  const keyPair = await loadKey(keys.alice.file)
  const inside = track(await connect(address, { keyPair }))
  await rejects(connect(address, { keyPair }), 'LINK_CLOSED')
  await expose.shows(/refused .*: 1 connections from 127\.0\.0\.1 are open/)
  inside.destroy()
})

check('--max-lifetime ends a connection, and says why', async () => {
  const service = await plainServer(socket => socket.write('in'))
  const { address } = await startExpose(keys, service, ['--max-lifetime', '300ms', '--access-log', path('lifetime')])
  const client = startNopki(['connect', address, '-k', keys.alice.file])
  const { code, err } = await client.ended
  assert.is(code, 1)
  assert.match(err, /alert 1: the connection has been open for as long as is allowed/)
  await until(() => readFileSync(path('lifetime'), 'utf8') !== '')
  assert.is(linesOf(path('lifetime'))[0].ended, 'lifetime')
})

check('--proxy-protocol v2: the service learns where the client comes from, and its key', async () => {
  const heads: Buffer[] = []
  const service = await plainServer(async socket => {
    heads.push(await readAll(socket))
    socket.end()
  })
  const { address } = await startExpose(keys, service, ['--proxy-protocol', 'v2'])
  const keyPair = await loadKey(keys.alice.file)
  const client = track(await connect(address, { keyPair, allowHalfOpen: true }))
  const [near, far] = [client.localPort, client.remotePort]
  client.end('hello')
  await readAll(client)
  const [head = Buffer.alloc(0)] = heads
  assert.is(head.subarray(0, 12).toString('hex'), '0d0a0d0a000d0a515549540a')
  assert.is(head.subarray(12, 16).toString('hex'), '21110000'.slice(0, 4) + (12 + 3 + 32).toString(16).padStart(4, '0'))
  assert.equal([...head.subarray(16, 24)], [127, 0, 0, 1, 127, 0, 0, 1])
  assert.is(head.readUInt16BE(24), near)
  assert.is(head.readUInt16BE(26), far)
  assert.is(head.subarray(28, 31).toString('hex'), 'e00020')
  assert.equal(new Uint8Array(head.subarray(31, 63)), decodePublicKey(keys.alice.publicKey))
  assert.is(String(head.subarray(63)), 'hello')
})

check('a PROXY header that comes unasked is named, with what sends it', async () => {
  const { expose, address } = await startExpose(keys, await plainServer(() => {}))
  const said = ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', '\r\n\r\n\0\r\nQUIT\n ']
  for (const header of [...said, 'GET / HTTP/1.1\r\n\r\n']) {
    const socket = track(dialPlain(parseAddress(address).port)).on('error', () => {})
    socket.resume().end(header)
    await next(socket, 'close')
  }
  const refused = 'refused 127\\.0\\.0\\.1:\\d+: PEER_VERSION: '
  await expose.shows(
    new RegExp(`(${refused}it begins with a header of the PROXY .*send-proxy.*\n){2}${refused}the first`),
  )
})

test('the PROXY header of other addresses', () => {
  const remotePublicKey = new Uint8Array(32).fill(7)
  const header = (remoteAddress?: string, localAddress?: string) =>
    proxyHeader({ remotePublicKey, remoteAddress, localAddress, remotePort: 1, localPort: 2 })
      .subarray(13, 52)
      .toString('hex')
  const six = '20010db8000000000000000000000001'
  assert.is(header('2001:db8::1', '2001:db8::1'), `210047${six}${six}00010002`)
  assert.match(header('::ffff:10.0.0.1', '::ffff:10.0.0.2'), /^11002f0a0000010a00000200010002e00020/)
  assert.match(header('fe80::1%eth0', '::1'), /^210047fe800000000000000000000000000001/)
  assert.match(header('::', '::102:304'), /^210047(?:00){16}(?:00){12}01020304/)
  assert.match(header(), /^000023e00020/)
  assert.match(header('10.0.0.1', '::1'), /^000023e00020/)
})

check(
  'keys that are gone, or that may no longer come from here, are dropped; the last good file stays in force',
  async () => {
    const service = await plainServer(socket => socket.write('in'))
    const bob = await makeKey(folder, 'bob')
    const authorized = path('changing')
    // As editors do it: another file takes its place.
    const write = (...lines: string[]) => {
      writeFileSync(path('draft'), lines.join('\n'))
      renameSync(path('draft'), authorized)
    }
    const [a, b] = [`${keys.alice.publicKey} alice`, `${bob.publicKey} bob`]
    write(a, b)
    const { expose, address } = await startExpose({ ...keys, authorized }, service)
    const open = (file: string) => startNopki(['connect', address, '-k', file])
    const [one, two] = [open(keys.alice.file), open(bob.file)]
    await Promise.all([one.shows(/in/), two.shows(/in/)])

    write(a)
    const dropped = await two.ended
    assert.is(dropped.code, 1)
    assert.match(dropped.err, /PEER_NOT_AUTHORIZED: .*this key is not authorized/)
    await expose.shows(/dropped bob: this key is not authorized/)
    assert.match((await open(bob.file).ended).err, /PEER_NOT_AUTHORIZED/)

    write(a, 'nonsense')
    await expose.shows(
      /warning: .*changing:2: a public key was expected.*; what was read before stays in force\nhint: /,
    )
    await open(keys.alice.file).shows(/in/)

    write(`${a} from=192.0.2.0/24`)
    expose.child.kill('SIGHUP')
    assert.match((await one.ended).err, /not authorized from where it comes/)
    write(`${a} to=1234`)
    await expose.shows(/was read anew[\s\S]*was read anew[\s\S]*was read anew/)
    assert.match((await open(keys.alice.file).ended).err, /not authorized for this service/)

    write(a)
    await expose.shows(/(?:was read anew[\s\S]*){4}/)
    const last = open(keys.alice.file)
    await last.shows(/in/)
    write(`${a} expires=${new Date(Date.now() + 2500).toISOString().replace(/\.\d+Z/, 'Z')}`)
    assert.match((await last.ended).err, /this key has expired/)
  },
)

check('a file that is empty, or is none any more, changes nothing', async () => {
  const service = await plainServer(socket => socket.write('in'))
  const authorized = path('emptied')
  const line = `${keys.alice.publicKey} alice\n`
  writeFileSync(authorized, line)
  const { expose, address } = await startExpose({ ...keys, authorized }, service, ['--metrics', '0'])
  const [, status] = await expose.shows(/metrics and health on \S+:(\d+)/)
  const troubles = async () =>
    ((await (await fetch(`http://127.0.0.1:${status}/health`)).json()) as { troubles: string[] }).troubles
  const open = startNopki(['connect', address, '-k', keys.alice.file])
  await open.shows(/in/)

  // As a shell's > does it, whose command takes its time.
  writeFileSync(authorized, '')
  await expose.shows(/warning: .*emptied is empty; what was read before stays in force\nhint: .*# nobody/)
  assert.match(String(await troubles()), /emptied is empty/)
  writeFileSync(authorized, line)
  await expose.shows(/emptied was read anew/)
  assert.equal(await troubles(), [])

  rmSync(authorized)
  await run('mkfifo', [authorized])
  expose.child.kill('SIGHUP')
  await expose.shows(/emptied is no regular file, and cannot be read again; what was read before stays/)
  assert.match(String(await troubles()), /no regular file/)
  await startNopki(['connect', address, '-k', keys.alice.file]).shows(/in/)
  assert.is(open.child.exitCode, null, 'who was inside all the time still is')

  rmSync(authorized)
  writeFileSync(authorized, '# nobody\n')
  assert.match((await open.ended).err, /this key is not authorized/)
})

check('a file that is a pipe is read once', async () => {
  const service = await plainServer(socket => socket.write('in'))
  const script = `exec "$0" "$1" expose 127.0.0.1:0 ${service} -k '${keys.server.file}' -a <(cat '${keys.authorized}')`
  const expose = new Running('bash', ['-c', script, process.execPath, MAIN])
  const [, place] = await expose.shows(/exposing \S+ on (\S+) as/)
  const connecting = () => startNopki(['connect', `nopki://${keys.server.publicKey}@${place}`, '-k', keys.alice.file])
  await connecting().shows(/in/)
  expose.child.kill('SIGHUP')
  await expose.shows(/\/dev\/fd\/\d+ is no regular file/)
  await connecting().shows(/in/)
})

check('SIGHUP opens the access log anew', async () => {
  const service = await plainServer(socket => socket.end('in'))
  const { expose, address } = await startExpose(keys, service, ['--access-log', path('rotated')])
  await nopki(['connect', address, '-k', keys.alice.file])
  await until(() => readFileSync(path('rotated'), 'utf8').length > 0)
  renameSync(path('rotated'), path('rotated.1'))
  expose.child.kill('SIGHUP')
  await until(() => existsSync(path('rotated')))
  await nopki(['connect', address, '-k', keys.alice.file])
  await until(() => readFileSync(path('rotated'), 'utf8').length > 0)
  assert.is(linesOf(path('rotated.1')).length, 1)
  assert.is(linesOf(path('rotated')).length, 1)
})

check('metrics and health', async () => {
  const service = await plainServer(socket => socket.end(someBytes(1000)))
  const { expose, address } = await startExpose(keys, service, ['--metrics', `unix:${path('status')}`])
  await nopki(['connect', address, '-k', keys.alice.file], { input: 'hello' })
  await nopki(['connect', address])
  await expose.shows(/refused/)
  const ask = async (page: string) =>
    (
      await run('curl', ['-s', '-w', '%{http_code}', '--unix-socket', path('status'), `http://localhost${page}`])
    ).out.toString()
  const metrics = await ask('/metrics')
  for (const line of [
    'nopki_connections_open 0',
    'nopki_connections_total 1',
    'nopki_connections_ended_total{how="closed"} 1',
    'nopki_connections_ended_total{how="refused"} 1',
    'nopki_bytes_total{direction="received"} 5',
    'nopki_bytes_total{direction="sent"} 1000',
  ]) {
    assert.ok(metrics.includes(`${line}\n`), line)
  }
  assert.match(metrics, /process_cpu_seconds_total/)
  assert.is(await ask('/health'), '{"status":"ok","connections":0,"troubles":[]}\n200')
  assert.match(await ask('/other'), /404$/)
})

check('strangers take no places of --max-connections, and the oldest of them give way', async () => {
  const service = await plainServer(socket => socket.write('in'))
  const limits = ['--max-connections', '2', '--max-pending', '4', '--handshake-timeout', '1h', '--metrics', '0']
  const { expose, address } = await startExpose(keys, service, [...limits, '--access-log', path('strangers')])
  const [, status] = await expose.shows(/metrics and health on \S+:(\d+)/)
  const port = Number(address.split(':').at(-1))
  const strangers = Array.from({ length: 10 }, () => track(dialPlain(port)).on('error', () => {}))
  await until(() => strangers.filter(it => it.destroyed || it.readableEnded).length === 6)
  const keyPair = await loadKey(keys.alice.file, undefined)
  for (let at = 0; at < 2; at++) await next(track(await connect(address, { keyPair })), 'data')
  await rejects(connect(address, { keyPair }), 'LINK_CLOSED')
  const metrics = await (await fetch(`http://127.0.0.1:${status}/metrics`)).text()
  assert.match(metrics, /^nopki_connections_open 2$/m)
  assert.match(metrics, /^nopki_connections_pending [34]$/m)
  assert.match(metrics, /^nopki_connections_refused_lingering 0$/m)
  await until(() => linesOf(path('strangers')).filter(it => it.ended === 'limit').length >= 7)
})

check('one that has as many connections as it may is not healthy, on either side', async () => {
  const service = await plainServer(socket => void socket.resume().on('end', () => socket.end()))
  const limited = ['--max-connections', '1', '--metrics', '0']
  const { port, expose, forward } = await startTunnel(keys, service, { expose: limited, forward: limited })
  const pages = []
  for (const command of [expose, forward]) {
    const [, status] = await command.shows(/metrics and health on \S+:(\d+)/)
    pages.push(`http://127.0.0.1:${status}/health`)
  }
  const client = track(dialPlain(port))
  for (const page of pages) while ((await fetch(page)).status !== 503) {}
  client.destroy()
  for (const page of pages) while ((await fetch(page)).status !== 200) {}
})

test.run()
