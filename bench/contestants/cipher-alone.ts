import crypto from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { AdaptedPipe } from './adapted.js'
import { type Contestant, HOST } from './contestant.js'

/**
 * No channel: plain TCP, a length ahead of each write, and node:crypto’s ChaCha20-Poly1305 with a key that everybody knows. What is left
 * when all else that a channel does costs nothing.
 */
const cipherAlone: Contestant = {
  async makeKeys() {},

  async listen(_keys, accept) {
    const server = net.createServer({ noDelay: true }, socket => accept(new SealedPipe(socket)))
    await once(server.listen(0, HOST), 'listening')
    return (server.address() as net.AddressInfo).port
  },

  async connect(_keys, port) {
    const socket = net.connect({ host: HOST, port, noDelay: true })
    await once(socket, 'connect')
    return new SealedPipe(socket)
  },
}

class SealedPipe extends AdaptedPipe {
  #socket: net.Socket
  #sent = Buffer.alloc(NONCE_BYTES)
  #read = Buffer.alloc(NONCE_BYTES)
  #received: Buffer = Buffer.alloc(0)

  constructor(socket: net.Socket) {
    super()
    this.#socket = socket
    socket.on('error', error => this.emit('error', error))
    socket.on('close', () => this.emit('close'))
    socket.on('drain', () => this.emit('drain'))
    this.whenHeard(() => socket.on('data', chunk => this.#take(chunk)))
  }

  write(text: Buffer): boolean {
    const record = Buffer.allocUnsafe(LENGTH_BYTES + text.length + TAG_BYTES)
    record.writeUInt32LE(record.length)
    const cipher = crypto.createCipheriv(CIPHER, KEY, countUp(this.#sent), OPTIONS)
    record.set(cipher.update(text), LENGTH_BYTES)
    cipher.final()
    record.set(cipher.getAuthTag(), LENGTH_BYTES + text.length)
    return this.#socket.write(record)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    let rest: Buffer = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    while (rest.length >= LENGTH_BYTES && rest.length >= rest.readUInt32LE()) {
      const length = rest.readUInt32LE()
      const decipher = crypto.createDecipheriv(CIPHER, KEY, countUp(this.#read), OPTIONS)
      decipher.setAuthTag(rest.subarray(length - TAG_BYTES, length))
      const text = decipher.update(rest.subarray(LENGTH_BYTES, length - TAG_BYTES))
      decipher.final()
      rest = rest.subarray(length)
      this.emit('data', text)
    }
    this.#received = rest
  }
}

function countUp(nonce: Buffer): Buffer {
  nonce.writeUInt32LE(nonce.readUInt32LE() + 1)
  return nonce
}

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
const NONCE_BYTES = 12
const LENGTH_BYTES = 4
const OPTIONS = { authTagLength: TAG_BYTES }
const KEY = Buffer.alloc(32, 'of no secret')

export default cipherAlone
