// npm run bench: the channel beside what it is made of, measured in one run. The measures take turns, so that drift hits all alike,
// and each round's ratios are taken within the round; medians.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { bulkChannel, bulkTcp } from './bulk.js'
import { sealAlone } from './seal.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    megabytes: { type: 'string', default: '300' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('usage: npm run bench -- [--rounds 11] [--megabytes 300] [--json]')
  process.exit(0)
}
const rounds = Number(values.rounds)
const bytes = Number(values.megabytes) * 1e6
if (!(rounds >= 1 && bytes >= 1e6)) {
  console.error('error: --rounds and --megabytes are at least 1')
  process.exit(2)
}
const RECORD = 16 * 1024
const WRITE = 64 * 1024

const tcp = await startReceiver('tcp')
const channel = await startReceiver('channel')
const measures: Record<string, () => Promise<number>> = {
  'libsodium wasm, sealing alone, 16 KiB': () => sealAlone(RECORD, bytes),
  'channel on wasm, two processes, 64 KiB writes': () => bulkChannel(channel.port, bytes, WRITE),
  'raw TCP, two processes, 64 KiB writes': () => bulkTcp(tcp.port, bytes, WRITE),
}
const names = Object.keys(measures)
const results: number[][] = []
for (let round = 0; round < rounds; round++) {
  const row: number[] = []
  for (const measure of Object.values(measures)) row.push(await measure())
  results.push(row)
}
for (const { stop } of [tcp, channel]) await stop()
report()

function report(): void {
  const rows = names.map((name, at) => {
    const rates = results.map(row => row[at] ?? 0)
    const ratios = results.map(row => (row[at] ?? 0) / (row[0] ?? 1))
    return {
      name,
      megabytesPerSecond: median(rates),
      low: Math.min(...rates),
      high: Math.max(...rates),
      ratio: median(ratios),
    }
  })
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, rounds, bytes, rows }, null, 2))
    return
  }
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${rounds} rounds of ${bytes / 1e6} MB`)
  console.log('MB/s, median (lowest to highest); the median of each round’s ratio to sealing alone\n')
  for (const { name, megabytesPerSecond, low, high, ratio } of rows) {
    const spread = `(${low.toFixed(0)} to ${high.toFixed(0)})`
    console.log(
      `${name.padEnd(48)} ${megabytesPerSecond.toFixed(0).padStart(6)} ${spread.padEnd(16)} ${ratio.toFixed(2)}`,
    )
  }
}

/** A receiver in a process of its own, which stays for all rounds. */
async function startReceiver(kind: string): Promise<{ port: number; stop(): Promise<void> }> {
  const receiver = fork(new URL('receiver.js', import.meta.url), [kind])
  const [port] = (await once(receiver, 'message')) as [number]
  const stop = async () => {
    receiver.kill()
    await once(receiver, 'exit')
  }
  return { port, stop }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
