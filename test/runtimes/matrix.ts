// Every client runtime against every server runtime, each pair over a real connection between two processes.

import { generateKeyPair } from 'nopki'
import type { Command, HexKeys, Identity, Listening, Talked, Target } from '../suite/main.js'
import { findRuntime, isBrowser, RUNTIMES, type Runtime, type RuntimeName } from './binaries.js'
import { firstLine, type Runner, report, start } from './launch.js'
import { startRelay } from './relay.js'

export const CARRIERS = ['TCP', 'WebSocket'] as const
export const VERSIONS = [2, 1] as const

export interface Pairing {
  over: (typeof CARRIERS)[number]
  client: RuntimeName
  server: RuntimeName
  version: 1 | 2
}

export type Outcome = Pairing & Partial<Talked>

/** The pairs that there can be. A browser has no TCP, and a Worker is given none to listen on. */
export const PAIRINGS: readonly Pairing[] = CARRIERS.flatMap(over =>
  clientsOver(over).flatMap(client =>
    serversOver(over).flatMap(server => VERSIONS.map(version => ({ over, client, server, version }))),
  ),
)

export function clientsOver(over: Pairing['over']): RuntimeName[] {
  return RUNTIMES.filter(it => over === 'WebSocket' || !isBrowser(it))
}

export function serversOver(over: Pairing['over']): RuntimeName[] {
  return RUNTIMES.filter(it => over === 'WebSocket' || (!isBrowser(it) && it !== 'workerd'))
}

export interface Matrix {
  runtimes: Runtime[]
  /** The SHA-256 of what each has loaded. */
  wasm: Map<RuntimeName, string[]>
  outcomes: Outcome[]
}

/** Runs all pairs of the runtimes that this machine has. @param folder of `suiteProject` */
export async function runMatrix(folder: string): Promise<Matrix> {
  const runtimes = RUNTIMES.map(findRuntime).filter(it => typeof it !== 'string')
  const relay = await startRelay()
  const starting: Promise<Runner>[] = []
  const startOne = (runtime: Runtime) => {
    const runner = start(runtime, folder)
    starting.push(runner)
    return runner
  }
  try {
    const targets = new Map<RuntimeName, Listening & { serverKey: string }>()
    const serve = async (runtime: Runtime) => {
      const keys = hexKeys()
      const command: Command = { do: 'serve', relay: relay.url, keys, parts: [{ name: 'answer' }] }
      const listening = await firstLine<Listening>(await startOne(runtime), command)
      targets.set(runtime.name, { ...listening, serverKey: keys.publicKey })
    }
    await Promise.all(runtimes.map(serve))
    const clients = await Promise.all(runtimes.map(startOne))
    const matrix: Matrix = { runtimes, wasm: new Map(), outcomes: [] }
    for (const [at, runtime] of runtimes.entries()) {
      const runner = clients[at] as Runner
      const [identity] = await report<Identity>(runner, { do: 'identify' })
      matrix.wasm.set(runtime.name, identity?.wasm ?? [])
      const pairings = PAIRINGS.filter(it => it.client === runtime.name && targets.has(it.server))
      const talked = await report<Talked>(runner, { do: 'talk', targets: pairings.map(it => targetOf(it, targets)) })
      matrix.outcomes.push(...pairings.map((it, at) => ({ ...it, ...talked[at] })))
    }
    return matrix
  } finally {
    const runners = await Promise.allSettled(starting)
    await Promise.all(runners.map(it => it.status === 'fulfilled' && it.value.close()))
    relay.close()
  }
}

function targetOf(
  { over, server, version }: Pairing,
  targets: Map<RuntimeName, Listening & { serverKey: string }>,
): Target {
  const { tcp = 0, webSocket = '', serverKey = '' } = targets.get(server) ?? {}
  return { server, serverKey, version, ...(over === 'TCP' ? { tcp } : { webSocket }) }
}

export function hexKeys(): HexKeys {
  const { publicKey, secretKey } = generateKeyPair()
  return { publicKey: Buffer.from(publicKey).toString('hex'), secretKey: Buffer.from(secretKey).toString('hex') }
}
