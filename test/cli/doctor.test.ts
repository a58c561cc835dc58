// nopki doctor, against servers that are well, and against all that can be wrong.

import net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseTable } from '../../src/cli/route/table.js'
import { createServer, encodePublicKey, encodeSecretKey, formatAddress } from '../../src/node/index.js'
import { filesIn, nopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { echoServers, line, middleboxKeys, startRouting } from '../support/routing.js'
import {
  cleanUpAfter,
  clientKeys,
  dial,
  guarded,
  plainServer,
  serve,
  serverKeys,
  track,
  VERSIONS,
} from '../support/sockets.js'

const test = suite('doctor')
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 60_000)
cleanUpAfter(test)
const folder = filesIn(workFolder(test))
const key = folder.write('alice.key', encodeSecretKey(clientKeys.secretKey))
const server = encodePublicKey(serverKeys.publicKey)
const alice = encodePublicKey(clientKeys.publicKey)

interface Step {
  step: string
  result: string
  found: string
  means?: string
}

function addressOf(port: number, more: Partial<Parameters<typeof formatAddress>[0]> = {}): string {
  return formatAddress({ host: '127.0.0.1', port, serverKey: serverKeys.publicKey, ...more })
}

async function doctor(...args: string[]): Promise<{ code: number | null; steps: Step[]; err: string }> {
  // Where an answer comes, it does not wait for so long.
  const wait = args.includes('--wait') ? [] : ['--wait', '30s']
  const { code, out, err } = await nopki(['doctor', '--json', ...wait, ...args])
  const lines = String(out).trim().split('\n').filter(Boolean)
  return { code, steps: lines.map(it => JSON.parse(it)), err }
}

/** The last step, which failed. */
function failure({ code, steps, err }: Awaited<ReturnType<typeof doctor>>): string {
  assert.is(code, 1)
  const failed = steps.filter(it => it.result === 'failed')
  assert.is(failed.length, 1)
  const [{ step, found, means }] = failed as [Step]
  assert.is(err, `error: ${step}: ${found}\n${means ? `hint: ${means}\n` : ''}`)
  return `${step}: ${found}`
}

for (const version of VERSIONS) {
  check(`v${version}: all is well`, async () => {
    const [echo] = await echoServers(1)
    const { code, steps, err } = await doctor(addressOf(echo!.port, { version }), '-k', key)
    assert.is(code, 0, err)
    assert.is(err, '')
    const results = steps.map(it => `${it.step} ${it.result}`)
    assert.equal(results, [
      'connect ok',
      'hello ok',
      'challenge ok',
      'key ok',
      `version ${version === 2 ? 'ok' : 'unknown'}`,
      'primitives ok',
      'authorized ok',
      'round trip ok',
    ])
    const client = await dial(echo!.port, { version })
    const { accelerated } = client
    const sealed = accelerated ? `the platform’s are used: ${accelerated}` : 'all of them are in WebAssembly'
    assert.is(steps.find(it => it.step === 'primitives')!.found, sealed)
    assert.is(steps[3]!.found, `the server proved ${server}, as the address says`)
    const served = steps.find(it => it.step === 'authorized')!
    assert.is(served.found, `${alice} is served: the server ended its direction too`)
    assert.match(steps.at(-1)!.found, /^TCP \d+\.\d ms; hello to challenge \d+\.\d ms$/)
  })
}

check('as text, for a name', async () => {
  const [echo] = await echoServers(1)
  const { code, out, err } = await nopki(['doctor', `localhost:${echo!.port}`, '--server-key', server])
  assert.is(code, 0, err)
  const text = String(out)
  assert.match(text, /^ok {7}name {8}localhost is .*127\.0\.0\.1.* \(\d+\.\d ms\)$/m)
  assert.match(text, /^ok {7}connect {5}connected to .*:\d+ \(\d+\.\d ms\)$/m)
  assert.match(text, /^ok {7}hello {7}sent 1292 bytes of version 2; it names pk_/m)
  assert.match(text, /^ok {7}authorized {2}pk_\S+ \(made for this; --key gives another\) is served/m)
  assert.is(err, '')
})

check('a server whose key nobody tells', async () => {
  const [echo] = await echoServers(1)
  const { code, steps } = await doctor(`127.0.0.1:${echo!.port}`, '--known-servers', folder.path('none'))
  assert.is(code, 0)
  const told = steps.find(it => it.step === 'key')!
  assert.is(told.result, 'unknown')
  assert.is(told.found, `the server proved ${server}`)
  const known = folder.write('known', `127.0.0.1:${echo!.port} ${server}\n`)
  const { steps: again } = await doctor(`127.0.0.1:${echo!.port}`, '--known-servers', known)
  assert.match(again.find(it => it.step === 'key')!.found, /, as .*known, line 1 says$/)
})

