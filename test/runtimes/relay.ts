// Joins WebSockets that cannot reach each other, as a service would: it sees only what an observer on the wire sees.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/**
 * A WebSocket that comes to /NAME/to is joined with one that comes to /NAME/serve, in the order in which they come. With
 * `?wire=bytes` what goes to it is sent in frames of one byte.
 */
export async function startRelay(): Promise<{ url: string; close(): void }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const waiting = new Map<string, WebSocket[]>()
  server.on('connection', (socket, request) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'ws://relay')
    const [, name, side] = pathname.split('/')
    const others = queue(waiting, `${name}/${side === 'to' ? 'serve' : 'to'}`)
    const frame = searchParams.get('wire') === 'bytes' ? 1 : Number.POSITIVE_INFINITY
    socket.on('error', () => {})
    socket.pause()
    const other = others.find(it => it.readyState === it.OPEN)
    others.splice(0, other ? others.indexOf(other) + 1 : others.length)
    if (!other) return queue(waiting, `${name}/${side}`).push(socket)
    forward(socket, other, frame)
    forward(other, socket, frame)
    return undefined
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of server.clients) socket.terminate()
      server.close()
    },
  }
}

function queue(waiting: Map<string, WebSocket[]>, name: string): WebSocket[] {
  const queue = waiting.get(name) ?? []
  waiting.set(name, queue)
  return queue
}

function forward(from: WebSocket, to: WebSocket, frame: number): void {
  from.on('message', (data, isBinary) => {
    const bytes = data as Buffer
    for (let at = 0; at < bytes.length; at += frame) {
      to.send(bytes.subarray(at, at + frame), { binary: isBinary }, () => {
        if (to.bufferedAmount < HIGH && from.isPaused) from.resume()
      })
    }
    if (to.bufferedAmount >= HIGH) from.pause()
  })
  from.on('close', () => to.close())
  from.resume()
}

// Bytes that wait for a slow reader.
const HIGH = 1 << 20
