// How a plain socket ends: an end and a reset, told apart.

import type net from 'node:net'

/** A reset, which no reader takes for an end; a Unix socket has no such thing, and closes. */
export function reset(plain: net.Socket): void {
  if (plain.destroyed) return
  try {
    plain.resetAndDestroy()
  } catch {
    plain.destroy()
  }
}

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

/**
 * Calls back when the peer has ended its direction, which may have been before; never where it has reset the connection: that is its
 * 'error'. Where data and a reset wait together, libuv gives the data and an end; the reset is found by the next write, which needs no
 * bytes to fail.
 */
export function whenEnded(plain: net.Socket, then: () => void): void {
  if (!plain.readableEnded) return void plain.once('end', () => whenEnded(plain, then))
  if (!plain.writable) then()
  else if (plain.writableLength === 0) plain.write('', error => void (error || then()))
  // What is being written fails in this turn of the event loop, or is no sign of a reset: it may wait for long.
  else setImmediate(() => setImmediate(then))
}

const LAST_WORDS_MS = 5000
