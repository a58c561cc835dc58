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
  signal: AbortSignal,
  place: PeerPlace = {},
): Promise<true | object | ChannelError> {
  if (!options.authorize) return true
  const peer = peerOf(engine, signal, place)
  const refused = (cause?: unknown) =>
    new ChannelError('PEER_NOT_AUTHORIZED', `${peer.publicKeyText} is not authorized`, { cause })
  try {
    const answer = await options.authorize(peer)
    return answer === true || (typeof answer === 'object' && answer !== null) ? answer : refused()
  } catch (cause) {
    return cause instanceof ChannelError && cause.code === 'PEER_NOT_AUTHORIZED' ? cause : refused(cause)
  }
}

function peerOf(engine: Engine, signal: AbortSignal, place: PeerPlace): Peer {
  const { remotePublicKey: publicKey, handshakeHash, version = 2 } = engine
  const publicKeyText = encodePublicKey(publicKey)
  return { publicKey, publicKeyText, version, signal, ...(handshakeHash && { handshakeHash }), ...place }
}
