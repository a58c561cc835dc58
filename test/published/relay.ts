// What lies between two ends and delivers in lumps, as a mobile link does, or a router that gathers packets.

import net from 'node:net'

export interface Relay {
  port: number
  close(): void
}

/** Delivers what has come, both ways, every so many milliseconds. */
export async function startRelay(to: number, every: number): Promise<Relay> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, near => {
    const far = net.connect({ host: '127.0.0.1', port: to, allowHalfOpen: true, noDelay: true })
    const deliveries = [lumps(near, far), lumps(far, near)]
    const timer = setInterval(() => {
      for (const deliver of deliveries) deliver()
    }, every)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        if (sockets.has(near) || sockets.has(far)) return
        clearInterval(timer)
      })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Gathers what one socket gives, and its end; the call hands it on. */
function lumps(from: net.Socket, to: net.Socket): () => void {
  let waiting: Buffer[] = []
  let ended: 'no' | 'end' | 'close' | 'told' = 'no'
  from.on('data', chunk => waiting.push(chunk))
  from.on('end', () => {
    if (ended === 'no') ended = 'end'
  })
  from.on('close', () => {
    if (ended === 'no') ended = 'close'
  })
  return () => {
    if (waiting.length > 0) to.write(Buffer.concat(waiting))
    waiting = []
    if (ended === 'end') to.end()
    else if (ended === 'close') to.destroy()
    if (ended !== 'no') ended = 'told'
  }
}
