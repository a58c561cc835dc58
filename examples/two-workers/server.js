// The other Worker: a Durable Object that counts, and tells the count over a channel.

import { acceptWebSocket, decodeSecretKey, publicKeyOf } from 'nopki'

export class Counter {
  count = 0

  constructor(state, env) {
    this.state = state
    this.env = env
  }

  async fetch() {
    const [theirs, ours] = Object.values(new WebSocketPair())
    ours.accept()
    this.state.waitUntil(this.serve(ours).catch(error => console.error(error.message)))
    return new Response(null, { status: 101, webSocket: theirs })
  }

  async serve(webSocket) {
    const secretKey = decodeSecretKey(this.env.SECRET_KEY)
    const keyPair = { secretKey, publicKey: publicKeyOf(secretKey) }
    // Only a Worker with a binding to this object reaches it, so anyone may count; else decide here: `authorize: peer => …`.
    const channel = await acceptWebSocket(webSocket, { keyPair, authorize: 'anyone' })
    for await (const _message of channel.messages()) {
      this.count++
      await channel.send(new TextEncoder().encode(String(this.count)))
    }
    await channel.close()
  }
}

export default { fetch: () => new Response('there is nothing for browsers here\n', { status: 404 }) }
