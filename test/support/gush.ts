// A process that has a gibibyte to send, and sends it as fast as the channel takes it. Reports its memory while it does, and the hash.

import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect } from '../../src/node/index.js'
import { collect } from './collect.js'

const [port, bytes] = process.argv.slice(2).map(Number) as [number, number]
const CHUNK = 64 * 1024
// What is done with is not to count: engines let tens of megabytes of it wait, of any socket’s.
const COLLECT_EVERY = 16 * 1024 * 1024
const socket = await connect({ host: '127.0.0.1', port, serverKey: 'any' })
const hash = createHash('sha256')
const start = process.memoryUsage.rss()
let peak = start
let produced = 0

const sampling = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
  process.send?.({ produced, growth: peak - start })
}, 50)

await pipeline(Readable.from(chunks()), socket)
clearInterval(sampling)
process.send?.({ produced, growth: peak - start, sha256: hash.digest('hex') })

function* chunks() {
  const chunk = Buffer.alloc(CHUNK)
  for (; produced < bytes; produced += CHUNK) {
    chunk.writeDoubleLE(produced, produced % (CHUNK - 8))
    hash.update(chunk)
    yield Buffer.from(chunk)
    if (produced % COLLECT_EVERY === 0) collect()
  }
}
