// A real connection, captured: a client says something over a socket, and a server echoes it.

import { Capturing, type Tool } from '../support/capturing.js'
import { dial, readAll, serve } from '../support/sockets.js'

export interface Traffic {
  capture: Buffer
  /** As `onKeys` gives it. */
  keyLog: string
  port: number
}

/** @param tool tcpdump gives a pcap file, dumpcap a pcapng */
export async function captureEcho(tool: Tool, version: 1 | 2, words: string): Promise<Traffic> {
  const { server, port } = await serve({ versions: [version] })
  server.on('secureConnection', socket => socket.pipe(socket))
  const capturing = await Capturing.start(tool, [port])
  const keys: string[] = []
  const client = await dial(port, { version, allowHalfOpen: true, onKeys: line => keys.push(line) })
  const back = readAll(client)
  client.end(words)
  await back
  return { capture: await capturing.stop(), keyLog: keys.join('\n'), port }
}
