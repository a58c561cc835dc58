// npm run bench: the channel beside what it is made of, measured in one run, interleaved so that drift hits all alike. Medians.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { bulkChannel, bulkTcp } from './bulk.js'
import { sealAlone } from './seal.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    megabytes: { type: 'string', default: '512' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('usage: npm run bench -- [--rounds 5] [--megabytes 512] [--json]')
  process.exit(0)
}
const rounds = Number(values.rounds)
const bytes = Number(values.megabytes) * 1e6
const RECORD = 16 * 1024
const WRITE = 64 * 1024

const measures: Record<string, () => Promise<number>> = {
  'libsodium wasm, sealing alone, 16 KiB': () => sealAlone(RECORD, bytes),
  'raw TCP, two processes, 64 KiB writes': () => withReceiver('tcp', port => bulkTcp(port, bytes, WRITE)),
  'channel on wasm, two processes, 64 KiB writes': () =>
    withReceiver('channel', port => bulkChannel(port, bytes, WRITE)),
}

const results: Record<string, number[]> = {}
for (let round = 0; round < rounds; round++) {
  for (const [name, measure] of Object.entries(measures)) results[name] = [...(results[name] ?? []), await measure()]
}
report()

function report(): void {
  const names = Object.keys(measures)
  const base = median(results[names[0] as string] ?? [])
  const rows = names.map(name => {
    const rates = results[name] ?? []
    return {
      name,
      megabytesPerSecond: median(rates),
      low: Math.min(...rates),
      high: Math.max(...rates),
      ratio: median(rates) / base,
    }
  })
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, rounds, bytes, rows }, null, 2))
    return
  }
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${rounds} rounds of ${bytes / 1e6} MB; MB/s, median (lowest to highest)\n`,
  )
  for (const { name, megabytesPerSecond, low, high, ratio } of rows) {
    const spread = `(${low.toFixed(0)} to ${high.toFixed(0)})`
    console.log(
      `${name.padEnd(48)} ${megabytesPerSecond.toFixed(0).padStart(6)} ${spread.padEnd(16)} ${ratio.toFixed(2)} × sealing alone`,
    )
  }
}

/** Runs a sender here against a receiver in a process of its own. */
async function withReceiver(kind: string, send: (port: number) => Promise<number>): Promise<number> {
  const receiver = fork(new URL('receiver.js', import.meta.url), [kind])
  try {
    const [port] = (await once(receiver, 'message')) as [number]
    return await send(port)
  } finally {
    receiver.kill()
    await once(receiver, 'exit')
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
