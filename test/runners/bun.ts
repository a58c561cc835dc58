import process from 'node:process'
import { generateKeyPair } from 'nopki'
import { acceptWebSocket, bunWebSocket, connectWebSocket } from 'nopki/web'
import { type Command, type Platform, run } from '../suite/main.js'
import { channelEnd, ports, streams, webSockets } from '../suite/web.js'
import { connectTcp, serveTcp, tcp } from './tcp.js'

const platform: Platform = {
  name: 'bun',
  generateKeyPair,
  carriers: relay => ({
    TCP: tcp,
    'Web Streams': streams,
    MessagePort: ports,
    WebSocket: webSockets(relay, url => new WebSocket(url)),
  }),
  connectTcp,
  connectWebSocket: async (url, options) => channelEnd(await connectWebSocket(url, options)),
  async serve(options, _relay, onEnd) {
    const { port } = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 426 })),
      websocket: bunWebSocket(async socket => onEnd(channelEnd(await acceptWebSocket(socket, options)))),
    })
    return { tcp: await serveTcp(options, onEnd), webSocket: `ws://127.0.0.1:${port}` }
  },
}

await run(platform, JSON.parse(process.argv[2] ?? '{}') as Command, line => console.log(JSON.stringify(line)))

declare const Bun: {
  serve(options: {
    hostname: string
    port: number
    fetch(request: Request, server: { upgrade(request: Request): boolean }): Response | undefined
    websocket: object
  }): { port: number }
}
