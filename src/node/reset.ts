import type net from 'node:net'
import type { Duplex } from 'node:stream'

/**
 * Resets a TCP connection. Node’s resetAndDestroy, while an end is being sent, never closes the descriptor: so that is waited for, which
 * takes the system alone.
 * @throws the system’s error for what cannot be reset, such as a Unix socket
 */
export function resetTransport(transport: Duplex & { resetAndDestroy?(): unknown }): void {
  const ending = transport.writableEnded && transport.writableLength === 0 && !transport.writableFinished
  if (ending && !transport.destroyed) transport.once('finish', () => transport.resetAndDestroy?.())
  else transport.resetAndDestroy?.()
}

/** A reset, which no reader takes for an end; a Unix socket has no such thing, and closes. */
export function reset(plain: net.Socket): void {
  if (plain.destroyed) return
  try {
    resetTransport(plain)
  } catch {
    plain.destroy()
  }
}
