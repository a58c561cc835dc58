import type { Engine } from '../engine/engine.js'
import { badOption } from '../engine/snapshot.js'
import { callApart } from '../engine/uncaught.js'
import { ChannelError } from '../errors.js'
import { encodePublicKey } from '../keys/text.js'
import type { Authorize, Peer, ServedChannel, ServerOptions } from './options.js'

/** A client that has proved its key, and waits to be let in. */
export interface Applicant<Channel> extends Pick<Peer, 'signal'> {
  readonly engine: Engine
  /** Where it connects from, as far as its transport knows. */
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  /** Rejects if it is gone, or its time is over. */
  readonly failed: Promise<unknown>
  /** Throws what it has failed with. */
  check(): void
  /** Tells it so, and opens the channel. @param authorization what `authorize` attached to it */
  accept(authorization?: object): Channel
  /** The channel, for whoever has asked `authorize`'s peer for it. */
  served(channel: Channel): ServedChannel
  /** Tells it so. @param error for the operator */
  refuse(told: string, error: ChannelError): void
}

/**
 * Authenticate first, authorize after: a client that is refused is told so over its own encrypted channel.
 * @throws ChannelError PEER_NOT_AUTHORIZED; what it has failed with
 */
export async function admit<Channel>(
  { authorize }: Pick<ServerOptions, 'authorize'>,
  applicant: Applicant<Channel>,
): Promise<Channel> {
  applicant.check()
  let channel: Channel | undefined
  const waiting: (() => void)[] = []
  const whenServed = (tell: unknown) => {
    if (typeof tell !== 'function') throw badOption('tell', tell, 'a function')
    const call = () => callApart(() => tell(applicant.served(channel as Channel)))
    if (channel) call()
    else waiting.push(call)
  }
  const asking = authorize === 'anyone' ? true : Promise.race([ask(authorize, applicant, whenServed), applicant.failed])
  const answer = (await asking) as true | object | Refusal
  applicant.check()
  if (answer instanceof Refusal) {
    applicant.refuse(answer.told, answer.error)
    throw answer.error
  }
  channel = applicant.accept(answer === true ? undefined : answer)
  for (const call of waiting) call()
  return channel
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

/** A no: what the client is told, and the operator. */
class Refusal {
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

type Asked = Omit<Applicant<unknown>, 'accept' | 'served' | 'refuse'>

async function ask(
  authorize: Authorize,
  applicant: Asked,
  whenServed: Peer['whenServed'],
): Promise<true | object | Refusal> {
  const { remotePublicKey } = applicant.engine
  try {
    const answer = await authorize(peerOf(applicant, whenServed))
    return answer === true || (typeof answer === 'object' && answer !== null) ? answer : new Refusal(remotePublicKey)
  } catch (cause) {
    return new Refusal(remotePublicKey, cause ?? 'nothing')
  }
}

/** What most never ask for is made when they do. */
function peerOf(applicant: Asked, whenServed: Peer['whenServed']): Peer {
  const { engine, remoteAddress, remotePort } = applicant
  const { remotePublicKey: publicKey, localPublicKey, handshakeHash, version = 2 } = engine
  return {
    publicKey,
    get publicKeyText() {
      return encodePublicKey(publicKey)
    },
    localPublicKey,
    version,
    get signal() {
      return applicant.signal
    },
    ...(handshakeHash && { handshakeHash }),
    ...(remoteAddress !== undefined && { remoteAddress }),
    ...(remotePort !== undefined && { remotePort }),
    whenServed,
  }
}
