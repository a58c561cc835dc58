// The receiving process of a bulk measure: counts what comes and answers each part with one byte.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer, generateKeyPair } from '../src/node/index.js'

const server =
  process.argv[2] === 'tcp'
    ? net.createServer({ allowHalfOpen: true, noDelay: true }, receive)
    : createServer({ keyPair: generateKeyPair(), allowHalfOpen: true }, receive)

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as net.AddressInfo).port))

function receive(stream: Duplex): void {
  let left = 0
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    let length = chunk.length
    if (left === 0) {
      left = chunk.readDoubleLE(0)
      length -= 8
    }
    left -= length
    if (left === 0) stream.write('.')
  })
}
