import { Caller } from '../ends/caller.js'
import { pageFaults, processorTime, TAKE } from '../ends/job.js'
import type { Sample } from '../results.js'
import { sizeName } from '../scale.js'
import { attempt, type Context, type Measure, type Prepared, type Setting, startEnds } from './measure.js'

/**
 * Fresh processes, a pair for every round, each of which sends at once, without a warm-up, in writes of 64 KiB.
 *
 * rate: MB/s. client, server: seconds of processor time per GB. clientFaults, serverFaults: page faults per GB.
 */
export const fresh: Measure = {
  name: 'fresh',
  cases: ({ freshBytes: value }) => (value ? [{ name: sizeName(value), value }] : []),

  async run(context, [at]) {
    if (!at) return
    const samples = new Map<string, Sample[]>([...context.contestants.keys()].map(name => [name, []]))
    for (let round = 0; round < context.scale.fresh; round++) {
      for (const [name, its] of samples) {
        const done = await attempt(context, `fresh/${at.name}: ${name}`, async () => {
          its.push(await sendOnce(context, name, at))
        })
        if (!done) samples.delete(name)
      }
    }
    for (const [contestant, its] of samples) {
      context.results.rows.push({ measure: 'fresh', case: at.name, contestant, samples: its })
    }
    context.say(`fresh/${at.name}`)
  },

  async prepare({ contestant, keys, port, at }: Setting): Promise<Prepared> {
    const caller = await Caller.open(contestant, keys, port)
    return {
      async run() {
        const [time, faults, started] = [processorTime(), pageFaults(), performance.now()]
        const server = await caller.move({ mode: TAKE, write: WRITE, bytes: at.value })
        const seconds = (performance.now() - started) / 1000
        const gigabytes = at.value / 1e9
        return {
          rate: at.value / 1e6 / seconds,
          client: (processorTime() - time) / 1e6 / gigabytes,
          server: server / 1e6 / gigabytes,
          clientFaults: (pageFaults() - faults) / gigabytes,
        }
      },
      release: () => caller.close(),
    }
  },
}

/** Both processes are started for this alone. */
async function sendOnce({ contestants, scale }: Context, name: string, at: { name: string; value: number }) {
  const ends = await startEnds(name)
  try {
    const [server, client] = ends
    const keys = contestants.get(name)?.keys
    const port = await server.ask<number>('listen', keys)
    await client.ask('prepare', { measure: 'fresh', at, keys, port, scale })
    const before = await server.ask<number>('faults')
    const sample = await client.ask<Sample>('run')
    const faults = (await server.ask<number>('faults')) - before
    return { ...sample, serverFaults: faults / (at.value / 1e9) }
  } finally {
    for (const end of ends) await end.stop()
  }
}

const WRITE = 65_536
