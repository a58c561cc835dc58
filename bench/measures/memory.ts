import type { End } from '../ends/asks.js'
import type { Caller } from '../ends/caller.js'
import type { Memory } from '../ends/server.js'
import type { Scale } from '../scale.js'
import { openEach } from './handshakes.js'
import { attempt, type Case, type Context, type Measure, type Prepared, startEnds } from './measure.js'

/**
 * Resident memory of the server's process for each idle connection, after garbage collection: what it has grown by since just
 * before the first one, when every path had been used once. perConnection, core (the wasm core's own account): bytes.
 */
export const memory: Measure = {
  name: 'memory',
  cases: idleCases,

  async run(context, cases) {
    const limit = openFiles()
    for (const name of context.contestants.keys()) {
      const possible = cases.filter(({ value }) => value + SPARE_FILES < limit)
      for (const at of cases.filter(it => !possible.includes(it))) {
        context.results.leftOut[`memory/${at.name}: ${name}`] = `a process may open ${limit} files: raise ulimit -n`
      }
      await attempt(context, `memory: ${name}`, () => ramp(context, name, possible))
      context.say(`memory: ${name}`)
    }
  },

  /** Holds `at.value` connections open: each case adds to those of the one before. */
  async prepare(setting): Promise<Prepared> {
    await openEach(setting, setting.at.value - held.length, AT_ONCE, async caller => held.push(caller))
    return {
      run: async () => ({}),
      release() {
        for (const caller of held.splice(0)) caller.close()
      },
    }
  },
}

function idleCases({ idle }: Scale): Case[] {
  return idle.map(value => ({ name: `${value}`, value }))
}

async function ramp({ contestants, scale, results }: Context, name: string, cases: Case[]): Promise<void> {
  const keys = contestants.get(name)?.keys
  const [server, client] = await startEnds(name, ['--expose-gc'])
  try {
    const port = await server.ask<number>('listen', keys)
    const hold = (at: Case) => client.ask('prepare', { measure: 'memory', keys, port, scale, at })
    await hold({ name: 'warm-up', value: WARM_UP })
    await client.ask('release')
    await allClosed(server)
    const start = await server.ask<Memory>('memory')
    let open = 0
    let milliseconds = 0
    for (const at of cases) {
      const expected = (milliseconds / open) * (at.value - open)
      if (expected > MOST_MS) {
        const seconds = Math.round(expected / 1000)
        results.leftOut[`memory/${at.name}: ${name}`] = `opening so many would take ${seconds} s`
        continue
      }
      const started = performance.now()
      await hold(at)
      milliseconds += performance.now() - started
      open = at.value
      const now = await server.ask<Memory>('memory')
      const each = (of: number, since: number) => (of - since) / at.value
      const sample = { perConnection: each(now.resident, start.resident) }
      const core = now.core === undefined ? {} : { core: each(now.core, start.core ?? 0) }
      results.rows.push({ measure: 'memory', case: at.name, contestant: name, samples: [{ ...sample, ...core }] })
    }
  } finally {
    await client.stop()
    await server.stop()
  }
}

/** The server has no connection any more. */
export async function allClosed(server: End): Promise<void> {
  while ((await server.ask<number>('open')) > 0) await new Promise(resolve => setTimeout(resolve, 20))
}

/** How many files, and so sockets, a process may open. Node raises the soft limit to the hard one by itself. */
function openFiles(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: Record<string, { hard: number | 'unlimited' }> }
  const { hard = 'unlimited' } = userLimits?.open_files ?? {}
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

const held: Caller[] = []
const WARM_UP = 50
// As long as the slowest contestant that is in common use takes for 10,000, and some more.
const MOST_MS = 90_000
const AT_ONCE = 64
const SPARE_FILES = 100
