// Channels over TCP through the Node API: in Node, Deno and Bun.

import { type EventEmitter, once } from 'node:events'
import net from 'node:net'
import { Duplex, Transform } from 'node:stream'
import { connect, createServer, type SecureSocket } from 'nopki'
import type { Carrier, End, Setup } from '../suite/carrier.js'

export async function connectTcp(port: number, options: Setup['client']): Promise<End> {
  return socketEnd(await connect({ ...options, host: '127.0.0.1', port, allowHalfOpen: true }))
}

/** Serves at a port of its own, and gives that. */
export function serveTcp(options: Parameters<typeof createServer>[0], onEnd: (end: End) => void): Promise<number> {
  const server = createServer({ ...options, allowHalfOpen: true }, socket => onEnd(socketEnd(socket)))
  server.listen(0, '127.0.0.1')
  return listening(server)
}

/** The port, once there is one. */
export async function listening(server: EventEmitter & { address(): unknown }): Promise<number> {
  if (!server.address()) await once(server, 'listening')
  return (server.address() as net.AddressInfo).port
}

export const tcp: Carrier = async ({ client, server, wire }) => {
  const raw: net.Socket[] = []
  const listener = net.createServer({ allowHalfOpen: true, noDelay: true })
  const served = createServer({ ...server, allowHalfOpen: true })
  listener.on('connection', socket => {
    raw.push(socket)
    served.emit('connection', wire === 'bytes' ? byteByByte(socket) : socket)
  })
  listener.listen(0, '127.0.0.1')
  const port = await listening(listener)
  const answered = new Promise<End>((resolve, reject) => {
    served.on('secureConnection', socket => resolve(socketEnd(socket)))
    served.on('handshakeError', reject)
  })
  answered.catch(() => {})
  return {
    client: openClient(client, port, wire),
    server: answered,
    cut() {
      listener.close()
      for (const socket of raw) socket.destroy()
    },
  }
}

async function openClient(client: Setup['client'], port: number, wire: Setup['wire']): Promise<End> {
  const options = { ...client, allowHalfOpen: true }
  if (wire !== 'bytes') return socketEnd(await connect({ ...options, host: '127.0.0.1', port }))
  const raw = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  await once(raw, 'connect')
  return socketEnd(await connect({ ...options, stream: byteByByte(raw) }))
}

function socketEnd(socket: SecureSocket): End {
  // Whoever takes messages takes no chunks.
  let chunks: AsyncIterator<Uint8Array> | undefined
  // Its failure is what reading it gives.
  socket.on('error', () => {})
  return {
    remotePublicKey: socket.remotePublicKey,
    version: socket.version,
    handshakeHash: socket.handshakeHash,
    exportKey: (label, context, length) => socket.exportKey(label, context, length),
    async write(bytes) {
      if (!socket.write(bytes)) await once(socket, 'drain')
    },
    end: () => new Promise(resolve => socket.end(resolve)),
    async read() {
      chunks ??= socket.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>
      const { done, value } = await chunks.next()
      return done ? undefined : value
    },
    chunks: () => socket,
    alert: (code, text) => socket.alert(code, text),
    send: message => socket.send(message),
    messages: () => socket.messages(),
    async abandon() {
      socket.destroy()
    },
  }
}

/** The same stream, whose bytes come one at a time. */
function byteByByte(socket: net.Socket): Duplex {
  const single = new Transform({
    transform(chunk: Uint8Array, _encoding, callback) {
      for (let at = 0; at < chunk.length; at++) this.push(chunk.subarray(at, at + 1))
      callback()
    },
  })
  socket.on('error', error => single.destroy(error))
  return Duplex.from({ readable: socket.pipe(single), writable: socket })
}
