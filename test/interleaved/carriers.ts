// What can carry a channel in a run: both ends of a new connection each time.

import { unlinkSync } from 'node:fs'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import {
  type ConnectOptions,
  connect,
  createServer,
  generateKeyPair,
  type SecureServer,
  type SecureSocket,
} from '../../src/node/index.js'
import { acceptWebSocket, connectWebSocket, portStreams, secure } from '../../src/web/index.js'
import type { CarrierName, Plan, Side } from './draw.js'
import { channelEnd, type End, socketEnd } from './ends.js'

export const serverKeys = generateKeyPair()

export interface Handlers {
  /** The option of every server. */
  authorize(peer: { publicKey: Uint8Array }): object | boolean | Promise<object | boolean>
  /** A client was let in, as `authorize` names it. */
  accepted(authorization: object | undefined, end: (side: Side) => End): void
}

/** Servers that every connection of a run shares, so that all of it goes through one core. */
export class Carriers {
  #server: SecureServer
  #unixServer: SecureServer
  #handlers: Handlers
  #port = 0
  #path = join(tmpdir(), `nopki-interleaved-${process.pid}.sock`)
  #closing: (() => void)[] = []
  #webSockets: { dial(): Promise<WebSocketEnds> } | undefined

  private constructor(handlers: Handlers) {
    this.#handlers = handlers
    const serve = () => {
      const server = createServer(
        {
          keyPair: serverKeys,
          versions: [1, 2],
          strangers: 'answer',
          allowHalfOpen: true,
          authorize: handlers.authorize,
          maxPendingHandshakes: 10_000,
          handshakeTimeout: 0,
        },
        socket => this.#accept(socket),
      )
      server.on('handshakeError', () => {})
      return server
    }
    this.#server = serve()
    this.#unixServer = serve()
  }

  static async open(handlers: Handlers): Promise<Carriers> {
    const it = new Carriers(handlers)
    await new Promise<void>(resolve => it.#server.listen(0, '127.0.0.1', resolve))
    it.#port = (it.#server.address() as net.AddressInfo).port
    await new Promise<void>(resolve => it.#unixServer.listen(it.#path, resolve))
    return it
  }

  /** Resolves with the client's end; the server's comes by `accepted`. */
  async dial(plan: Plan, keyPair: ReturnType<typeof generateKeyPair>): Promise<End> {
    const { version, client, server, carrier } = plan
    const options = { ...shape(client), keyPair, serverKey: serverKeys.publicKey, version, allowHalfOpen: true }
    const ofServer = { ...shape(server), keyPair: serverKeys, versions: [version], strangers: 'answer' as const }
    const accepted = (authorization: object | undefined, end: (side: Side) => End) =>
      this.#handlers.accepted(authorization, end)
    switch (carrier) {
      case 'tcp':
        return socketEnd(
          await connect({ host: '127.0.0.1', port: this.#port, ...options } as ConnectOptions & { port: number }),
        )
      case 'unix':
        return socketEnd(await connect({ path: this.#path, ...options } as ConnectOptions & { path: string }))
      case 'at once':
      case 'in a tick':
      case 'later': {
        const [near, far] = duplexPair(carrier)
        this.#server.emit('connection', far)
        return socketEnd(await connect({ stream: near, ...options }))
      }
      default: {
        const serverSide = { ...ofServer, role: 'server' as const, authorize: this.#handlers.authorize }
        const { near, far, close } = await this.#webEnds(carrier)
        this.#closing.push(close)
        const serving = far(serverSide)
        serving.then(
          channel => accepted(channel.authorization, side => channelEnd(channel, side)),
          () => {},
        )
        return channelEnd(await near(options), client)
      }
    }
  }

  close(): void {
    this.#server.close()
    this.#unixServer.close()
    for (const close of this.#closing) close()
    try {
      unlinkSync(this.#path)
    } catch {}
  }

  #accept(socket: SecureSocket): void {
    this.#handlers.accepted(socket.authorization, () => socketEnd(socket))
  }

  async #webEnds(carrier: CarrierName): Promise<WebEnds> {
    if (carrier === 'websocket') {
      this.#webSockets ??= await openWebSockets(this.#closing)
      const { near, far } = await this.#webSockets.dial()
      return {
        near: options => connectWebSocket(near as never, options as never),
        far: options => acceptWebSocket(far as never, options as never),
        close: () => near.terminate(),
      }
    }
    const [near, far] = carrier === 'port' ? portPair() : streamPair()
    return {
      near: options => secure(near, options as never),
      far: options => secure(far, options as never),
      close: () => {},
    }
  }
}

type Opens = (options: object) => ReturnType<typeof secure>

interface WebEnds {
  near: Opens
  far: Opens
  close(): void
}

interface WebSocketEnds {
  near: { terminate(): void }
  far: object
}

async function openWebSockets(closing: (() => void)[]): Promise<{ dial(): Promise<WebSocketEnds> }> {
  const { WebSocket, WebSocketServer } = await import('ws')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await new Promise<void>(resolve => server.once('listening', resolve))
  closing.push(() => server.close())
  const waiting = new Map<string, (socket: object) => void>()
  server.on('connection', (socket, request) => waiting.get(request.url ?? '')?.(socket))
  let count = 0
  return {
    async dial() {
      const path = `/${count++}`
      const far = new Promise<object>(resolve => waiting.set(path, resolve))
      const near = new WebSocket(`ws://127.0.0.1:${(server.address() as net.AddressInfo).port}${path}`)
      await new Promise((resolve, reject) => near.once('open', resolve).once('error', reject))
      return { near, far: await far }
    },
  }
}

function portPair() {
  const { port1, port2 } = new MessageChannel()
  return [portStreams(port1), portStreams(port2)] as const
}

function streamPair() {
  const up = new TransformStream<Uint8Array, Uint8Array>()
  const down = new TransformStream<Uint8Array, Uint8Array>()
  return [
    { readable: down.readable, writable: up.writable },
    { readable: up.readable, writable: down.writable },
  ] as const
}

/** Two Duplexes, each of which reads what the other was written: within the write, in a tick, or some milliseconds later. */
function duplexPair(when: CarrierName): [Duplex, Duplex] {
  const soon = when === 'at once' ? (run: () => void) => run() : when === 'in a tick' ? process.nextTick : later
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _, callback) {
        soon(() => {
          if (!other().destroyed) other().push(chunk)
          callback()
        })
      },
      final(callback) {
        soon(() => {
          if (!other().destroyed) other().push(null)
          callback()
        })
      },
      destroy(error, callback) {
        soon(() => void (other().destroyed || other().push(null)))
        callback(error)
      },
    })
  const near: Duplex = make(() => far)
  const far: Duplex = make(() => near)
  return [near, far]
}

function later(run: () => void): void {
  setTimeout(run, 3)
}

function shape({ native, padding, rekeyAfter, heartbeat }: Side) {
  // The machine may be busy for longer than any handshake should take.
  return { native, padding, rekeyAfter, handshakeTimeout: 0, ...(heartbeat && { heartbeat }) }
}
