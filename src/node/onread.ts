import type { Duplex } from 'node:stream'
import { isUntouched } from './untouched.js'

/**
 * Lets a connected socket read into the one buffer that all sockets of the process share, in place of a new one for every read, and
 * calls `take` with what came: a view, valid until it returns. This is net.connect's option `onread`, which Node does not offer for the
 * sockets that a server accepts; so it is set up here as net.Socket's constructor does it. False, with nothing changed, where it cannot
 * be: then the socket has its 'data' event.
 *
 * @param take is called as a method of the socket, with that buffer and how many bytes of it were read; returns true
 */
export function readShared<T extends Duplex>(transport: T, take: Take<T>): boolean {
  // Bytes that were read before are in the stream's buffer.
  if (!isUntouched(transport) || transport.readableLength > 0 || transport.listenerCount('data') > 0) return false
  const socket = transport as unknown as SocketParts
  names ??= namesIn(socket)
  const { buffer, callback } = names
  if (!buffer || !callback || !(buffer in socket) || socket[buffer]) return false
  if (typeof socket._handle?.useUserBuffer !== 'function') return false
  shared ??= Buffer.allocUnsafeSlow(READ_BYTES)
  socket[buffer] = shared
  socket[callback] = take
  socket._handle.useUserBuffer(shared)
  return true
}

type Take<T extends Duplex> = (this: T, length: number, buffer: Uint8Array) => true

interface SocketParts {
  _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null
  [symbol: symbol]: unknown
}

/** Node keeps the two under symbols of its own, the same in all sockets. */
function namesIn(socket: SocketParts) {
  const symbols = Object.getOwnPropertySymbols(socket)
  const named = (name: string) => symbols.find(it => it.description === name)
  return { buffer: named('kBuffer'), callback: named('kBufferCb') }
}

let shared: Buffer | undefined
let names: ReturnType<typeof namesIn> | undefined

// What is read at most at once. Each read makes the system acknowledge and send on: with four times what a socket reads by itself, a
// receiver has a tenth of its time back. It still lies in the processor's cache.
const READ_BYTES = 262_144
