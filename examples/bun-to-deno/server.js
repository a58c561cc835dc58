// A Deno server: gives back what it is sent, in capitals, and prints its address.
//
//   deno run --allow-net --allow-read server.js

import { formatAddress, generateKeyPair } from 'nopki'
import { secure } from 'nopki/web'

// A server of your own keeps its key pair, so that its address stays the same.
const keyPair = generateKeyPair()
const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 })
console.log(formatAddress({ host: '127.0.0.1', port: listener.addr.port, serverKey: keyPair.publicKey }))

for await (const connection of listener) {
  serve(connection).catch(error => console.error(error.message))
}

/** A Deno.Conn is a pair of byte streams, and that is all a channel needs. */
async function serve(connection) {
  // Capitals are for everyone; a server with something to lose decides here: `authorize: peer => …`.
  const channel = await secure(connection, { role: 'server', keyPair, authorize: 'anyone' })
  await channel.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TransformStream({ transform: (text, it) => it.enqueue(text.toUpperCase()) }))
    .pipeThrough(new TextEncoderStream())
    .pipeTo(channel.writable)
}
