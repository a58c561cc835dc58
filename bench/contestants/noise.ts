import { type MessageStream, noise, type Secured } from '@chainsafe/libp2p-noise'
import { generateKeyPair, type PrivateKey, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { type PeerId, peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { AdaptedPipe } from './adapted.js'
import { type Contestant, HOST } from './contestant.js'

/** Ed25519 identities, as libp2p writes them. */
interface Keys {
  server: Uint8Array
  client: Uint8Array
}

/** libp2p’s TCP transport and its Noise, without a multiplexer: what a connection has before streams are opened on it. */
const libp2pNoise: Contestant = {
  async makeKeys() {
    const draw = async () => privateKeyToProtobuf(await generateKeyPair('Ed25519'))
    return { server: await draw(), client: await draw() }
  },

  async listen(keys, accept) {
    const { own, other } = identities(keys as Keys, 'server')
    const secure = noise()(components(own))
    const upgradeInbound = async (connection: MessageStream) => {
      accept(new NoisePipe(await secure.secureInbound(connection, { remotePeer: other, ...PLAIN })))
    }
    const listener = tcp(TIMEOUTS)(components(own)).createListener({ upgrader: { upgradeInbound } })
    await listener.listen(multiaddr(`/ip4/${HOST}/tcp/0`))
    return Number(listener.getAddrs()[0]!.toString().split('/').at(-1))
  },

  async connect(keys, port) {
    const { own, other } = identities(keys as Keys, 'client')
    const secure = noise()(components(own))
    const upgradeOutbound = async (connection: MessageStream) =>
      new NoisePipe(await secure.secureOutbound(connection, { remotePeer: other, ...PLAIN }))
    return tcp(TIMEOUTS)(components(own)).dial(multiaddr(`/ip4/${HOST}/tcp/${port}`), {
      signal: NEVER,
      upgrader: { upgradeOutbound },
    })
  },
}

class NoisePipe extends AdaptedPipe {
  #stream: MessageStream

  constructor({ connection }: Secured) {
    super()
    this.#stream = connection
    this.whenHeard(() =>
      connection.addEventListener('message', ({ data }) => {
        if (data instanceof Uint8Array) this.emit('data', data)
        else for (const chunk of data) this.emit('data', chunk)
      }),
    )
    connection.addEventListener('drain', () => this.emit('drain'))
    connection.addEventListener('close', () => this.emit('close'))
  }

  write(chunk: Buffer): boolean {
    return this.#stream.send(chunk)
  }

  destroy(): void {
    this.#stream.abort(new Error('done'))
  }
}

function identities(keys: Keys, role: 'server' | 'client'): { own: PrivateKey; other: PeerId } {
  const server = privateKeyFromProtobuf(keys.server)
  const client = privateKeyFromProtobuf(keys.client)
  const [own, other] = role === 'server' ? [server, client] : [client, server]
  return { own, other: peerIdFromPrivateKey(other) }
}

function components(privateKey: PrivateKey) {
  return { privateKey, logger: defaultLogger(), upgrader: { getStreamMuxers: () => new Map() } }
}

// It takes this for granted, which came with Node 22.
const promise = Promise as { withResolvers?: unknown }
promise.withResolvers ??= () => {
  let [resolve, reject]: unknown[] = []
  const promise = new Promise((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

// Its dial asks for one.
const NEVER = new AbortController().signal
const PLAIN = { skipStreamMuxerNegotiation: true }
// By default idle connections are closed after two minutes.
const TIMEOUTS = { inboundSocketInactivityTimeout: 3_600_000, outboundSocketInactivityTimeout: 3_600_000 }

export default libp2pNoise
