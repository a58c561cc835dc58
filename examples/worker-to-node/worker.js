// A Worker that answers web requests with what a Node server tells it over a channel.
//
//   npx esbuild worker.js --bundle --format=esm --conditions=workerd --external:cloudflare:* \
//     --loader:.wasm=copy --asset-names=[name] --outdir=build
//   SERVER=nopki://pk_…@127.0.0.1:… npx workerd serve worker.capnp
//
// wrangler bundles it the same way by itself; there, SERVER is a secret or a variable:
//
//   npx wrangler dev worker.js --compatibility-date 2025-06-01 --var SERVER:nopki://pk_…@127.0.0.1:…

import { connect } from 'cloudflare:sockets'
import { ChannelError, parseAddress, secure } from 'nopki'

export default {
  async fetch(request, env) {
    const { host: hostname, port, serverKey } = parseAddress(env.SERVER)
    const socket = connect({ hostname, port }, { allowHalfOpen: true })
    try {
      // Keys are drawn here and not at the top of the file, where Workers have no random numbers.
      const channel = await secure(socket, { role: 'client', serverKey })
      const writer = channel.writable.getWriter()
      await writer.write(new TextEncoder().encode(new URL(request.url).searchParams.get('name') ?? 'stranger'))
      await writer.close()
      return new Response(channel.readable)
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error
      return new Response(`${error.message}\n`, { status: 502 })
    }
  },
}