check('who is not authorized, and what is behind is away', async () => {
  const { port } = await serve({ authorize: () => false })
  assert.match(
    failure(await doctor(addressOf(port), '-k', key)),
    /^authorized: the server does not serve this client’s key: pk_/,
  )
  const { server: away, port: second } = await serve()
  away.on('secureConnection', socket => void socket.alert(1, 'the service cannot be reached'))
  assert.match(
    failure(await doctor(addressOf(second))),
    /^authorized: pk_.* is served, but the peer ended .*: the service cannot be reached$/,
  )
  const { server: quiet, port: third } = await serve({ allowHalfOpen: true })
  quiet.on('secureConnection', socket => socket.resume())
  const { code, steps } = await doctor(addressOf(third), '--wait', '500ms')
  assert.is(code, 0)
  assert.is(steps.find(it => it.step === 'authorized')!.result, 'unknown')
  const { server: talker, port: fourth } = await serve({ allowHalfOpen: true })
  talker.on('secureConnection', socket => socket.write('220 welcome'))
  assert.match(
    (await doctor(addressOf(fourth))).steps.find(it => it.step === 'authorized')!.found,
    /the server spoke first$/,
  )
})

check('another key, and another protocol', async () => {
  const [echo] = await echoServers(1)
  const wrong = await doctor(
    addressOf(echo!.port, { serverKey: clientKeys.publicKey, middleboxKey: middleboxKeys.publicKey }),
  )
  assert.is(failure(wrong), `key: the server answers as ${server}, not as the pinned ${alice}`)
  assert.match(
    failure(await doctor(addressOf(echo!.port, { serverKey: clientKeys.publicKey }))),
    /^key: the server answers as /,
  )
  const http = await plainServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31m'))
  const other = await doctor(addressOf(http))
  assert.is(failure(other), 'challenge: the first bytes are no version of this protocol')
  assert.match(other.err, /begins with “HTTP\/1\.1 400 Bad Request····/)
  const closing = await plainServer(socket => socket.once('data', () => socket.destroy()))
  assert.match(failure(await doctor(addressOf(closing))), /^challenge: the connection closed /)
  const silent = await plainServer(() => {})
  const late = await doctor(addressOf(silent), '--timeout', '2s')
  assert.match(failure(late), /^challenge: the server’s challenge took more than \d+ ms$/)
  assert.match(late.err, /hint: nothing came back: a server may refuse without a word/)
})

check('through a middlebox', async () => {
  const [echo] = await echoServers(1)
  const routing = await startRouting([line(serverKeys.publicKey, echo!.port)])
  const through = { middleboxKey: middleboxKeys.publicKey }
  const { code, steps } = await doctor(addressOf(routing.port, through))
  assert.is(code, 0)
  assert.match(steps.find(it => it.step === 'challenge')!.found, /through the middlebox/)
  routing.table = new Map()
  assert.is(
    failure(await doctor(addressOf(routing.port, through))),
    `challenge: the middlebox has no route to ${server}`,
  )
  routing.handshakeTimeout = 500
  const stranger = await doctor(addressOf(routing.port, { middleboxKey: clientKeys.publicKey }))
  assert.match(failure(stranger), /^challenge: the connection closed /)
  assert.match(stranger.err, /a middlebox gives no answer to a hello that is not for its key/)
  const deaf = await serve({ versions: [1] })
  routing.table = parseTable(line(serverKeys.publicKey, deaf.port), 'table')
  const ignored = await doctor(addressOf(routing.port, { ...through, version: 1 }))
  assert.match(failure(ignored), /^challenge: the connection closed /)
  assert.match(ignored.err, /nor does a version 1 server that ignores strangers/)
})

check('nobody there', async () => {
  assert.match(
    failure(await doctor(addressOf(await freePort()))),
    /^connect: 127\.0\.0\.1:\d+ cannot be reached: connect ECONNREFUSED/,
  )
  assert.match(
    failure(await doctor(`unix:${folder.path('none.sock')}`)),
    /^connect: unix:.* cannot be reached: connect ENOENT/,
  )
  assert.match(
    failure(await doctor('nobody.invalid:1')),
    /^name: nobody\.invalid has no address \((?:ENOTFOUND|EAI_AGAIN)\)$/,
  )
  const path = folder.path('server.sock')
  const local = track(createServer({ keyPair: serverKeys, authorize: 'anyone' }, socket => socket.resume()))
  await new Promise<void>(resolve => local.listen(path, resolve))
  assert.is((await doctor(`unix:${path}`, '--server-key', server)).code, 0)
  const full = track(net.createServer(socket => socket.resetAndDestroy()))
  await new Promise<void>(resolve => full.listen(0, '127.0.0.1', resolve))
  assert.match(failure(await doctor(addressOf((full.address() as net.AddressInfo).port))), /^(?:connect|challenge): /)
})

test.run()
