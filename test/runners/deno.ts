import process from 'node:process'
import { generateKeyPair } from 'nopki'
import { acceptWebSocket, connectWebSocket, secure } from 'nopki/web'
import type { Carrier } from '../suite/carrier.js'
import { type Command, type Platform, run } from '../suite/main.js'
import { channelEnd, pairOf, ports, streams, webSockets } from '../suite/web.js'
import { connectTcp, serveTcp, tcp } from './tcp.js'

/** Deno’s own connections, which are Web Streams as they are. */
const conn: Carrier = async ({ client, server }) => {
  const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 })
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: '127.0.0.1', port: listener.addr.port }),
    listener.accept(),
  ])
  listener.close()
  return pairOf(secure(near, { role: 'client', ...client }), secure(far, { role: 'server', ...server }), () => {
    close(near)
    close(far)
  })
}

const platform: Platform = {
  name: 'deno',
  generateKeyPair,
  carriers: relay => ({
    TCP: tcp,
    'Deno.Conn': conn,
    'Web Streams': streams,
    MessagePort: ports,
    WebSocket: webSockets(relay, url => new WebSocket(url)),
  }),
  connectTcp,
  connectWebSocket: async (url, options) => channelEnd(await connectWebSocket(url, options)),
  async serve(options, _relay, onEnd) {
    const { addr } = Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: () => {} }, request => {
      const { socket, response } = Deno.upgradeWebSocket(request)
      acceptWebSocket(socket, options).then(channel => onEnd(channelEnd(channel)))
      return response
    })
    return { tcp: await serveTcp(options, onEnd), webSocket: `ws://127.0.0.1:${addr.port}` }
  },
}

await run(platform, JSON.parse(process.argv[2] ?? '{}') as Command, line => console.log(JSON.stringify(line)))

/** What has ended with its channel throws. */
function close(conn: Conn): void {
  try {
    conn.close()
  } catch {}
}

interface Conn {
  readable: ReadableStream<Uint8Array>
  writable: WritableStream<Uint8Array>
  close(): void
}

declare const Deno: {
  connect(options: object): Promise<Conn>
  listen(options: object): { addr: { port: number }; accept(): Promise<Conn>; close(): void }
  serve(options: object, handler: (request: Request) => Response): { addr: { port: number } }
  upgradeWebSocket(request: Request): { socket: WebSocket; response: Response }
}
