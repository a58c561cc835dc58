// A Node server: says hello to whoever it is, by name, and prints its address.
//
//   node server.js

import { createServer, encodePublicKey, formatAddress, generateKeyPair } from 'nopki'

// A server of your own keeps its key pair, so that its address stays the same.
const keyPair = generateKeyPair()

// It greets anyone; a server with something to lose decides here: `authorize: peer => …`.
const server = createServer({ keyPair, authorize: 'anyone', allowHalfOpen: true }, async socket => {
  let name = ''
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) name += chunk
    socket.end(`hello ${name}, your key is ${encodePublicKey(socket.remotePublicKey)}\n`)
  } catch (error) {
    console.error(error.message)
  }
})

server.listen(0, '127.0.0.1', () => {
  const { address: host, port } = server.address()
  console.log(formatAddress({ host, port, serverKey: keyPair.publicKey }))
})
