// A Worker that answers over a WebSocket: who it talks to, and what it was told.

import { acceptWebSocket, decodeSecretKey, encodePublicKey, publicKeyOf } from 'nopki'

export default {
  fetch(_request, env) {
    const [theirs, ours] = Object.values(new WebSocketPair())
    answer(ours, decodeSecretKey(env.SECRET_KEY)).catch(error => console.error(error.message))
    return new Response(null, { status: 101, webSocket: theirs })
  },
}

async function answer(webSocket, secretKey) {
  const keyPair = { secretKey, publicKey: publicKeyOf(secretKey) }
  const channel = await acceptWebSocket(webSocket, { keyPair, authorize: 'anyone' })
  for await (const message of channel.messages()) {
    const words = `${encodePublicKey(channel.remotePublicKey)} said ${new TextDecoder().decode(message)}`
    await channel.send(new TextEncoder().encode(words))
  }
  await channel.close()
}
