import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { connect } from '../src/node/index.js'

/** MB/s of a channel, from the first write to the receiver’s word that all of it came. */
export async function bulkChannel(port: number, bytes: number, write: number): Promise<number> {
  return pour(await connect({ host: '127.0.0.1', port, allowHalfOpen: true }), bytes, write)
}

/** The same over a plain socket. */
export async function bulkTcp(port: number, bytes: number, write: number): Promise<number> {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
  await once(socket, 'connect')
  return pour(socket, bytes, write)
}

/** Sends a tenth to warm up, then `bytes`; the receiver answers each part with a byte when it has all of it. */
async function pour(stream: Duplex, bytes: number, write: number): Promise<number> {
  const chunk = Buffer.alloc(write, 7)
  const send = async (total: number) => {
    const size = Buffer.alloc(8)
    const count = Math.ceil(total / write)
    size.writeDoubleLE(count * write)
    stream.write(size)
    const answered = once(stream, 'data')
    for (let at = 0; at < count; at++) if (!stream.write(chunk)) await once(stream, 'drain')
    await answered
    return count * write
  }
  await send(bytes / 10)
  const started = performance.now()
  const sent = await send(bytes)
  const seconds = (performance.now() - started) / 1000
  stream.destroy()
  return sent / 1e6 / seconds
}
