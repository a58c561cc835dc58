// A channel’s server in Node, for pages and their Workers: it gives back what comes, to its end.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { encodePublicKey, generateKeyPair } from 'nopki'
import { acceptWebSocket } from 'nopki/web'
import { WebSocketServer } from 'ws'

export interface Echo {
  url: string
  /** As text. */
  serverKey: string
  close(): void
}

export async function startEcho(): Promise<Echo> {
  const keyPair = generateKeyPair()
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', async socket => {
    const channel = await acceptWebSocket(socket as never, { keyPair, authorize: 'anyone' })
    // What fails here, the client at the other end reports.
    channel.closed.catch(() => {})
    channel.readable.pipeTo(channel.writable).catch(() => {})
  })
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serverKey: encodePublicKey(keyPair.publicKey),
    close() {
      for (const client of server.clients) client.terminate()
      server.close()
    },
  }
}

/** A module for a page: says something to that server, and gives back what comes until the end. */
export const TALK = `
import { connectWebSocket, decodePublicKey } from 'nopki'

export async function talk({ url, serverKey, text }) {
  const channel = await connectWebSocket(url, { serverKey: decodePublicKey(serverKey) })
  const writer = channel.writable.getWriter()
  writer.write(new TextEncoder().encode(text)).then(() => writer.close())
  const decoder = new TextDecoder()
  let said = ''
  for await (const chunk of channel.readable) said += decoder.decode(chunk, { stream: true })
  await channel.closed
  return said
}
`
