import { connect } from 'cloudflare:sockets'
import bytes from 'channel.bytes'
import { acceptWebSocket, connectWebSocket, generateKeyPair, secure } from 'nopki'
import type { End } from '../../suite/carrier.js'
import { type Command, type Platform, run } from '../../suite/main.js'
import { channelEnd, ports, streams, webSockets } from '../../suite/web.js'

let serving: { options: Parameters<typeof acceptWebSocket>[1]; onEnd: (end: End) => void }

const platform = (origin: string): Platform => ({
  name: 'workerd',
  generateKeyPair,
  carriers: relay => ({
    'Web Streams': streams,
    MessagePort: ports,
    WebSocket: webSockets(relay, url => new WebSocket(url)),
  }),
  async connectTcp(port, options) {
    const socket = connect({ hostname: '127.0.0.1', port }, { allowHalfOpen: true })
    return channelEnd(await secure(socket, { role: 'client', ...options }))
  },
  connectWebSocket: async (url, options) => channelEnd(await connectWebSocket(url, options)),
  async serve(options, _relay, onEnd) {
    serving = { options, onEnd }
    return { webSocket: origin.replace('http', 'ws') }
  },
  wasmBytes: async () => new Uint8Array(bytes),
})

export default {
  async fetch(request: Request, _env: unknown, context: { waitUntil(promise: Promise<unknown>): void }) {
    if (request.headers.get('Upgrade') === 'websocket') {
      const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, Accepted]
      ours.accept()
      context.waitUntil(acceptWebSocket(ours, serving.options).then(it => serving.onEnd(channelEnd(it))))
      return new Response(null, { status: 101, webSocket: theirs } as ResponseInit)
    }
    const command = (await request.json()) as Command
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const lines = writable.getWriter()
    const report = (line: object) => lines.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`))
    const done = run(platform(new URL(request.url).origin), command, report).finally(() => lines.close())
    context.waitUntil(done)
    return new Response(readable)
  },
}

type Accepted = WebSocket & { accept(): void }
declare const WebSocketPair: new () => Record<string, WebSocket>
