// What processes hold in memory while a fast writer floods a slow reader. Linux counts it: /proc/PID/status.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Flooded } from '../suite/flood.js'
import type { Command, Identity, Listening, Part } from '../suite/main.js'
import type { Runtime, RuntimeName } from './binaries.js'
import { type Runner, report, start } from './launch.js'
import { hexKeys } from './matrix.js'
import { startRelay } from './relay.js'

export const CAN_MEASURE = existsSync('/proc/self/clear_refs')

export interface Flood {
  writer: Flooded
  reader: Flooded
  /** For each process, MiB of resident memory at its peak above what it was when the channel was about to be opened. */
  grown: Record<string, number>
}

export const FLOODS = [
  { other: 'workerd', offers: 'node' },
  { other: 'workerd', offers: 'workerd' },
  { other: 'chromium', offers: 'node' },
  { other: 'chromium', offers: 'chromium' },
] as const

export const FLOOD_MIB = 256

/** One WebSocket between Node, which serves, and another runtime: the one that offers is fast, the other slow. */
export async function flood(node: Runtime, other: Runtime, offers: RuntimeName, folder: string): Promise<Flood> {
  const relay = await startRelay()
  const [server, client] = [await start(node, folder), await start(other, folder)]
  const parts: Part[] = [{ name: 'offer', mib: FLOOD_MIB }, { name: 'sip' }]
  const [serverPart, clientPart] = offers === 'node' ? parts : parts.toReversed()
  try {
    const keys = hexKeys()
    const served = serving(server, { do: 'serve', relay: relay.url, keys, part: serverPart as Part })
    const { webSocket } = await served.listening
    await report<Identity>(client, { do: 'identify' })
    const watch = watchMemory({ ...(await server.processes()), ...(await client.processes()) })
    const target = { server: 'node', serverKey: keys.publicKey, version: 2, webSocket } as const
    const [done] = await report<Flooded>(client, { do: 'flood', target, part: clientPart as Part })
    const result = await served.result
    const [writer, reader] = offers === 'node' ? [result, done] : [done, result]
    return { writer: writer as Flooded, reader: reader as Flooded, grown: watch() }
  } finally {
    await Promise.all([server.close(), client.close()])
    relay.close()
  }
}

/** A server’s first two lines: where it listens, and how its one connection went. */
function serving(server: Runner, command: Command): { listening: Promise<Listening>; result: Promise<Flooded> } {
  const lines: ((line: object) => void)[] = []
  const next = <T>() => new Promise<T>(resolve => lines.push(resolve as (line: object) => void))
  const [listening, result] = [next<Listening>(), next<Flooded>()]
  server.run(command, line => lines.shift()?.(line))
  return { listening, result }
}

/** Returns a function that says how far each process went above what it holds now. */
function watchMemory(processes: Record<string, number>): () => Record<string, number> {
  const before = Object.entries(processes).map(([name, pid]) => {
    // From here on the kernel keeps a new peak.
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
    return { name, pid, start: residentMib(pid, 'VmRSS') }
  })
  return () => Object.fromEntries(before.map(({ name, pid, start }) => [name, residentMib(pid, 'VmHWM') - start]))
}

function residentMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))?.[1]) / 1024
}
