// A server and its client over TCP, in one process.

import { once } from 'node:events'
import { connect, createServer, generateKeyPair } from 'nopki'

export async function talkOverTcp() {
  const keyPair = generateKeyPair()
  const server = createServer({ keyPair, authorize: 'anyone' }, socket => socket.pipe(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = await connect({ host: '127.0.0.1', port: server.address().port, serverKey: keyPair.publicKey })
  socket.end('hello over TCP')
  let text = ''
  for await (const chunk of socket) text += chunk
  server.close()
  return text
}
