// Bad weather: in all four commands that serve, `spawn`, `open`, `write`, `accept`, `connect` and `lookup` fail now and then, while
// 200 clients come and go. WEATHER_SECONDS=300 makes it long; WEATHER_SEED=N another one.

import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { connect } from '../../src/node/index.js'
import { MAIN, makeKey, skippedFor, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import {
  cleanUpAfter,
  delay,
  guarded,
  next,
  plainServer,
  readAll,
  readUntilError,
  someBytes,
} from '../support/sockets.js'
import { tunnelKeys } from '../support/tunnel.js'
import type { Order, Report } from '../support/weather.js'

cleanUpAfter(test)

const SECONDS = Number(process.env.WEATHER_SECONDS ?? 8)
const SEED = process.env.WEATHER_SEED ?? '20261125'
const CLIENTS = 200
const WEATHER = fileURLToPath(new URL('../support/weather.js', import.meta.url))

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const router = await makeKey(folder, 'router')
const keyPair = await loadKey(keys.alice.file)
const running = new Set<ChildProcess>()
test.after(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** A command in whose process the weather is made. */
class Service {
  readonly name: string
  readonly child: ChildProcess
  err = ''

  constructor(name: string, args: string[], spared = 0) {
    this.name = name
    const env = { ...process.env, WEATHER_SEED: SEED, WEATHER_SPARED: String(spared) }
    const execArgv = ['--no-deprecation', '--import', WEATHER]
    this.child = fork(MAIN, args, { execArgv, env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    running.add(this.child)
    this.child.stderr?.on('data', chunk => {
      this.err += chunk
    })
  }

  async shows(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.err)
      if (found) return found[1] ?? ''
      assert.is(this.child.exitCode, null, this.err)
      await delay(20)
    }
  }

  async order(order: Order): Promise<Report> {
    assert.is(this.child.exitCode, null, `${this.name} is over: ${this.err.slice(-2000)}`)
    const answer = next(this.child, 'message')
    this.child.send(order)
    return (await answer)[0]
  }
}

type Outcome = 'served' | 'failed' | 'wrong' | 'hung'

/** Sends, and wants the same back: an error is no surprise, but other bytes, fewer, or nothing at all. */
async function visit(open: () => Promise<Outcome>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Outcome>(resolve => {
    timer = setTimeout(() => resolve('hung'), 45_000)
  })
  return await Promise.race([open(), late]).finally(() => clearTimeout(timer))
}

/** By a plain connection, through forward, route and expose. */
async function visitTunnel(port: number, data: Buffer): Promise<Outcome> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let got = 0
  socket.on('data', chunk => {
    got += chunk.length
    if (got === data.length) socket.end()
  })
  socket.write(data)
  const read = readUntilError(socket).then(
    () => 'failed' as const,
    // It ended, and no reset was found behind that.
    () => 'wrong' as const,
  )
  const all = readAll(socket).then(
    back => (back.equals(data) ? ('served' as const) : read),
    () => 'failed' as const,
  )
  return await all.finally(() => socket.destroy())
}

/** By a channel, to a program under --exec. */
async function visitProgram(address: string, data: Buffer): Promise<Outcome> {
  try {
    const socket = await connect(address, { keyPair, allowHalfOpen: true })
    socket.end(data)
    return (await readAll(socket).finally(() => socket.destroy())).equals(data) ? 'served' : 'wrong'
  } catch {
    return 'failed'
  }
}

async function start() {
  const echo = await plainServer(socket => socket.pipe(socket))
  const log = (name: string) => [
    '--access-log',
    join(folder, `${name}.log`),
    '--drain-timeout',
    '1s',
    '--max-connections',
    '0',
  ]
  const letIn = ['-k', keys.server.file, '-a', keys.authorized]
  const program = new Service('listen', ['listen', '127.0.0.1:0', ...letIn, '--keep-open', '--exec', 'exec cat'])
  const address = (await program.shows(/listening on (\S+)/)).replace('127.0.0.1', 'localhost')
  const expose = new Service('expose', ['expose', '127.0.0.1:0', `localhost:${echo}`, ...letIn, ...log('expose')])
  const behind = await expose.shows(/exposing \S+ on \S+:(\d+) as/)
  writeFileSync(join(folder, 'table'), `${keys.server.publicKey} localhost:${behind}\n`)
  const table = ['-k', router.file, '-t', join(folder, 'table')]
  const route = new Service('route', ['route', '127.0.0.1:0', ...table, ...log('route')])
  const through = await route.shows(/routing on \S+:(\d+) as/)
  const port = await freePort()
  const at = `nopki://${keys.server.publicKey}@localhost:${through}?middlebox=${router.publicKey}`
  const forward = new Service('forward', ['forward', String(port), at, '-k', keys.alice.file, ...log('forward')], port)
  await forward.shows(/forwarding/)
  return { services: [program, expose, route, forward], address, port }
}

const check = existsSync('/proc/self/fd') ? guarded : skippedFor('no /proc to count descriptors in')
check(
  test,
  `${CLIENTS} clients in bad weather for ${SECONDS} s, seed ${SEED}`,
  async () => {
    const { services, address, port } = await start()
    const outcomes: Record<Outcome, number> = { served: 0, failed: 0, wrong: 0, hung: 0 }
    const once = async (which: number) => {
      const data = someBytes(1 + ((which * 7919) % 40_000))
      const outcome = await visit(() => (which % 4 === 0 ? visitProgram(address, data) : visitTunnel(port, data)))
      outcomes[outcome] += 1
      return outcome
    }
    for (const which of [0, 1, 4, 5]) assert.is(await once(which), 'served', services.map(it => it.err).join('\n'))
    await delay(500)
    const before = await Promise.all(services.map(it => it.order({ oneIn: 200 })))

    const until = performance.now() + SECONDS * 1000
    const hangUps = setInterval(() => services.forEach(it => void it.child.kill('SIGHUP')), 700)
    const client = async (which: number) => {
      while (performance.now() < until) await once(which)
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, which) => client(which))).finally(() =>
      clearInterval(hangUps),
    )
    const reports = await Promise.all(services.map(it => it.order({ oneIn: 0 })))
    console.log(`\n  ${JSON.stringify(outcomes)}`)
    for (const [at, { name }] of services.entries()) console.log(`  ${name}: ${JSON.stringify(reports[at]?.failed)}`)
    assert.is(outcomes.wrong + outcomes.hung, 0)
    assert.ok(outcomes.served > outcomes.failed, 'most are served all the same')

    for (let which = 0; which < 20; which += 1)
      assert.is(await once(which), 'served', `client ${which}, in good weather`)
    for (const [at, service] of services.entries()) await nothingIsLeft(service, before[at] as Report)
    for (const service of services) {
      service.child.kill('SIGTERM')
      if (service.child.exitCode === null) await next(service.child, 'exit')
      assert.is(service.child.exitCode, 0, service.err.slice(-2000))
    }
  },
  SECONDS * 1000 + 180_000,
)

/** Last words linger for half a minute. */
async function nothingIsLeft(service: Service, before: Report): Promise<void> {
  for (let left = 400; ; left -= 1) {
    const now = await service.order({ oneIn: 0 })
    const rest = (['descriptors', 'bytes', 'buffers'] as const).filter(what => now[what] > before[what])
    if (rest.length === 0) return
    assert.ok(left > 0, `${service.name}: ${JSON.stringify(before)}, then ${JSON.stringify(now)}`)
    await delay(100)
  }
}

test.run()
