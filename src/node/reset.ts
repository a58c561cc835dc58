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
