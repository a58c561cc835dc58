// How a plain socket ends: an end and a reset, told apart.

import type net from 'node:net'
import { reset } from '../node/reset.js'

/** Resets when what was written before, and an end behind it, has been handed to the system, or has had its time. */
export function resetBehind(plain: net.Socket): void {
  const done = plain.writableEnded ? plain.writableFinished : plain.writableLength === 0
  if (plain.destroyed || done) return reset(plain)
  const timer = setTimeout(() => reset(plain), LAST_WORDS_MS)
  plain.once('close', () => clearTimeout(timer))
  if (plain.writableEnded) plain.once('finish', () => reset(plain))
  else plain.write('', () => reset(plain))
  plain.resume()
}

/** Whether the connections of a server come over a Unix socket: asked of one that listens, for a socket that was reset has forgotten it. */
export function acceptsPipes(server: net.Server): boolean {
  const address = server.address()
  return address === null || typeof address === 'string'
}

/**
 * Calls back when the peer has ended its direction, which may have been before; never where it has reset the connection: that is its
 * 'error'.
 * @param pipe whether it is a Unix socket: such a one cannot be reset
 */
export function whenEnded(plain: net.Socket, pipe: boolean, then: () => void): void {
  if (pipe) holdFailedWrites(plain)
  if (plain.readableEnded) onEnd(plain, pipe, then)
  else plain.once('end', () => onEnd(plain, pipe, then))
}

/**
 * Where data and a reset wait together, libuv gives the data and an end; the reset is found by the next write, which needs no bytes to
 * fail. To a pipe whose peer has closed it would fail too, and that is an end.
 */
function onEnd(plain: net.Socket, pipe: boolean, then: () => void): void {
  if (pipe || !plain.writable) then()
  else if (plain.writableLength === 0) plain.write('', error => void (error || then()))
  // What is being written fails in this turn of the event loop, or is no sign of a reset: it may wait for long.
  else setImmediate(() => setImmediate(then))
}

/**
 * A write to a pipe whose peer has closed fails, and net.Socket then drops what the peer wrote before: so the failure is held until all
 * of that was read.
 */
function holdFailedWrites(pipe: net.Socket): void {
  const held = (callback: (error?: Error | null) => void) => (error?: Error | null) => {
    const { code } = (error ?? {}) as NodeJS.ErrnoException
    if (code !== 'EPIPE' || pipe.readableEnded || pipe.destroyed) callback(error)
    else pipe.once('end', () => callback(error))
  }
  const write = pipe._write.bind(pipe)
  const writev = pipe._writev?.bind(pipe)
  pipe._write = (chunk, encoding, callback) => write(chunk, encoding, held(callback))
  if (writev) pipe._writev = (chunks, callback) => writev(chunks, held(callback))
}

const LAST_WORDS_MS = 5000
