// The stand-in as a client for a shell: says something, and prints what comes back.
//
//   client.js SECRET_KEY PORT SERVER_KEY TEXT

import { keyPairOf } from '../peer/primitives.js'
import { startClient } from './standin.js'

const [secretKey = '', port, serverKey = '', text = ''] = process.argv.slice(2)
const client = startClient(
  keyPairOf(Buffer.from(secretKey, 'base64url')),
  new Uint8Array(Buffer.from(serverKey, 'base64url')),
)
const { heard, ended } = await client.call(Number(port), [`say ${text}`, `hear ${Buffer.byteLength(text)}`])
client.stop()
console.log(ended ? `it has failed: ${ended}` : `it has heard: ${Buffer.from(heard, 'base64')}`)
