// Real sockets on the loopback interface.

import * as net from 'node:net'

/** Both ends of a new connection, each of which may be half open. */
export async function socketPair(): Promise<[net.Socket, net.Socket]> {
  const listener = net.createServer({ allowHalfOpen: true })
  const accepted = new Promise<net.Socket>(resolve => listener.once('connection', resolve))
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as net.AddressInfo
  const connecting = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const other = await accepted
  other.setNoDelay(true)
  listener.close()
  return [connecting, other]
}
