// The demo's other process: a server with a fresh key, which echoes what it receives.

import type { AddressInfo } from 'node:net'
import { createServer, encodePublicKey, formatAddress, generateKeyPair } from '../../node/index.js'

const keyPair = generateKeyPair()

const server = createServer({ keyPair, versions: [1, 2], authorize: 'anyone' }, socket => {
  process.send?.({ client: encodePublicKey(socket.remotePublicKey) })
  socket.on('error', () => {})
  socket.pipe(socket)
})

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.send?.({ address: formatAddress({ host: '127.0.0.1', port, serverKey: keyPair.publicKey }) })
})

process.on('disconnect', () => process.exit())
