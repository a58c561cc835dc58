import { isBytes } from '../../keys/given.js'
import { Gate } from '../gate.js'
import { type ByteStreams, CarrierFault } from '../link.js'
import { ByteQueue } from './queue.js'

/** What is used of a MessagePort; a Worker has it too. */
export interface PortLike {
  // biome-ignore lint/suspicious/noExplicitAny: as the runtimes declare it
  postMessage(message: any, transfer: any[]): void
  // biome-ignore lint/suspicious/noExplicitAny: each runtime has event types of its own
  addEventListener(type: any, listener: (event: any) => void): void
  start?(): void
  close?(): void
}

/**
 * A MessagePort as a pair of byte streams, for `secure`. The other port of its pair has to be used in the same way: what is posted are
 * Uint8Arrays, which are transferred; back, how many bytes of them were read; and `null` at the end.
 */
export function portStreams(port: PortLike): ByteStreams {
  const acknowledged = new Gate()
  let unread = 0
  const queue = new ByteQueue(
    () => leave(),
    chunk => port.postMessage(chunk.length, []),
  )
  const end = () => {
    queue.end()
    acknowledged.fail(new Error('the port was closed'))
  }
  const leave = () => {
    port.postMessage(null, [])
    port.close?.()
    end()
  }
  let transfers = true
  const post = (chunk: Uint8Array) => {
    try {
      port.postMessage(chunk, transfers ? [chunk.buffer] : [])
    } catch (error) {
      if (!transfers) throw error
      // Workers do not transfer.
      transfers = false
      post(chunk)
    }
  }
  port.addEventListener('message', ({ data }: { data: unknown }) => {
    if (isBytes(data)) return queue.push(data)
    if (data === null) return end()
    if (typeof data !== 'number') return queue.drop(new CarrierFault('the peer posted something else than bytes'))
    unread -= data
    acknowledged.open()
  })
  port.addEventListener('close', end)
  port.start?.()
  const writable = new WritableStream<Uint8Array>({
    async write(chunk) {
      unread += chunk.length
      post(chunk)
      while (unread > UNREAD_BYTES) await acknowledged.wait()
    },
    close: () => port.postMessage(null, []),
    abort: leave,
  })
  return { readable: queue.readable, writable }
}

const UNREAD_BYTES = 262_144
