import type { Engine } from '../engine/engine.js'
import { ChannelError } from '../errors.js'
import { encodePublicKey } from '../keys/text.js'
import type { Peer, ServerOptions } from './options.js'

/** Where a client connects from, as far as its transport knows. */
export type PeerPlace = Pick<Peer, 'remoteAddress' | 'remotePort'>

/** What `authorize` says of a client that has proved its key: true, what it attached, or the error that refuses the client. */
export async function askAuthorize(
  options: ServerOptions,
  engine: Engine,
  asked: Pick<Peer, 'signal'>,
  place: PeerPlace = {},
): Promise<true | object | ChannelError> {
  const { authorize } = options
  if (authorize === 'anyone') return true
  const peer = peerOf(engine, asked, place)
  const refused = (cause?: unknown) =>
    new ChannelError('PEER_NOT_AUTHORIZED', `${peer.publicKeyText} is not authorized`, { cause })
  try {
    const answer = await authorize(peer)
    return answer === true || (typeof answer === 'object' && answer !== null) ? answer : refused()
  } catch (cause) {
    return cause instanceof ChannelError && cause.code === 'PEER_NOT_AUTHORIZED' ? cause : refused(cause)
  }
}

/** Warns, once a process, of what `authorize` does not know in version 1. @param warn how this runtime warns */
export function warnOfVersion1({ authorize, versions }: Readonly<ServerOptions>, warn: (text: string) => void): void {
  if (warned || authorize === 'anyone' || !versions?.includes(1)) return
  warned = true
  warn(
    'in version 1, a client may not hold the key that authorize is asked about: ' +
      'read “What version 1 does not give” in docs/protocol.md',
  )
}

let warned = false

/** What most never ask for is made when they do. */
function peerOf(engine: Engine, asked: Pick<Peer, 'signal'>, place: PeerPlace): Peer {
  const { remotePublicKey: publicKey, handshakeHash, version = 2 } = engine
  return {
    publicKey,
    get publicKeyText() {
      return encodePublicKey(publicKey)
    },
    version,
    get signal() {
      return asked.signal
    },
    ...(handshakeHash && { handshakeHash }),
    ...place,
  }
}
