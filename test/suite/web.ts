// Channels through nopki/web, over what every runtime has: Web Streams, MessagePort and WebSocket.

import { acceptWebSocket, type Bytes, connectWebSocket, portStreams, type SecureChannel, secure } from 'nopki/web'
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

/** Two ports, each of a MessageChannel whose other port this holds: so that both see the other end close. */
export const ports: Carrier = async ({ client, server, wire }) => {
  const [near, far] = [new MessageChannel(), new MessageChannel()]
  forward(near.port2, far.port2, wire)
  forward(far.port2, near.port2, wire)
  return pairOf(
    secure(portStreams(near.port1), { role: 'client', ...client }),
    secure(portStreams(far.port1), { role: 'server', ...server }),
    () => {
      for (const { port2 } of [near, far]) {
        // A browser does not tell a port that the other was closed: this is what `portStreams` says when it leaves.
        if ('isSecureContext' in globalThis) port2.postMessage(null, [])
        port2.close()
      }
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
    chunks: () => channel.readable,
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

function forward(from: MessagePort, to: MessagePort, wire: Setup['wire']): void {
  from.addEventListener('message', ({ data }) => {
    const size = wire === 'bytes' && data instanceof Uint8Array ? 1 : Number.POSITIVE_INFINITY
    for (let at = 0; at < (data?.length ?? 1); at += size) to.postMessage(data?.slice?.(at, at + size) ?? data, [])
  })
  from.addEventListener('close', () => to.close())
  from.start()
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
