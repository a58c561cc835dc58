// A server that echoes, for Node, Deno and Bun: lets in the keys of its arguments. Each line of its input is answered with how it is.

import { createInterface } from 'node:readline'
import { createServer, encodePublicKey, generateKeyPair } from '../../src/node/index.js'

/** What one line of output says. */
export interface Report {
  port: number
  publicKey: string
  /** The longest that the event loop has been late since the last report, in ms. */
  delay: number
  pending: number
  refused: number
}

const allowed = new Set(process.argv.slice(2))
const keyPair = generateKeyPair()
const server = createServer({ keyPair, authorize: ({ publicKeyText }) => allowed.has(publicKeyText) })
server.on('secureConnection', socket => {
  socket.on('error', () => {})
  socket.pipe(socket)
})
server.listen(0, '127.0.0.1', report)

const EVERY_MS = 10
let delay = 0
let last = performance.now()
setInterval(() => {
  const now = performance.now()
  delay = Math.max(delay, now - last - EVERY_MS)
  last = now
}, EVERY_MS)

createInterface({ input: process.stdin })
  .on('line', report)
  .on('close', () => process.exit())

function report(): void {
  const { port } = server.address() as { port: number }
  const said: Report = {
    port,
    publicKey: encodePublicKey(keyPair.publicKey),
    delay: Math.round(delay),
    pending: server.pendingHandshakes,
    refused: server.refusedClients,
  }
  delay = 0
  process.stdout.write(`${JSON.stringify(said)}\n`)
}
