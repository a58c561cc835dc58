// Where channels come in: limits, who is authorized, and dropping those who no longer are.

import { AuthorizedClients } from '../../node/files/authorized-clients.js'
import { ChannelError, encodePublicKey, type Peer, type SecureSocket } from '../../node/index.js'
import { ChannelListener } from '../../tunnel/channel-listener.js'
import { FAILED, guardListeners } from '../../tunnel/guard.js'
import type { Limits } from '../../tunnel/limits.js'
import { reasonOf } from '../../tunnel/splice.js'
import type { TunnelEntry } from '../../tunnel/tunnel.js'
import { ALERT_NOT_AUTHORIZED } from '../../wire/stream.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import type { ListenPlace } from '../frame/place.js'
import { logTrouble } from '../frame/watched.js'
import type { KeyFiles, ServerKeys } from '../keys/key-files.js'
import type { PendingOptions } from '../service/options.js'
import type { Live, Service } from '../service/service.js'
import { Throttle } from '../service/throttle.js'
import type { Protocol } from './protocol.js'

export const authorizeOptions = {
  authorized: {
    short: 'a',
    value: 'FILE',
    summary:
      'lets in the keys in FILE, one a line with a name; read again when it changes, and keys that are gone are dropped',
    completes: 'file',
  },
  'allow-anyone': { summary: 'lets in every client, whatever its key' },
} as const

export interface AdmissionOptions {
  place: ListenPlace
  keys: KeyFiles
  /** A file, or undefined for everyone. */
  authorized: string | undefined
  /** What the clients come for, for `to=`. */
  target?: string
  limits: Limits
  protocol: Protocol
  pending: PendingOptions
  /** The channel’s, and TCP’s own, in milliseconds; 0 is never. */
  heartbeat: number
  tcpKeepAlive: number
  /** Whether the first client that is let in is the only one. */
  once?: boolean
  onKeys?: (line: string) => void
}

/** A client that was let in. */
export interface Client {
  socket: SecureSocket
  /** `pk_…` */
  key: string
  name: string | null
  address: string
  /** Which of the server's keys it has asked for, `pk_…`, if there are several. */
  wanted?: string
}

/** What `authorize` finds out, and the channel carries. */
interface Credentials {
  key: string
  name: string | null
  /** Undefined through a Unix socket. */
  ip: string | undefined
}

/** @throws Failure of usage unless exactly one of the two options says who is let in */
export function authorizedFile(values: {
  authorized: string | undefined
  'allow-anyone': boolean
}): string | undefined {
  if (values.authorized !== undefined && values['allow-anyone']) {
    throw Failure.usage('--authorized and --allow-anyone contradict each other', 'give one of them')
  }
  if (values.authorized === undefined && !values['allow-anyone']) {
    throw Failure.usage('nobody is authorized', 'give --authorized FILE, or --allow-anyone')
  }
  return values.authorized
}

export class Admission {
  #service: Service
  #options: AdmissionOptions
  #onClient: (client: Client) => Live
  #authorized: AuthorizedClients<Live> | undefined
  #channels: ChannelListener
  #throttle = new Throttle()
  /** Who was said to ask for another key than the newest. */
  #late = new Set<string>()

