import { Caller } from '../ends/caller.js'
import { EXCHANGE, processorTime, TAKE } from '../ends/job.js'
import { type Scale, sizeName } from '../scale.js'
import { type Case, countFor, interleaved, type Measure, type Prepared, type Setting } from './measure.js'
import { sealingAlone } from './sealing.js'

/**
 * One connection, as fast as it goes, one way or both at once, by size of a write.
 *
 * rate: MB/s, both directions together. client, server: seconds of processor time per GB, at each end.
 */
export const bulk = moving('bulk', TAKE)
export const exchange = moving('exchange', EXCHANGE)

function moving(name: string, mode: number): Measure {
  return {
    name,
    cases: writeCases,
    run: interleaved(name, mode === TAKE ? sealingAlone : undefined),
    prepare: setting => prepare(mode, setting),
  }
}

function writeCases({ writes }: Scale): Case[] {
  return writes.map(value => ({ name: sizeName(value), value }))
}

async function prepare(mode: number, { contestant, keys, port, scale, at }: Setting): Promise<Prepared> {
  const write = at.value
  const caller = await Caller.open(contestant, keys, port)
  const move = (count: number) => caller.move({ mode, write, bytes: count * write })
  const count = await countFor(scale, move)
  const bytes = count * write * (mode === EXCHANGE ? 2 : 1)
  return {
    async run() {
      const before = processorTime()
      const started = performance.now()
      const server = await move(count)
      const seconds = (performance.now() - started) / 1000
      const client = processorTime() - before
      // Microseconds a byte are thousands of seconds a gigabyte.
      return { rate: bytes / 1e6 / seconds, client: (client / bytes) * 1e3, server: (server / bytes) * 1e3 }
    },
    release: () => caller.close(),
  }
}
