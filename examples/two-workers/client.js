// A Worker that talks to another Worker’s Durable Object. What carries the channel, here the platform, cannot read it.
//
//   npx esbuild client.js server.js --bundle --format=esm --conditions=workerd --external:cloudflare:* \
//     --loader:.wasm=copy --asset-names=[name] --outdir=build
//   SECRET_KEY=sk_… SERVER_KEY=pk_… npx workerd serve workers.capnp

import { ChannelError, connectWebSocket, decodePublicKey } from 'nopki'

export default {
  async fetch(request, env) {
    const counter = env.COUNTERS.get(env.COUNTERS.idFromName(new URL(request.url).pathname))
    const { webSocket } = await counter.fetch('https://counter/', { headers: { Upgrade: 'websocket' } })
    webSocket.accept()
    try {
      const channel = await connectWebSocket(webSocket, { serverKey: decodePublicKey(env.SERVER_KEY) })
      await channel.send(new TextEncoder().encode('count'))
      for await (const message of channel.messages()) {
        await channel.close()
        return new Response(`visit ${new TextDecoder().decode(message)}\n`)
      }
      return new Response('no answer\n', { status: 502 })
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error
      return new Response(`${error.message}\n`, { status: 502 })
    }
  },
}
