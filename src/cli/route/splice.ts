import type { Socket } from 'node:net'

/** How a spliced connection came to its end. */
export type SpliceEnd = 'both ended' | 'client failed' | 'backend failed'

/**
 * Joins two connections whose bytes mean nothing here, until both are closed. A slow side holds the other back. A FIN from one becomes
 * a FIN to the other, and the opposite direction goes on; whatever else ends a side resets the other, so that what was cut short never
 * looks like an end.
 */
export function splice(client: Socket, backend: Socket): Promise<SpliceEnd> {
  let end: SpliceEnd = 'both ended'
  const fail = (by: SpliceEnd, failed: Socket, other: Socket) => {
    if (end !== 'both ended' || (failed.readableEnded && failed.writableFinished)) return
    end = by
    failed.unpipe(other)
    resetOnceSent(other)
  }
  const closed = (socket: Socket, other: Socket, by: SpliceEnd) =>
    new Promise<void>(resolve => {
      if (socket.destroyed) {
        fail(by, socket, other)
        return resolve()
      }
      socket.on('error', () => fail(by, socket, other))
      socket.once('close', () => {
        fail(by, socket, other)
        resolve()
      })
    })
  client.pipe(backend)
  backend.pipe(client)
  return Promise.all([closed(client, backend, 'client failed'), closed(backend, client, 'backend failed')]).then(
    () => end,
  )
}

/** The peer sees a reset, where the system can send one, and never an end. What was passed on with its end goes out before. */
function resetOnceSent(socket: Socket): void {
  if (socket.destroyed) return
  if (!socket.writableEnded || socket.writableFinished) return reset(socket)
  const timer = setTimeout(() => reset(socket), LINGER_MS)
  socket.once('finish', () => reset(socket))
  socket.once('close', () => clearTimeout(timer))
  socket.resume()
}

export function reset(socket: Socket): void {
  // A Unix socket has no reset: the channel above notices for itself that its end has not come.
  if (socket.remoteFamily === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

const LINGER_MS = 10_000
