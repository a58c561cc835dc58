import { once } from 'node:events'
import net from 'node:net'
import SecretStream, { type StreamKeys } from '@hyperswarm/secret-stream'
import { type Contestant, HOST } from './contestant.js'

interface Keys {
  server: StreamKeys
  client: StreamKeys
}

/** Its default handshake (Noise XX); both ends then compare the key that the other proved. */
const secretStream: Contestant = {
  async makeKeys() {
    return { server: SecretStream.keyPair(), client: SecretStream.keyPair() }
  },

  async listen(keys, accept) {
    const { server: keyPair, client } = keys as Keys
    const server = net.createServer({ noDelay: true }, raw => {
      const stream = new SecretStream(false, raw, { keyPair })
      stream.on('error', () => {})
      stream.once('handshake', () => (isKey(stream.remotePublicKey, client) ? accept(stream) : stream.destroy()))
    })
    await once(server.listen(0, HOST), 'listening')
    return (server.address() as net.AddressInfo).port
  },

  async connect(keys, port) {
    const { server, client: keyPair } = keys as Keys
    const stream = new SecretStream(true, net.connect({ host: HOST, port, noDelay: true }), { keyPair })
    await once(stream, 'handshake')
    if (!isKey(stream.remotePublicKey, server)) throw new Error('another server answered')
    return stream
  },
}

function isKey(key: Uint8Array, { publicKey }: StreamKeys): boolean {
  return Buffer.compare(key, publicKey) === 0
}

export default secretStream
