import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { serialize } from 'node:v8'
import { End } from '../ends/asks.js'
import type { Sample } from '../results.js'
import { attempt, type Context, type Measure } from './measure.js'

/**
 * A process that starts, imports the contestant, connects, and sends one byte, until the byte has come back: milliseconds since the
 * process was started (process), and since the import began (import).
 */
export const cold: Measure = {
  name: 'cold',
  cases: ({ starts: value }) => (value ? [{ name: 'start', value }] : []),

  async run(context, [at]) {
    if (!at) return
    const servers = new Map<string, { end: End; port: number; samples: Sample[] }>()
    try {
      for (const [name, { keys }] of context.contestants) {
        await attempt(context, `cold: ${name}`, async () => {
          const end = await End.start('server', name)
          servers.set(name, { end, port: await end.ask<number>('listen', keys), samples: [] })
        })
      }
      // The first start finds nothing in the system's caches.
      for (let round = -1; round < at.value; round++) {
        for (const [name, { port, samples }] of servers) {
          await attempt(context, `cold: ${name}`, async () => {
            const sample = await start(context, name, port)
            if (round >= 0) samples.push(sample)
          })
        }
      }
      for (const [contestant, { samples }] of servers) {
        context.results.rows.push({ measure: 'cold', case: at.name, contestant, samples })
      }
    } finally {
      for (const { end } of servers.values()) await end.stop()
    }
    context.say('cold')
  },
}

async function start({ contestants }: Context, name: string, port: number): Promise<Sample> {
  const args = [name, String(port), serialize(contestants.get(name)?.keys).toString('base64')]
  const started = performance.timeOrigin + performance.now()
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args], { timeout: 60_000 })
  const { imported, done } = JSON.parse(stdout) as { imported: number; done: number }
  return { process: done - started, import: done - imported }
}

const PROGRAM = fileURLToPath(new URL('../ends/cold.js', import.meta.url))
