// Real sockets, servers and channels for tests, which close what they opened.

import { createHash, randomBytes } from 'node:crypto'
import net from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ChannelError,
  type ConnectOptions,
  connect,
  createServer,
  generateKeyPair,
  type SecureServer,
  type SecureSocket,
  type ServeOptions,
} from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'

export const clientKeys = generateKeyPair()
export const serverKeys = generateKeyPair()
export const VERSIONS = [2, 1] as const
export const PIECE = 64 * 1024
export const MEGABYTE = 1024 * 1024

const opened: { destroy?(): unknown; close?(): unknown; on(event: string, listener: () => void): unknown }[] = []
const bytesAtStart = nodeCore().bytesInUse

/** Has the stream or server closed behind the test. */
export function track<T extends (typeof opened)[number]>(it: T): T {
  opened.push(it)
  return it
}

/** A test that fails, and does not hang, where something never happens. */
export function guarded(test: Test, name: string, run: () => Promise<void>, limit = 30_000): void {
  test(name, async () => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${name}: nothing happened within ${limit} ms`)), limit)
    })
    try {
      await Promise.race([run(), late])
    } finally {
      clearTimeout(timer)
    }
  })
}

type Check = (name: string, run: () => Promise<void>) => void

/** Guarded tests of each version of the protocol, with it in their names. */
export function inBothVersions(test: Test, define: (version: 1 | 2, check: Check) => void): void {
  for (const version of VERSIONS) define(version, (name, run) => guarded(test, `v${version}: ${name}`, run))
}

/** Closes what each test opened; when all have run, no channel may hold memory. */
export function cleanUpAfter(test: Test): void {
  test.after.each(cleanUp)
  test.after(async () => {
    await until(() => nodeCore().bytesInUse === bytesAtStart)
    assert.is(nodeCore().buffersInUse, 0)
  })
}

async function cleanUp(): Promise<void> {
  for (const it of opened.splice(0).reverse()) {
    it.on('error', () => {})
    if (it.destroy) it.destroy()
    else it.close?.()
  }
  await turn()
}

/** One round of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

export function delay(time: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, time))
}

/** Waits for something that has no event; the guard of the test ends what never comes. */
export async function until(condition: () => boolean, limit = 20_000): Promise<void> {
  const end = Date.now() + limit
  while (!condition()) {
    if (Date.now() > end) throw new Error(`this did not come true: ${condition}`)
    await delay(2)
  }
}

/** Keeps the whole process from doing anything else. */
export function busyFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** The next emission's first arguments, and nothing else: an 'error' in between is not swallowed. */
// biome-ignore lint/suspicious/noExplicitAny: as events are declared
export function next(emitter: NodeJS.EventEmitter, event: string): Promise<any[]> {
  return new Promise(resolve => emitter.once(event, (...args) => resolve(args)))
}

/** Waits until the stream has closed, which may have been before. */
export async function closed(stream: Duplex): Promise<void> {
  if (!stream.closed) await next(stream, 'close')
}

/** What the stream fails with. Everything that it gives before is left to others. */
export async function failureOf(stream: NodeJS.EventEmitter): Promise<ChannelError> {
  const [error] = await next(stream, 'error')
  return error
}

/** The error that a promise rejects with: of this code (a ChannelError's, or the system's), or matching this. */
export async function rejects(promise: Promise<unknown>, expected: string | RegExp): Promise<ChannelError> {
  const error = await promise.then(
    () => assert.unreachable(`nothing was thrown: ${expected}`),
    (caught: unknown) => caught as ChannelError,
  )
  checkError(error, expected)
  return error as ChannelError
}

export function throws(action: () => unknown, expected: string | RegExp): void {
  let thrown: unknown
  try {
    action()
  } catch (error) {
    thrown = error
  }
  checkError(thrown, expected)
}

export function checkError(error: unknown, expected: string | RegExp): void {
  assert.instance(error, Error, `no error, where ${expected} was due`)
  if (typeof expected === 'string') assert.is((error as ChannelError).code, expected, String((error as Error).stack))
  else assert.match(String(error), expected)
}

/**
 * All that a stream gives until its end; rejects with its error. `pace` waits behind each chunk. Not by `for await`, which destroys
 * the stream behind the end, and with it what is still being written.
 */
export function readAll(stream: Duplex, pace?: () => Promise<void>): Promise<Buffer> {
  const parts: Buffer[] = []
  return new Promise((resolve, reject) => {
    stream.on('data', chunk => {
      parts.push(chunk)
      if (!pace) return
      stream.pause()
      pace().then(() => stream.resume())
    })
    stream.once('end', () => resolve(Buffer.concat(parts)))
    stream.once('error', reject)
    stream.resume()
  })
}

/** What a stream gives, and the error it ends with. */
export async function readUntilError(stream: Duplex, pace?: () => Promise<void>) {
  const parts: Buffer[] = []
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      parts.push(chunk)
      await pace?.()
    }
    // libuv gives data and a reset that wait together as data and an end: the next write tells.
    if (stream instanceof net.Socket && stream.writable)
      await new Promise<void>((resolve, reject) =>
        stream.once('error', reject).write('', error => void (error || resolve())),
      )
  } catch (error) {
    return { data: Buffer.concat(parts), error: error as ChannelError }
  }
  stream.destroy()
  throw new Error('the stream ended, where an error was due')
}

export function hashOf(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** Random bytes made once and cut from: drawing megabytes for every test takes time. */
export function someBytes(length: number): Buffer {
  while (store.length < length) store = Buffer.concat([store, randomBytes(Math.max(length, 1 << 20))])
  return store.subarray(0, length)
}

let store = randomBytes(1 << 20)

/** A server on a free port of the loopback, for both versions unless told otherwise. */
export async function serve(options: Partial<ServeOptions> = {}): Promise<{ server: SecureServer; port: number }> {
  const server = track(createServer({ keyPair: serverKeys, authorize: 'anyone', versions: [1, 2], ...options }))
  server.on('connection', transport => track(transport))
  server.on('secureConnection', socket => track(socket))
  return { server, port: await listen(server) }
}

export async function listen(server: net.Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as net.AddressInfo).port
}

/** A client that has the test's server pinned. */
export async function dial(port: number, options: Partial<ConnectOptions> = {}): Promise<SecureSocket> {
  return track(
    await connect({ host: '127.0.0.1', port, keyPair: clientKeys, serverKey: serverKeys.publicKey, ...options }),
  )
}

export interface Pair {
  client: SecureSocket
  server: SecureSocket
  /** What lies below the server's end. */
  serverTransport: net.Socket
  listener: SecureServer
}

/** Both ends of a channel over TCP. */
export async function pair(
  version: 1 | 2,
  options: { client?: Partial<ConnectOptions>; server?: Partial<ServeOptions>; both?: Partial<ConnectOptions> } = {},
): Promise<Pair> {
  const { server: listener, port } = await serve({ ...options.both, ...options.server } as Partial<ServeOptions>)
  const accepted = next(listener, 'secureConnection')
  const transport = next(listener, 'connection')
  const client = await dial(port, { version, ...options.both, ...options.client })
  const [server] = await accepted
  const [serverTransport] = await transport
  return { client, server, serverTransport, listener }
}

/** Both ends of a channel over a stream that the test holds both ends of. */
export async function pairOver<T extends Duplex>(
  version: 1 | 2,
  [near, far]: [T, T],
  options: { client?: Partial<ConnectOptions>; server?: Partial<ServeOptions> } = {},
): Promise<Pair & { clientTransport: T }> {
  track(near)
  track(far)
  const listener = createServer({ keyPair: serverKeys, authorize: 'anyone', versions: [version], ...options.server })
  const accepted = next(listener, 'secureConnection')
  listener.emit('connection', far)
  const client = track(
    await connect({
      stream: near,
      keyPair: clientKeys,
      serverKey: serverKeys.publicKey,
      version,
      ...options.client,
    }),
  )
  const server = track((await accepted)[0] as SecureSocket)
  return { client, server, serverTransport: far as unknown as net.Socket, clientTransport: near, listener }
}

/** Two Duplexes, each of which reads what the other was written. Bytes are handed over at once, within the write. */
export function duplexPair(options: DuplexOptions = {}): [Duplex, Duplex] {
  const near: PairedDuplex = new PairedDuplex(() => far, options)
  const far: PairedDuplex = new PairedDuplex(() => near, options)
  return [near, far]
}

class PairedDuplex extends Duplex {
  #other: () => PairedDuplex
  #taken: (() => void) | undefined

  constructor(other: () => PairedDuplex, options: DuplexOptions) {
    super(options)
    this.#other = other
  }

  override _read(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: () => void): void {
    const other = this.#other()
    other.#taken = callback
    other.push(chunk)
  }

  override _final(callback: () => void): void {
    this.#other().push(null)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const other = this.#other()
    if (!other.destroyed && !this.writableFinished) other.push(null)
    callback(error)
  }
}

/** Both ends of a plain TCP connection. */
export async function plainPair(): Promise<[net.Socket, net.Socket]> {
  const listener = net.createServer({ allowHalfOpen: true, noDelay: true })
  const accepted = next(listener, 'connection')
  const near = net.connect({ port: await listen(listener), host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const [far] = await accepted
  listener.close()
  return [track(near), track(far)]
}

/** A server of something else, which `serveOne` speaks to each connection. */
export async function plainServer(serveOne: (socket: net.Socket) => void): Promise<number> {
  const server = track(net.createServer({ allowHalfOpen: true }))
  server.on('connection', socket => {
    track(socket).on('error', () => {})
    serveOne(socket)
  })
  return await listen(server)
}
