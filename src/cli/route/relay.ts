import type { Socket } from 'node:net'
import { resetBehind, whenEnded } from '../../tunnel/plain.js'

/** Which side broke off; undefined where both have ended. */
export type Broken = 'client' | 'backend' | undefined

/**
 * Joins two connections whose bytes mean nothing here, until both are closed. A slow side holds the other back. A FIN from one becomes
 * a FIN to the other, and the opposite direction goes on; whatever else ends a side resets the other, so that what was cut short never
 * looks like an end.
 * @param pipes which of the two are Unix sockets
 */
export async function relay(
  client: Socket,
  backend: Socket,
  pipes: { client: boolean; backend: boolean },
): Promise<Broken> {
  let broken: Broken
  const closed = (socket: Socket, other: Socket, side: Broken) =>
    new Promise<void>(resolve => {
      const fail = () => {
        if (broken || (socket.readableEnded && socket.writableFinished)) return
        broken = side
        socket.unpipe(other)
        resetBehind(other)
      }
      const onClose = () => {
        fail()
        resolve()
      }
      if (socket.closed) return onClose()
      socket.on('error', fail)
      socket.once('close', onClose)
    })
  const pass = (from: Socket, pipe: boolean, to: Socket) => {
    from.pipe(to, { end: false })
    whenEnded(from, pipe, () => void (broken || to.end()))
  }
  pass(client, pipes.client, backend)
  pass(backend, pipes.backend, client)
  await Promise.all([closed(client, backend, 'client'), closed(backend, client, 'backend')])
  return broken
}
