// No exception in the handling of one connection ends another, or the process: one is thrown at every step, and the next client is served.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { connect } from '../../src/node/index.js'
import { MAIN, makeKey, Running, workFolder } from '../support/command.js'
import type { Answer, Order } from '../support/inject.js'
import { cleanUpAfter, guarded, plainServer, track } from '../support/sockets.js'
import { startExpose, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const router = await makeKey(folder, 'router')
const keyPair = await loadKey(keys.alice.file, undefined)
const INJECT = fileURLToPath(new URL('../support/inject.js', import.meta.url))
const MOST_CALLS = 12

const LET_IN = ['-k', keys.server.file, '-a', keys.authorized, '--keylog', join(folder, 'keys')]
const LOGGED = ['--access-log', join(folder, 'log')]
const dialChannel = (address: string) => connect(address, { keyPair, allowHalfOpen: true })

/** The command, what it says when it serves, and how a client comes in. */
const SERVICES: Record<
  string,
  () => Promise<{ args: string[]; ready: RegExp; dial: (at: string) => Promise<Duplex> }>
> = {
  'listen --echo': async () => ({
    args: ['listen', '127.0.0.1:0', ...LET_IN, '--keep-open', '--echo'],
    ready: /listening on (\S+)/,
    dial: dialChannel,
  }),
  'listen --exec': async () => ({
    args: ['listen', '127.0.0.1:0', ...LET_IN, '--keep-open', '--exec', 'exec cat'],
    ready: /listening on (\S+)/,
    dial: dialChannel,
  }),
  expose: async () => ({
    args: ['expose', '127.0.0.1:0', String(await echoPort()), ...LET_IN, ...LOGGED],
    ready: /exposing \S+ on (\S+) as/,
    dial: at => dialChannel(`nopki://${keys.server.publicKey}@${at}`),
  }),
  forward: async () => ({
    args: ['forward', '0', await exposedEcho(), '-k', keys.alice.file, ...LOGGED],
    ready: /forwarding 127\.0\.0\.1:(\d+)/,
    dial: async at => net.connect({ port: Number(at), host: '127.0.0.1', allowHalfOpen: true }),
  }),
  route: async () => {
    const behind = (await exposedEcho()).split('@')[1]
    writeFileSync(join(folder, 'table'), `${keys.server.publicKey} ${behind}\n`)
    return {
      args: ['route', '127.0.0.1:0', '-k', router.file, '-t', join(folder, 'table'), ...LOGGED],
      ready: /routing on (\S+) as/,
      dial: at => dialChannel(`nopki://${keys.server.publicKey}@${at}?middlebox=${router.publicKey}`),
    }
  },
}

for (const [name, make] of Object.entries(SERVICES)) {
  guarded(
    test,
    `${name}: whatever is thrown over one client, the others are served`,
    async () => {
      const { args, ready, dial } = await make()
      const service = await startInjected(args, ready)
      try {
        const busy = track(await dial(service.at)).on('error', () => {})
        await echoes(busy)
        await service.order({})
        assert.ok(await isServed(dial, service.at))
        const calls = await service.order({})
        let injected = 0
        for (const [point, count] of Object.entries(calls)) {
          for (let call = 1; call <= Math.min(count, MOST_CALLS); call++) {
            await service.order({ point, call })
            const ends = await settles(isServed(dial, service.at))
            assert.ok(ends, `hangs after ${point}, call ${call}: ${service.err()}`)
            await service.order({})
            assert.ok(await isServed(dial, service.at), `after ${point}, call ${call}: ${service.err()}`)
            injected += 1
          }
        }
        assert.ok(injected >= 8, `${injected} steps`)
        if (!busy.destroyed) await echoes(busy)
      } finally {
        service.child.kill('SIGKILL')
      }
    },
    120_000,
  )
}

guarded(test, 'a program that cannot be started is an alert to its client, and the others are served', async () => {
  const authorized = join(folder, 'with-zero')
  const odd = await makeKey(folder, 'odd')
  writeFileSync(authorized, `${keys.alice.publicKey} alice\n${odd.publicKey} a\0b\n`)
  const args = ['listen', '127.0.0.1:0', '-k', keys.server.file, '-a', authorized, '--keep-open', '--exec', 'exec cat']
  const command = new Running('sh', ['-c', 'ulimit -n 40; exec "$@"', 'sh', process.execPath, MAIN, ...args])
  const [, address = ''] = await command.shows(/listening on (\S+)/)
  const first = track(await dialChannel(address)).on('error', () => {})
  await echoes(first)
  // Its name cannot be in an environment.
  assert.is(await alertOf(await connect(address, { keyPair: await loadKey(odd.file, undefined) })), 'PEER_ALERT')
  await command.shows(/a.b from 127\.0\.0\.1:\d+ cannot be served: ERR_INVALID_ARG_VALUE/)
  // Until no descriptors are left for the pipes.
  for (let failed = false; !failed; ) {
    const client = track(await dialChannel(address)).on('error', () => {})
    const outcome = await Promise.race([echoes(client).then(() => 'served'), alertOf(client)])
    failed = outcome === 'PEER_ALERT'
  }
  await command.shows(/cannot be served: the program could not be started: no descriptors are left/)
  await echoes(first)
})

/** What a channel fails with. */
async function alertOf(socket: Duplex): Promise<string> {
  const error = await new Promise<{ code?: string }>(resolve => track(socket).once('error', resolve).resume())
  return String(error.code)
}

/** A command that throws when it is told to. */
async function startInjected(args: string[], ready: RegExp) {
  const child = fork(MAIN, args, { execArgv: ['--import', INJECT], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let err = ''
  const at = await new Promise<string>((resolve, reject) => {
    child.stderr?.on('data', chunk => {
      err += chunk
      const found = ready.exec(err)
      if (found) resolve(found[1] as string)
    })
    child.once('exit', () => reject(new Error(err)))
  })
  const order = async (it: Order) => {
    const { calls } = await said(child, err, it)
    await once(child, 'message')
    return calls
  }
  return { child, at, order, err: () => err.slice(-2000) }
}

async function said(child: ChildProcess, err: string, order: Order): Promise<Answer> {
  if (!child.connected) throw new Error(`it has ended: ${err}`)
  const answer = once(child, 'message')
  child.send(order)
  return (await answer)[0] as Answer
}

/** Whether a client gets back what it sends, and an end. Resolves when the client is gone. */
async function isServed(dial: (at: string) => Promise<Duplex>, at: string): Promise<boolean> {
  let socket: Duplex
  try {
    socket = track(await dial(at))
  } catch {
    return false
  }
  let got = ''
  let ended = false
  socket.on('data', chunk => {
    got += chunk
    if (got === 'hello') socket.end()
  })
  socket.on('end', () => {
    ended = true
    socket.end()
  })
  socket.on('error', () => {})
  socket.write('hello')
  await new Promise(resolve => socket.once('close', resolve))
  return got === 'hello' && ended
}

/** False if nothing happens. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), 15_000)
  })
  const done = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return done
}

async function echoes(socket: Duplex): Promise<void> {
  socket.write('still')
  assert.is(String((await once(socket, 'data'))[0]), 'still')
}

async function echoPort(): Promise<number> {
  return await plainServer(socket => socket.pipe(socket))
}

async function exposedEcho(): Promise<string> {
  const port = await echoPort()
  return (await startExpose(keys, port)).address
}

test.run()