  /** @param onClient takes over a client that was let in, and closes its socket in the end */
  constructor(service: Service, options: AdmissionOptions, onClient: (client: Client) => Live) {
    this.#service = service
    this.#options = options
    this.#onClient = onClient
    const { keys, heartbeat, tcpKeepAlive, onKeys, authorized, pending, protocol } = options
    const serve = {
      ...keys.current,
      allowHalfOpen: true,
      heartbeat,
      keepAlive: tcpKeepAlive > 0,
      keepAliveInitialDelay: tcpKeepAlive,
      versions: [protocol.version],
      allowTruncation: protocol.allowTruncation,
      authorize: (peer: Peer) => this.#authorize(peer),
      ...pending,
      ...(onKeys && { onKeys }),
    }
    this.#channels = new ChannelListener(serve, options.limits, {
      closed: () => service.closed,
      hold: live => service.hold(live),
      welcome: (socket, address) => this.#welcome(socket, address),
      refused: entry => this.#refused(entry),
      fault: error => service.fault(error),
    })
    service.onReload(() => keys.reload(it => this.#changeKeys(it)))
    service.onHealth(() => keys.trouble)
    service.onClosing(() => this.#channels.awaitHandshakes())
    const { secure, counter } = this.#channels
    service.countPending({ pending: () => secure.pendingHandshakes, refused: () => secure.refusedClients })
    service.onHealth(() => counter.trouble, true)
    if (authorized !== undefined) this.#authorized = this.#watch(authorized)
  }

  /** @returns where it listens */
  async open(): Promise<string> {
    return await this.#service.listen(this.#channels.server, this.#options.place)
  }

  #authorize({ publicKeyText: key, remoteAddress: ip }: Peer): Credentials {
    const refusal = this.#authorized?.refusalOf({ key, ip })
    if (refusal !== undefined) throw new ChannelError('PEER_NOT_AUTHORIZED', `${refusal} (${key})`, { next: ASK })
    return { key, name: this.#authorized?.entryOf(key)?.name ?? null, ip }
  }

  #welcome(socket: SecureSocket, address: string): void {
    const { key, name, ip } = socket.authorization as Credentials
    const live = this.#onClient({ socket, key, name, address, ...this.#wanted(socket, name ?? key, address) })
    this.#service.track(live)
    this.#authorized?.enter(live, { key, name: name ?? key, ip })
    const leave = () => this.#authorized?.leave(live)
    live.done.then(leave, leave)
    guardListeners(socket, error => {
      this.#service.fault(error)
      this.#service.cut(live, { how: 'failed', detail: reasonOf(error) }, 1, FAILED)
    })
    if (this.#options.once) this.#service.close()
  }

  /** Which of several keys it has asked for. Whoever asks for one that is not the newest is named, once. */
  #wanted(socket: SecureSocket, who: string, address: string): { wanted?: string } {
    const wanted = encodePublicKey(socket.localPublicKey)
    this.#service.asked(wanted)
    const { names } = this.#options.keys
    if (names.length < 2) return {}
    const said = `${who} ${wanted}`
    if (wanted !== names[0] && !this.#late.has(said)) {
      if (this.#late.size < MOST_LATE) this.#late.add(said)
      this.#throttle.say(`${who} from ${address} still asks for ${wanted}`)
    }
    return { wanted }
  }

  #changeKeys(keys: ServerKeys): void {
    this.#channels.secure.setKeyPairs(keys)
    this.#late.clear()
  }

  #refused(entry: TunnelEntry): void {
    const { ended, detail, name, peer, address } = entry
    const failed = ended === 'failed'
    this.#throttle.say(
      failed ? `${name ?? peer} from ${address} cannot be served: ${detail}` : `refused ${address}: ${detail}`,
    )
    this.#service.record(entry)
    if (!failed || !this.#options.once) return
    process.exitCode = 1
    this.#service.close()
  }

  #watch(path: string): AuthorizedClients<Live> {
    const clients = new AuthorizedClients<Live>(path, {
      target: this.#options.target,
      onChange: () => log.info(`${path} was read anew`),
      onTrouble: logTrouble,
      drop: (live, name, refusal) => {
        log.info(`dropped ${name}: ${refusal}`)
        this.#service.cut(live, { how: 'authorization', detail: refusal }, ALERT_NOT_AUTHORIZED, refusal)
      },
    })
    if (clients.count === 0) log.warn(`${path} has no keys: nobody is let in`)
    this.#service.onReload(() => clients.reload())
    this.#service.onHealth(() => clients.trouble)
    this.#service.onEnd(() => clients.close())
    return clients
  }
}

const ASK = 'ask the server’s operator to authorize the key'
const MOST_LATE = 1000
