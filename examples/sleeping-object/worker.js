// A room whose Durable Object sleeps while nobody talks. The channel ends in the Worker in front of it: that keeps the keys, and is not
// billed for waiting. Between the two is a WebSocket of the platform’s own, which hibernates.
//
//   npx esbuild worker.js --bundle --format=esm --conditions=workerd --loader:.wasm=copy --asset-names=[name] --outdir=build
//   SECRET_KEY=sk_… npx workerd serve worker.capnp

import { acceptWebSocket, decodeSecretKey, encodePublicKey, publicKeyOf } from 'nopki'

export { Room } from './room.js'

export default {
  fetch(request, env) {
    if (request.headers.get('Upgrade') !== 'websocket') return new Response('WebSockets only\n', { status: 426 })
    const [theirs, ours] = Object.values(new WebSocketPair())
    serve(ours, env).catch(error => console.error(error.message))
    return new Response(null, { status: 101, webSocket: theirs })
  },
}

async function serve(webSocket, env) {
  const secretKey = decodeSecretKey(env.SECRET_KEY)
  const keyPair = { secretKey, publicKey: publicKeyOf(secretKey) }
  // Anyone may talk here; else decide: `authorize: peer => …`.
  const channel = await acceptWebSocket(webSocket, { keyPair, authorize: 'anyone' })
  const seat = await seatFor(channel, env)
  let waiting = 0
  let sent = Promise.resolve()
  const send = async message => {
    await channel.send(new Uint8Array(message))
    waiting -= message.byteLength
  }
  seat.addEventListener('message', ({ data }) => {
    waiting += data.byteLength
    // The room cannot be slowed down: who does not read is sent away.
    if (waiting > 1_048_576) return seat.close(1013)
    sent = sent.then(() => send(data))
    sent.catch(() => seat.close(1011))
  })
  seat.addEventListener('close', () => channel.close().catch(() => {}))
  try {
    for await (const message of channel.messages(65_536)) seat.send(message)
  } finally {
    seat.close(1000)
  }
}

/** Nobody reaches the room but through here, so it can believe who this is. */
async function seatFor(channel, env) {
  const headers = { Upgrade: 'websocket', 'X-Public-Key': encodePublicKey(channel.remotePublicKey) }
  const { webSocket } = await env.ROOMS.get(env.ROOMS.idFromName('lobby')).fetch('https://room/', { headers })
  webSocket.binaryType = 'arraybuffer'
  webSocket.accept()
  return webSocket
}
