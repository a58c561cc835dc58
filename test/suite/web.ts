// Channels through nopki/web, over what every runtime has: Web Streams and WebSocket.

import { acceptWebSocket, type Bytes, connectWebSocket, type SecureChannel, secure } from 'nopki/web'
import type { Carrier, End, Pair, Setup } from './carrier.js'

/** Two pairs of transform streams. */
export const streams: Carrier = async ({ client, server, wire }) => {
  const [there, back] = [passage(wire), passage(wire)]
  return pairOf(
    secure({ readable: back.readable, writable: there.writable }, { role: 'client', ...client }),
    secure({ readable: there.readable, writable: back.writable }, { role: 'server', ...server }),
    () => {
      there.cut()
      back.cut()
    },
  )
}

/** Two WebSockets that meet at a relay: so a browser is a server, too. */
export function webSockets(relay: string, open: (url: string) => WebSocket): Carrier {
  return async ({ client, server, wire }) => {
    const place = `${relay}/${crypto.randomUUID()}`
    const [near, far] = [open(`${place}/to?wire=${wire}`), open(`${place}/serve?wire=${wire}`)]
    return pairOf(connectWebSocket(near, client), acceptWebSocket(far, server), () => {
      near.close()
      far.close()
    })
  }
}

export function pairOf(client: Promise<SecureChannel>, server: Promise<SecureChannel>, cut: () => void): Pair {
  const pair = { client: client.then(channelEnd), server: server.then(channelEnd), cut }
  for (const end of [pair.client, pair.server]) end.catch(() => {})
  return pair
}

export function channelEnd(channel: SecureChannel): End {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let writer: WritableStreamDefaultWriter<Bytes> | undefined
  // Whoever uses messages takes neither.
  const read = () => {
    if (!reader) reader = quiet(channel.readable.getReader())
    return reader
  }
  const write = () => {
    if (!writer) writer = quiet(channel.writable.getWriter())
    return writer
  }
  channel.closed.catch(() => {})
  return {
    remotePublicKey: channel.remotePublicKey,
    version: channel.version,
    handshakeHash: channel.handshakeHash,
    exportKey: (label, context, length) => channel.exportKey(label, context, length),
    write: bytes => write().write(bytes),
    end: () => write().close(),
    async read() {
      const { done, value } = await read().read()
      return done ? undefined : value
    },
    alert: (code, text) => channel.alert(code, text),
    async abandon() {
      await Promise.allSettled([write().abort(), read().cancel()])
    },
    send: message => channel.send(message),
    messages: () => channel.messages(),
  }
}

/** Its failure is what reading or writing gives. */
function quiet<T extends { closed: Promise<unknown> }>(it: T): T {
  it.closed.catch(() => {})
  return it
}

function passage(wire: Setup['wire']) {
  let controller!: TransformStreamDefaultController<Uint8Array>
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start(it) {
      controller = it
    },
    transform(chunk, it) {
      if (wire !== 'bytes') return it.enqueue(chunk)
      for (let at = 0; at < chunk.length; at++) it.enqueue(chunk.slice(at, at + 1))
    },
  })
  return { readable, writable, cut: () => controller.terminate() }
}
