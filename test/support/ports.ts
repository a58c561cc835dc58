import net from 'node:net'

// Below what the system gives out by itself, so that nobody gets one between two uses; each test file begins elsewhere.
let candidate = 20_000 + (process.pid % 400) * 10

/** A port of the loopback where nobody listens, for programs that cannot be given port 0, or none. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = candidate++
    const server = net.createServer()
    const free = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    await new Promise(resolve => server.close(resolve))
    return port
  }
}
