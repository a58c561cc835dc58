import { ChannelError } from '../errors.js'
import type { ByteStreams } from './link.js'
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
 * Uint8Arrays, and `null` at the end.
 */
export function portStreams(port: PortLike): ByteStreams {
  const queue = new ByteQueue(() => port.close?.())
  port.addEventListener('message', ({ data }: { data: unknown }) => {
    if (data === null) queue.end()
    else if (data instanceof Uint8Array) queue.push(data)
    else queue.fail(new ChannelError('PEER_MALFORMED', 'the peer posted something else than bytes'))
  })
  port.addEventListener('close', () => queue.end())
  port.start?.()
  const writable = new WritableStream<Uint8Array>({
    write: chunk => port.postMessage(chunk, [chunk.buffer]),
    close: () => port.postMessage(null, []),
    abort() {
      port.postMessage(null, [])
      port.close?.()
    },
  })
  return { readable: queue.readable, writable, pushesBack: false }
}
