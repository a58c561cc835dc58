// The least that can stand where expose and forward do: two processes that join sockets to channels by `pipe`, and do nothing else.
// relay.js expose SERVICE-PORT, or relay.js forward ADDRESS; the parent is told the address, or the port.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, createServer, formatAddress, generateKeyPair } from '../src/node/index.js'

const [kind, to = ''] = process.argv.slice(2)
const HALF_OPEN = { allowHalfOpen: true, noDelay: true }
const keyPair = generateKeyPair()

const server =
  kind === 'expose'
    ? createServer({ keyPair, authorize: 'anyone', ...HALF_OPEN }, channel => {
        join(channel, net.connect({ port: Number(to), host: '127.0.0.1', ...HALF_OPEN }))
      })
    : net.createServer({ ...HALF_OPEN, pauseOnConnect: true }, async plain => {
        join(await connect(to, { keyPair, allowHalfOpen: true }), plain)
      })

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as net.AddressInfo
  process.send?.(kind === 'expose' ? formatAddress({ host: '127.0.0.1', port, serverKey: keyPair.publicKey }) : port)
})

function join(one: Duplex, other: Duplex): void {
  for (const it of [one, other])
    it.on('error', () => {
      one.destroy()
      other.destroy()
    })
  one.pipe(other).pipe(one)
}
