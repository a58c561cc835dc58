import { once } from 'node:events'
import net from 'node:net'
import sodium, { type SignKeys } from 'chloride'
import pull, { type PullDuplex, type Read } from 'pull-stream'
import secretHandshake from 'secret-handshake'
import toPull from 'stream-to-pull-stream'
import { AdaptedPipe } from './adapted.js'
import { type Contestant, HOST, type Pipe } from './contestant.js'

interface Keys {
  server: SignKeys
  client: SignKeys
  network: Uint8Array
}

/** Secure Scuttlebutt’s handshake, and pull-box-stream, which it hands its keys to. */
const handshake: Contestant = {
  async makeKeys() {
    const network = Buffer.from(crypto.getRandomValues(new Uint8Array(32)))
    return { server: sodium.crypto_sign_keypair(), client: sodium.crypto_sign_keypair(), network }
  },

  async listen(keys, accept) {
    const { server: own, client, network } = keys as Keys
    const isClient = Buffer.from(client.publicKey)
    const secure = secretHandshake.createServer(
      buffersOf(own),
      (key, callback) => callback(null, isClient.equals(key)),
      Buffer.from(network),
    )
    const server = net.createServer({ noDelay: true }, raw => {
      over(raw, callback => secure(callback)).then(accept, () => raw.destroy())
    })
    await once(server.listen(0, HOST), 'listening')
    return (server.address() as net.AddressInfo).port
  },

  async connect(keys, port) {
    const { server, client, network } = keys as Keys
    const secure = secretHandshake.createClient(buffersOf(client), Buffer.from(network))
    const raw = net.connect({ host: HOST, port, noDelay: true })
    await once(raw, 'connect')
    return over(raw, callback => secure(Buffer.from(server.publicKey), callback))
  },
}

type Secure = (callback: (error: unknown, plain: PullDuplex) => void) => PullDuplex

function over(raw: net.Socket, secure: Secure): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    raw.on('error', () => {})
    const wire = toPull.duplex(raw)
    const box = secure((error, plain) => (error ? reject(error) : resolve(new PullPipe(plain, raw))))
    pull(wire, box, wire)
  })
}

/** A pull stream as a pipe: writes wait in a queue until they are asked for. */
class PullPipe extends AdaptedPipe {
  #raw: net.Socket
  #queue: Buffer[] = []
  #queued = 0
  #full = false
  #asked: Parameters<Read>[1] | undefined

  constructor(plain: PullDuplex, raw: net.Socket) {
    super()
    this.#raw = raw
    pull((end, callback) => this.#give(end, callback), plain)
    this.whenHeard(() => {
      const drain = pull.drain(
        chunk => void this.emit('data', chunk),
        () => this.emit('close'),
      )
      pull(plain, drain)
    })
  }

  write(chunk: Buffer): boolean {
    if (this.#asked) {
      const answer = this.#asked
      this.#asked = undefined
      answer(null, chunk)
    } else {
      this.#queue.push(chunk)
      this.#queued += chunk.length
    }
    this.#full = this.#queued >= HIGH_WATER_MARK
    return !this.#full
  }

  destroy(): void {
    this.#raw.destroy()
  }

  #give(end: unknown, callback: Parameters<Read>[1]): void {
    if (end) return callback(end)
    const chunk = this.#queue.shift()
    if (!chunk) {
      this.#asked = callback
      return
    }
    this.#queued -= chunk.length
    if (this.#full && this.#queued === 0) {
      this.#full = false
      process.nextTick(() => this.emit('drain'))
    }
    callback(null, chunk)
  }
}

// What has gone through IPC is a plain Uint8Array.
function buffersOf(keys: SignKeys): SignKeys {
  return { publicKey: Buffer.from(keys.publicKey), secretKey: Buffer.from(keys.secretKey) }
}

const HIGH_WATER_MARK = 64 * 1024

export default handshake
