// A middlebox in this process, with servers behind it.

import net from 'node:net'
import { Backends } from '../../src/cli/route/backends.js'
import { Middlebox, type MiddleboxOptions } from '../../src/cli/route/middlebox.js'
import { parseTable, type Table } from '../../src/cli/route/table.js'
import type { AccessEntry } from '../../src/cli/service/access-log.js'
import { Service } from '../../src/cli/service/service.js'
import { Engine, Router } from '../../src/engine/index.js'
import {
  type ConnectOptions,
  connect,
  encodePublicKey,
  generateKeyPair,
  type SecureServer,
  type SecureSocket,
  type ServeOptions,
} from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { clientKeys, listen, serve, serverKeys, track } from './sockets.js'

export const middleboxKeys = generateKeyPair()

export interface Routing {
  service: Service
  server: net.Server
  backends: Backends
  port: number
  /** What was routed or refused, and has closed. */
  routes: AccessEntry[]
  /** `down NAME`, `up NAME`. */
  health: string[]
  table: Table
  /** For those that come from now on, in ms. */
  handshakeTimeout: number
}

/** @param lines of the table @param timeout for a backend, in ms */
export async function startRouting(
  lines: string[],
  options: Partial<MiddleboxOptions> = {},
  timeout = 2000,
): Promise<Routing> {
  const health: string[] = []
  const routes: AccessEntry[] = []
  const backends = new Backends(middleboxKeys.publicKey, timeout, {
    onDown: ({ name }) => health.push(`down ${name}`),
    onUp: ({ name }) => health.push(`up ${name}`),
  })
  const service = await Service.start({ accessLog: undefined, metrics: undefined, drainTimeout: 1000 })
  service.record = entry => routes.push(entry)
  const middlebox = new Middlebox(service, {
    router: new Router(nodeCore(), middleboxKeys),
    backends,
    table: () => routing.table,
    get handshakeTimeout() {
      return routing.handshakeTimeout
    },
    maxPendingHandshakes: 100,
    limits: { connections: 0, perAddress: 0 },
    keepAlive: 0,
    lifetime: 0,
    ...options,
  })
  const { server } = middlebox
  track(server)
  server.on('connection', socket => track(socket))
  server.on('close', () => backends.close())
  const table = parseTable(lines.join('\n'), 'table')
  const port = await listen(server)
  const routing: Routing = { service, server, backends, port, routes, health, table, handshakeTimeout: 30_000 }
  return routing
}

/** A line of the table. */
export function line(publicKey: Uint8Array, ...ports: number[]): string {
  return `${encodePublicKey(publicKey)} ${ports.map(port => `127.0.0.1:${port}`).join(' ')}`
}

/** Servers with the same key that give back what they get. */
export async function echoServers(
  count: number,
  options: Partial<ServeOptions> = {},
): Promise<{ server: SecureServer; port: number; sockets: SecureSocket[] }[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const sockets: SecureSocket[] = []
      const { server, port } = await serve({ strangers: 'answer', ...options })
      server.on('secureConnection', socket => {
        sockets.push(socket)
        socket.on('error', () => {})
        socket.pipe(socket)
      })
      return { server, port, sockets }
    }),
  )
}

/** A hello for the test's server. */
export function helloBytes(version: 1 | 2, middleboxKey = middleboxKeys.publicKey): Uint8Array {
  const engine = Engine.client(nodeCore(), {
    keyPair: clientKeys,
    version,
    serverKey: serverKeys.publicKey,
    middleboxKey,
  })
  const hello = engine.take()
  engine.close()
  return hello
}

/** A client that has the test's server pinned, and addresses the test's middlebox. */
export async function dialThrough(port: number, options: Partial<ConnectOptions> = {}): Promise<SecureSocket> {
  const { publicKey: serverKey } = serverKeys
  const addressed = { serverKey, middleboxKey: middleboxKeys.publicKey, keyPair: clientKeys }
  return track(await connect({ host: '127.0.0.1', port, ...addressed, ...options }))
}

/** A plain connection, its bytes, and whether it has closed. */
export function dialPlain(port: number, first: Uint8Array | string = '') {
  const socket = track(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  const it = { socket, received: 0, closed: new Promise<void>(resolve => socket.once('close', () => resolve())) }
  socket.on('data', chunk => (it.received += chunk.length))
  socket.on('error', () => {})
  // The middlebox's FIN is all there is to it: no need to stay.
  socket.on('end', () => socket.destroy())
  if (first.length > 0) socket.write(first)
  return it
}
