// What processes hold in memory while a fast writer floods a slow reader. Linux counts it: /proc/PID/status.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Flooded } from '../suite/flood.js'
import type { Command, Identity, Listening, Part } from '../suite/main.js'
import { BROWSERS, type Runtime, type RuntimeName } from './binaries.js'
import { type Runner, report, start } from './launch.js'
import { hexKeys } from './matrix.js'
import { startRelay } from './relay.js'

export const CAN_MEASURE = existsSync('/proc/self/clear_refs')

/** Both ways, between Node and each of these. */
export const FLOODS = (['workerd', ...BROWSERS] as const).flatMap(other => [
  { other, offers: 'node' as const },
  { other, offers: other },
])

/** MiB of resident memory, for each process. */
export type Memory = Record<string, number>

export interface Flood {
  /** What both ends say of the flood. */
  writer: Flooded
  reader: Flooded
  /** The peak of a first, small flood, above what was there when nothing had been sent: code. */
  first: Memory
  /** The peak of the flood above what was there when it began. */
  grown: Memory
}

/** Over one WebSocket each, Node, which serves, and another runtime: the one that offers is fast, the other slow. */
export async function flood(node: Runtime, other: Runtime, offers: RuntimeName, folder: string): Promise<Flood> {
  const relay = await startRelay()
  const [server, client] = [await start(node, folder), await start(other, folder)]
  const partsOf = (name: RuntimeName): Part[] =>
    [FIRST_MIB, floodMib(offers === 'node' ? other.name : 'node')].map(mib =>
      name === offers ? { name: 'offer', mib } : { name: 'sip' },
    )
  try {
    const keys = hexKeys()
    const lines = linesOf(server, { do: 'serve', relay: relay.url, keys, parts: partsOf('node') })
    const { webSocket } = await lines.next<Listening>()
    await report<Identity>(client, { do: 'identify' })
    const target = { server: 'node', serverKey: keys.publicKey, version: 2, webSocket } as const
    const processes = { ...(await server.processes()), ...(await client.processes()) }
    const once = async (part: Part | undefined) => {
      const grown = watchMemory(processes)
      const [theirs] = await report<Flooded>(client, { do: 'flood', target, part: part as Part })
      return { grown: grown(), ours: await lines.next<Flooded>(), theirs: theirs as Flooded }
    }
    const [small, large] = partsOf(other.name)
    const { grown: first } = await once(small)
    const { grown, ours, theirs } = await once(large)
    const [writer, reader] = offers === 'node' ? [ours, theirs] : [theirs, ours]
    return { writer, reader, first, grown }
  } finally {
    await Promise.all([server.close(), client.close()])
    relay.close()
  }
}

/** What a server reports, line by line. */
function linesOf(server: Runner, command: Command): { next<T>(): Promise<T> } {
  const lines: object[] = []
  let waiting: ((line: object) => void) | undefined
  server.run(command, line => {
    if (waiting) waiting(line)
    else lines.push(line)
    waiting = undefined
  })
  return {
    next: <T>() =>
      new Promise<T>(resolve => {
        const line = lines.shift()
        if (line) resolve(line as T)
        else waiting = resolve as (line: object) => void
      }),
  }
}

/** Returns a function that says how far each process went above what it holds now. */
function watchMemory(processes: Memory): () => Memory {
  const before = Object.entries(processes).map(([name, pid]) => {
    // From here on the kernel keeps a new peak.
    unlessGone(() => writeFileSync(`/proc/${pid}/clear_refs`, '5'))
    return { name, pid, start: residentMib(pid, 'VmRSS') }
  })
  return () => Object.fromEntries(before.map(({ name, pid, start }) => [name, residentMib(pid, 'VmHWM') - start]))
}

function residentMib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = unlessGone(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? ''
  return Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))?.[1] ?? 0) / 1024
}

/** A browser ends processes that it has no use for: such a one holds nothing. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return undefined
  }
}

/** MiB. Firefox collects late: it has to read more, until what it holds is clearly not all. */
export const floodMib = (reader: RuntimeName): number => (reader === 'firefox' ? 1024 : 256)
const FIRST_MIB = 1
