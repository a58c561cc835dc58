import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { NATIVE } from '../contestants/list.js'
import { End } from '../ends/asks.js'
import type { Load } from '../ends/load.js'
import type { Sample } from '../results.js'
import type { Context, Measure } from './measure.js'

/**
 * examples/cluster.js with one worker and with one a core, under load from as many processes. handshakes: connections a second, each
 * for one byte. rate: MB/s that came and were hashed, 4 MiB a connection. workers: how many of them answered. share: what the busiest
 * of them answered, of all.
 */
export const cluster: Measure = {
  name: 'cluster',
  cases: ({ hashed: value }) => (value ? [{ name: 'workers', value }] : []),

  async run(context, [at]) {
    if (!at || !context.contestants.has(NATIVE)) return
    const sizes = [1, Math.max(2, availableParallelism())]
    const clusters: { size: number; child: ChildProcess; address: string; samples: Sample[] }[] = []
    const loads: End[] = []
    try {
      for (const size of sizes) clusters.push({ size, ...(await startCluster(size)), samples: [] })
      for (let count = 0; count < sizes[1]!; count++) loads.push(await End.start('load'))
      // The first round warms up.
      for (let round = -1; round < context.scale.rounds; round++) {
        for (const { address, samples } of round % 2 ? clusters : clusters.toReversed()) {
          const sample = await putLoad(context, loads, address, at.value)
          if (round >= 0) samples.push(sample)
        }
      }
      for (const { size, samples } of clusters) {
        context.results.rows.push({ measure: 'cluster', case: at.name, contestant: `${size}`, samples })
      }
    } finally {
      for (const load of loads) await load.stop()
      for (const { child } of clusters) await stopCluster(child)
    }
    context.say('cluster')
  },
}

async function putLoad({ scale }: Context, loads: End[], address: string, megabytes: number): Promise<Sample> {
  const put = async (count: number, bytes: number) => {
    const each: Load = { address, count: Math.ceil(count / loads.length), bytes, atOnce: AT_ONCE }
    const started = performance.now()
    const answers = await Promise.all(loads.map(load => load.ask<string[]>('put', each)))
    const seconds = (performance.now() - started) / 1000
    return { answeredBy: answers.flat(), seconds }
  }
  const opened = await put(Math.max(MOST_HANDSHAKES * (scale.milliseconds / 400), 8), 1)
  const hashed = await put(Math.ceil(megabytes / 4), BYTES)
  const counts = new Map<string, number>()
  for (const name of opened.answeredBy) counts.set(name, (counts.get(name) ?? 0) + 1)
  return {
    handshakes: opened.answeredBy.length / opened.seconds,
    rate: (hashed.answeredBy.length * BYTES) / 1e6 / hashed.seconds,
    workers: counts.size,
    share: Math.max(...counts.values()) / opened.answeredBy.length,
  }
}

async function startCluster(size: number): Promise<{ child: ChildProcess; address: string }> {
  const child = spawn(process.execPath, [EXAMPLE, '0', String(size)], { stdio: ['ignore', 'pipe', 'ignore'] })
  const gone = once(child, 'exit').then(() => Promise.reject(new Error('examples/cluster.js ended')))
  const [address] = await Promise.race([once(child.stdout!, 'data'), gone])
  gone.catch(() => {})
  return { child, address: String(address).trim() }
}

async function stopCluster(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}

const EXAMPLE = fileURLToPath(new URL('../../../examples/cluster.js', import.meta.url))
const AT_ONCE = 8
const MOST_HANDSHAKES = 600
const BYTES = 4 * 1024 * 1024
