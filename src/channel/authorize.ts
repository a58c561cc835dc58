import type { Engine } from '../engine/engine.js'
import { ChannelError } from '../errors.js'
import { encodePublicKey } from '../keys/text.js'
import type { Peer, ServerOptions } from './options.js'

/** Where a client connects from, as far as its transport knows. */
export type PeerPlace = Pick<Peer, 'remoteAddress' | 'remotePort'>

/** A no: what the client is told, and the operator. */
export class Refusal {
  readonly told: string
  readonly error: ChannelError

  constructor(publicKey: Uint8Array, cause?: unknown) {
    const key = encodePublicKey(publicKey)
    // Not `instanceof`: it may come from another copy of this package.
    const { name, code, reason } = Object(cause) as Partial<ChannelError>
    const said = name === 'ChannelError' && code === 'PEER_NOT_AUTHORIZED' ? String(reason) : undefined
    this.told = said ?? `${key} is not authorized`
    const why = said ? `: ${said}` : cause === undefined ? '' : ', for authorize failed'
    this.error = new ChannelError('PEER_NOT_AUTHORIZED', `the client ${key} was refused${why}`, {
      next: cause === undefined || said ? 'if it is to be served, have `authorize` say so' : 'see `error.cause`',
      remotePublicKey: publicKey,
      cause,
    })
  }
}

/** What `authorize` says of a client that has proved its key: true, what it attached, or a refusal. */
export async function askAuthorize(
  { authorize }: Pick<ServerOptions, 'authorize'>,
  engine: Engine,
  asked: Pick<Peer, 'signal'>,
  place: PeerPlace = {},
): Promise<true | object | Refusal> {
  if (authorize === 'anyone') return true
  const { remotePublicKey } = engine
  try {
    const answer = await authorize(peerOf(engine, asked, place))
    return answer === true || (typeof answer === 'object' && answer !== null) ? answer : new Refusal(remotePublicKey)
  } catch (cause) {
    return new Refusal(remotePublicKey, cause ?? 'nothing')
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
  const { remotePublicKey: publicKey, localPublicKey, handshakeHash, version = 2 } = engine
  return {
    publicKey,
    get publicKeyText() {
      return encodePublicKey(publicKey)
    },
    localPublicKey,
    version,
    get signal() {
      return asked.signal
    },
    ...(handshakeHash && { handshakeHash }),
    ...place,
  }
}
