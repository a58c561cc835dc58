// Whether a backend answers: a server that speaks the protocol sends its challenge as soon as it has a hello.

import type net from 'node:net'
import { Engine } from '../../engine/index.js'
import { ChannelError, generateKeyPair } from '../../node/index.js'
import { nodeCore } from '../../node/load.js'
import { reset } from '../../node/reset.js'
import { CHALLENGE_1_BYTES, CHALLENGE_2_BYTES } from '../../wire/layout.js'
import { connectPlain } from '../channels/backend.js'
import type { Place } from '../frame/place.js'

/**
 * Writes `bytes`, and waits for the first byte of an answer, which stays unread.
 * @param time in ms
 * @returns what came in place of an answer; undefined if there is one. The socket is reset unless there is one.
 */
export async function awaitAnswer(
  socket: net.Socket,
  bytes: Uint8Array,
  time: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  socket.on('error', () => {})
  socket.write(bytes)
  const failure = await new Promise<string | undefined>(resolve => {
    const settle = (reason?: string) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.off('readable', onReadable)
      socket.off('close', onClose)
      resolve(reason)
    }
    // 'readable' is also emitted at an end, with nothing to read.
    const onReadable = () => settle(socket.readableLength > 0 ? undefined : CLOSED)
    const onClose = () => settle(CLOSED)
    const onAbort = () => settle('nobody waits for it any more')
    const timer = setTimeout(() => settle(`nothing was answered within ${Math.round(time)} ms`), time)
    signal.addEventListener('abort', onAbort)
    socket.on('readable', onReadable)
    socket.once('close', onClose)
    if (signal.aborted) onAbort()
  })
  if (failure !== undefined) reset(socket)
  return failure
}

/** Whether what a backend has sent is too little for a challenge. */
export function fallsShort(version: 1 | 2, bytes: number): boolean {
  return bytes < (version === 1 ? CHALLENGE_1_BYTES : CHALLENGE_2_BYTES)
}

/**
 * Asks a backend with a hello of the router's own whether it has the wanted key. Nobody else can make this fail, whereas a client's
 * hello may be one that no server answers. A server that refuses one version is asked in the other.
 * @param time for connecting, and for the challenge, in ms
 * @returns why not; undefined if it does
 */
export async function probe(
  place: Place,
  wanted: Uint8Array,
  middleboxKey: Uint8Array,
  time: number,
): Promise<string | undefined> {
  const failure = await probeWith(2, place, wanted, middleboxKey, time)
  if (failure !== CLOSED) return failure
  return await probeWith(1, place, wanted, middleboxKey, time)
}

async function probeWith(
  version: 1 | 2,
  place: Place,
  wanted: Uint8Array,
  middleboxKey: Uint8Array,
  time: number,
): Promise<string | undefined> {
  const { signal } = new AbortController()
  let engine: Engine | undefined
  let socket: net.Socket | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    engine = Engine.client(nodeCore(), { keyPair: generateKeyPair(), serverKey: wanted, middleboxKey, version })
    socket = await connectPlain(place, { timeout: time, retry: 0, signal })
    const end = performance.now() + time
    const failure = await awaitAnswer(socket, engine.take(), time, signal)
    if (failure !== undefined) return failure
    // Not before: destroyed a millisecond too early, one that says nothing would be one that refuses this version.
    timer = setTimeout(() => socket?.destroy(), end - performance.now())
    for await (const chunk of socket) {
      engine.receive(chunk as Buffer)
      if (engine.connected) return undefined
    }
    return CLOSED
  } catch (error) {
    // Whoever can seal that it does not serve this key is there, and tells the client so.
    if (error instanceof ChannelError && error.code === 'PEER_REJECTED') return undefined
    return (error as Error).message
  } finally {
    clearTimeout(timer)
    engine?.close()
    socket?.destroy()
  }
}

const CLOSED = 'it closed the connection without an answer'
