import { once } from 'node:events'
import net from 'node:net'
import { type Contestant, HOST } from './contestant.js'

/** Nothing but the sockets: what there is to lose. */
const tcp: Contestant = {
  async makeKeys() {},

  async listen(_keys, accept) {
    const server = net.createServer({ noDelay: true }, accept)
    await once(server.listen(0, HOST), 'listening')
    return (server.address() as net.AddressInfo).port
  },

  async connect(_keys, port) {
    const socket = net.connect({ host: HOST, port, noDelay: true })
    await once(socket, 'connect')
    return socket
  },
}

export default tcp
