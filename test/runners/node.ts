import { generateKeyPair } from 'nopki'
import { acceptWebSocket, connectWebSocket } from 'nopki/web'
import { WebSocket as Socket, WebSocketServer } from 'ws'
import { type Command, type Platform, run } from '../suite/main.js'
import { channelEnd, ports, streams, webSockets } from '../suite/web.js'
import { connectTcp, listening, serveTcp, tcp } from './tcp.js'

const open = (url: string) => new Socket(url) as unknown as WebSocket
const platform: Platform = {
  name: 'node',
  generateKeyPair,
  carriers: relay => ({ TCP: tcp, 'Web Streams': streams, MessagePort: ports, WebSocket: webSockets(relay, open) }),
  connectTcp,
  connectWebSocket: async (url, options) => channelEnd(await connectWebSocket(open(url), options)),
  async serve(options, _relay, onEnd) {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    server.on('connection', async socket => onEnd(channelEnd(await acceptWebSocket(socket as never, options))))
    return { tcp: await serveTcp(options, onEnd), webSocket: `ws://127.0.0.1:${await listening(server)}` }
  },
}

await run(platform, JSON.parse(process.argv[2] ?? '{}') as Command, line => console.log(JSON.stringify(line)))
