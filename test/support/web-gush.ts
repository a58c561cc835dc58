// A process at one end of a channel over a WebSocket, which sends 256 MiB as fast as the channel takes it, or reads them: a little,
// and the rest when it is told to. Reports what it has done, its memory, and at the end the hash.

import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { acceptWebSocket, connectWebSocket, generateKeyPair, type SecureChannel } from '../../src/web/index.js'
import { collect } from './collect.js'

const [job, port, total] = process.argv.slice(2) as [string, string, string]
const bytes = Number(total)
const CHUNK = 64 * 1024
// What is done with is not to count: engines let tens of megabytes of it wait, of any socket’s.
const COLLECT_EVERY = 16 * 1024 * 1024
const channel = port === '0' ? await accept() : await connect()
const hash = createHash('sha256')
collect()
const start = process.memoryUsage.rss()
let peak = start
let done = 0

const report = (more = {}) => {
  peak = Math.max(peak, process.memoryUsage.rss())
  process.send?.({ done, growth: peak - start, ...more })
}
const sampling = setInterval(report, 25)
if (job === 'write') await write(channel)
else await read(channel)
clearInterval(sampling)
await channel.close()
report({ sha256: hash.digest('hex') })
process.disconnect?.()

async function accept(): Promise<SecureChannel> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  server.on('listening', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  const socket = await new Promise<WebSocket>(resolve => server.on('connection', resolve))
  server.close()
  return await acceptWebSocket(unstoppable(socket), { keyPair: generateKeyPair(), authorize: 'anyone' })
}

async function connect(): Promise<SecureChannel> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  return await connectWebSocket(unstoppable(socket), { serverKey: 'any' })
}

/** As browsers, Workers, Deno and Bun have it: what comes cannot be held up. */
function unstoppable(socket: WebSocket): WebSocket {
  return Object.assign(socket, { pause: undefined, resume: undefined })
}

async function write({ writable }: SecureChannel): Promise<void> {
  const writer = writable.getWriter()
  for (; done < bytes; done += CHUNK) {
    const chunk = Buffer.alloc(CHUNK)
    chunk.writeDoubleLE(done, done % (CHUNK - 8))
    hash.update(chunk)
    await writer.ready
    writer.write(chunk).catch(() => {})
    if (done % COLLECT_EVERY === 0) collect()
  }
  await writer.close()
}

async function read({ readable }: SecureChannel): Promise<void> {
  const go = new Promise(resolve => process.once('message', resolve))
  for await (const chunk of readable) {
    hash.update(chunk)
    if (done % COLLECT_EVERY > (done + chunk.length) % COLLECT_EVERY) collect()
    done += chunk.length
    if (done === chunk.length) await go
  }
}
