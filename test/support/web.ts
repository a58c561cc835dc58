// Channels over Web Streams and WebSockets for tests, which close what they opened.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'uvu'
import { WebSocket, WebSocketServer } from 'ws'
import {
  acceptWebSocket,
  type ByteStreams,
  type ConnectOptions,
  connectWebSocket,
  portStreams,
  type SecureChannel,
  type ServerOptions,
  secure,
} from '../../src/web/index.js'
import { clientKeys, listen, next, plainPair, serverKeys, track } from './sockets.js'

export type Ends = [near: ByteStreams, far: ByteStreams]

/** What can carry a channel here, all of it real. */
export const CARRIERS = {
  streams: async (): Promise<Ends> => streamPair(),
  tcp: async (): Promise<Ends> => {
    const [near, far] = await plainPair()
    return [asStreams(near), asStreams(far)]
  },
  port: async (): Promise<Ends> => {
    const { port1, port2 } = new MessageChannel()
    return [portStreams(port1), portStreams(port2)]
  },
}

export interface ChannelPair {
  client: SecureChannel
  server: SecureChannel
}

export interface PairOptions {
  client?: Partial<ConnectOptions>
  server?: Partial<ServerOptions>
}

const channels: SecureChannel[] = []

/** Two pairs of streams, each of which reads what the other writes. */
export function streamPair(): Ends {
  const up = new TransformStream<Uint8Array, Uint8Array>()
  const down = new TransformStream<Uint8Array, Uint8Array>()
  return [
    { readable: down.readable, writable: up.writable },
    { readable: up.readable, writable: down.writable },
  ]
}

/** A socket as a byte stream and its writable. Duplex.toWeb of Node 20 sees the end of a half-open one only when both have ended. */
export function asStreams(socket: Duplex): ByteStreams {
  const readable = new ReadableStream({
    type: 'bytes',
    start(controller) {
      socket.on('data', chunk => {
        controller.enqueue(new Uint8Array(chunk))
        if ((controller.desiredSize ?? 0) <= 0) socket.pause()
      })
      socket.on('end', () => {
        controller.close()
        controller.byobRequest?.respond(0)
      })
      socket.on('error', error => controller.error(error))
      socket.on('close', () => socket.readableEnded || controller.error(new Error('the socket was destroyed')))
      socket.pause()
    },
    pull: () => void socket.resume(),
    cancel: () => void socket.destroy(),
  })
  const writable = new WritableStream<Uint8Array>({
    write: chunk => new Promise((resolve, reject) => socket.write(chunk, error => (error ? reject(error) : resolve()))),
    // A socket that was destroyed calls nobody back.
    close: () => new Promise<void>(resolve => (socket.destroyed ? resolve() : socket.end(() => resolve()))),
    abort: () => void socket.destroy(),
  })
  return { readable: readable as ReadableStream<Uint8Array>, writable }
}

/** Both ends of a channel over a pair of streams. */
export async function webPair(
  version: 1 | 2,
  [near, far]: Ends = streamPair(),
  { client, server }: PairOptions = {},
): Promise<ChannelPair> {
  const ends = await Promise.all([secureClient(near, { version, ...client }), secureServer(far, server)])
  return { client: ends[0], server: ends[1] }
}

export async function secureClient(
  streams: ByteStreams,
  options: Partial<ConnectOptions> = {},
): Promise<SecureChannel> {
  return keep(await secure(streams, { keyPair: clientKeys, serverKey: serverKeys.publicKey, ...options }))
}

export async function secureServer(streams: ByteStreams, options: Partial<ServerOptions> = {}): Promise<SecureChannel> {
  return keep(
    await secure(streams, { role: 'server', keyPair: serverKeys, authorize: 'anyone', versions: [1, 2], ...options }),
  )
}

/** Both ends of a WebSocket of the package `ws`. */
export async function socketPair(): Promise<[near: WebSocket, far: WebSocket]> {
  const listener = track(new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }))
  await next(listener, 'listening')
  const accepted = next(listener, 'connection')
  const near = new WebSocket(`ws://127.0.0.1:${(listener.address() as net.AddressInfo).port}`)
  const [far] = await accepted
  await next(near, 'open')
  listener.close()
  for (const socket of [near, far]) track({ on: () => {}, destroy: () => socket.terminate() })
  return [near, far]
}

/** Both ends of a channel over a WebSocket. */
export async function socketChannels({ client, server }: PairOptions = {}, sockets?: [WebSocket, WebSocket]) {
  const [near, far] = sockets ?? (await socketPair())
  const ends = await Promise.all([
    connectWebSocket(near, { keyPair: clientKeys, serverKey: serverKeys.publicKey, ...client }),
    acceptWebSocket(far, { keyPair: serverKeys, authorize: 'anyone', versions: [1, 2], ...server }),
  ])
  return { client: keep(ends[0]), server: keep(ends[1]), near, far }
}

/** Has the channel given up behind the test. */
export function keep(channel: SecureChannel): SecureChannel {
  channels.push(channel)
  return channel
}

export function giveUpAfter(test: Test): void {
  test.after.each(async () => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, GIVE_UP_MS)
    })
    const givenUp = channels.splice(0).map(channel => {
      channel.closed.catch(() => {})
      // Behind a writer, or an end, there is nothing to give up by: the other way then.
      return channel.writable
        .abort()
        .catch(() => channel.readable.cancel())
        .catch(() => {})
    })
    // Of a test that has failed a write may wait for ever, and an abort behind it: what carries it ends it later.
    await Promise.race([Promise.all(givenUp), late])
    clearTimeout(timer)
  })
}

const GIVE_UP_MS = 10_000

/** A server that hands the streams of each connection on. */
export async function streamServer(serveOne: (streams: ByteStreams) => void): Promise<number> {
  const server = track(net.createServer({ allowHalfOpen: true }))
  server.on('connection', socket => {
    track(socket).on('error', () => {})
    serveOne(asStreams(socket))
  })
  return await listen(server)
}

/** Writes in pieces, and ends. */
export async function send(channel: SecureChannel, data: Uint8Array, piece = data.length): Promise<void> {
  const writer = channel.writable.getWriter()
  for (let at = 0; at < data.length; at += piece) {
    await writer.ready
    writer.write(data.slice(at, at + piece)).catch(() => {})
  }
  await writer.close()
}

/** All that comes, until the end. */
export async function receive(channel: { readable: ReadableStream<Uint8Array> }): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of channel.readable) parts.push(chunk)
  return Buffer.concat(parts)
}

/** What comes, and the error that it ends with. */
export async function receiveUntilError(channel: { readable: ReadableStream<Uint8Array> }) {
  const parts: Uint8Array[] = []
  const reader = channel.readable.getReader()
  for (;;) {
    try {
      const { done, value } = await reader.read()
      if (done) throw new Error('the stream ended, where an error was due')
      parts.push(value)
    } catch (error) {
      return { data: Buffer.concat(parts), error: error as Error & { code?: string } }
    }
  }
}

/** A carrier whose bytes the test can change or hold on their way. */
export function tapped(streams: ByteStreams, tap: { in?: Tap; out?: Tap }): ByteStreams {
  const pass = (change?: Tap) =>
    new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        for (const part of (await change?.(chunk)) ?? [chunk]) controller.enqueue(part)
      },
    })
  const out = pass(tap.out)
  out.readable.pipeTo(streams.writable).catch(() => {})
  return { ...streams, readable: streams.readable.pipeThrough(pass(tap.in)), writable: out.writable }
}

export type Tap = (chunk: Uint8Array) => Uint8Array[] | undefined | Promise<Uint8Array[] | undefined>
