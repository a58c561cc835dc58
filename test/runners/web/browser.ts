import { acceptWebSocket, connectWebSocket, generateKeyPair, ready } from 'nopki'
import { type Command, type Platform, run } from '../../suite/main.js'
import { channelEnd, ports, streams, webSockets } from '../../suite/web.js'
import { allPosted, post } from './post.js'

/** Which browser this is, the page’s address says. */
const name = location.search.slice(1)

const platform: Platform = {
  name,
  generateKeyPair: () => ready().then(generateKeyPair),
  carriers: relay => ({
    'Web Streams': streams,
    MessagePort: ports,
    WebSocket: webSockets(relay, url => new WebSocket(url)),
  }),
  connectWebSocket: async (url, options) => channelEnd(await connectWebSocket(url, options)),
  async serve(options, relay, onEnd) {
    const wait = async (): Promise<void> => {
      const socket = new WebSocket(`${relay}/${name}/serve`)
      const channel = acceptWebSocket(socket, { ...options, handshakeTimeout: 0 })
      await channel.then(
        it => onEnd(channelEnd(it)),
        () => {},
      )
      return wait()
    }
    wait()
    return { webSocket: `${relay}/${name}/to` }
  },
}

Object.assign(globalThis, {
  command: (command: Command) => run(platform, command, post).then(allPosted),
})
