import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, generateKeyPair, type KeyPair } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'
import { type Contestant, HOST, type Pipe } from './contestant.js'

interface Keys {
  server: KeyPair
  client: KeyPair
}

/** @param options what sets one variant apart, for both ends */
export function nopki(options: object): Contestant {
  return {
    async makeKeys() {
      return { server: generateKeyPair(), client: generateKeyPair() }
    },

    async listen(keys, accept) {
      const { server: keyPair, client } = keys as Keys
      const authorize = (peer: { publicKey: Uint8Array }) => Buffer.compare(peer.publicKey, client.publicKey) === 0
      const server = createServer({ keyPair, authorize, ...options }, socket => accept(socket as Pipe))
      await once(server.listen(0, HOST), 'listening')
      return (server.address() as AddressInfo).port
    },

    async connect(keys, port) {
      const { server, client } = keys as Keys
      return (await connect({ host: HOST, port, serverKey: server.publicKey, keyPair: client, ...options })) as Pipe
    },

    async describe() {
      const keyPair = generateKeyPair()
      const server = createServer({ keyPair, authorize: 'anyone', ...options }, socket => socket.end())
      await once(server.listen(0, HOST), 'listening')
      const { port } = server.address() as AddressInfo
      const socket = await connect({ host: HOST, port, serverKey: keyPair.publicKey, ...options })
      await once(socket.resume(), 'close')
      server.close()
      return socket.accelerated ? `with ${socket.accelerated}` : 'nothing but wasm'
    },

    coreBytes: () => nodeCore().bytesInUse,
  }
}
