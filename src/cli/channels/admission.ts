// Where channels come in: limits, who is authorized, and dropping those who no longer are.

import net from 'node:net'
import type { Duplex } from 'node:stream'
import { AuthorizedClients } from '../../node/files/authorized-clients.js'
import {
  ChannelError,
  createServer,
  encodePublicKey,
  type Peer,
  type SecureServer,
  type SecureSocket,
} from '../../node/index.js'
import { FAILED, guarded, guardListeners } from '../../tunnel/guard.js'
import { type Ending, reasonOf, tell } from '../../tunnel/splice.js'
import { ALERT_NOT_AUTHORIZED, ALERT_SHUTTING_DOWN } from '../../wire/stream.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import type { ListenPlace } from '../frame/place.js'
import { logTrouble } from '../frame/watched.js'
import type { KeyFiles, ServerKeys } from '../keys/key-files.js'
import { Counter, type Limits, remoteText } from '../service/listener.js'
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
  #counter: Counter
  #throttle = new Throttle()
  #secure: SecureServer
  /** Ends what is still shaking hands. */
  #hurry = new AbortController()
  /** Who was said to ask for another key than the newest. */
  #late = new Set<string>()

  /** @param onClient takes over a client that was let in, and closes its socket in the end */
  constructor(service: Service, options: AdmissionOptions, onClient: (client: Client) => Live) {
    this.#service = service
    this.#options = options
    this.#onClient = onClient
    this.#counter = new Counter(options.limits)
    const { keys, heartbeat, onKeys, authorized, pending, protocol } = options
    this.#secure = createServer({
      ...keys.current,
      allowHalfOpen: true,
      heartbeat,
      versions: [protocol.version],
      allowTruncation: protocol.allowTruncation,
      authorize: peer => this.#authorize(peer),
      signal: this.#hurry.signal,
      ...pending,
      ...(onKeys && { onKeys }),
    })
    this.#secure.on('secureConnection', socket =>
      guarded(
        () => this.#welcome(socket),
        error => this.#failed(socket, error),
      ),
    )
    this.#secure.on('handshakeError', (error, transport) =>
      guarded(
        () => this.#refused(error, transport),
        fault => service.fault(fault),
      ),
    )
    service.onReload(() => keys.reload(it => this.#changeKeys(it)))
    service.onHealth(() => keys.trouble)
    service.onClosing(() => this.#awaitHandshakes())
    service.countPending({
      pending: () => this.#secure.pendingHandshakes,
      refused: () => this.#secure.refusedClients,
    })
    service.onHealth(() => this.#counter.trouble, true)
    if (authorized !== undefined) this.#authorized = this.#watch(authorized)
  }

  /** @returns where it listens */
  async open(): Promise<string> {
    const { tcpKeepAlive } = this.#options
    const server = net.createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: tcpKeepAlive > 0,
      keepAliveInitialDelay: tcpKeepAlive,
    })
    server.on('connection', transport => {
      const fail = (error: Error) => {
        this.#service.fault(error)
        transport.destroy()
      }
      guardListeners(transport, fail)
      guarded(() => this.#admit(transport), fail)
    })
    return await this.#service.listen(server, this.#options.place)
  }

  #admit(transport: net.Socket): void {
    const limit = this.#counter.refusal(transport)
    if (limit === undefined) return void this.#secure.emit('connection', transport)
    transport.on('error', () => {})
    transport.destroy()
    this.#recordRefused({ how: 'limit', detail: limit }, remoteText(transport), null)
  }

  #authorize({ publicKeyText: key, remoteAddress: ip }: Peer): Credentials {
    const refusal = this.#authorized?.refusalOf({ key, ip })
    if (refusal !== undefined) throw new ChannelError('PEER_NOT_AUTHORIZED', `${refusal} (${key})`, { next: ASK })
    return { key, name: this.#authorized?.entryOf(key)?.name ?? null, ip }
  }

  #welcome(socket: SecureSocket): void {
    const { key, name, ip } = socket.authorization as Credentials
    const address = remoteText(socket)
    if (this.#service.closed) return this.#turnAway(socket, ALERT_SHUTTING_DOWN, 'the service takes no more clients')
    const limit = this.#counter.admit(socket)
    if (limit !== undefined) {
      this.#recordRefused({ how: 'limit', detail: limit }, address, key)
      return this.#turnAway(socket, 1, 'too many connections are open')
    }
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
    this.#secure.setKeyPairs(keys)
    this.#late.clear()
  }

  /** It was let in, and cannot be served. */
  #failed(socket: SecureSocket, error: Error): void {
    const { key, name } = socket.authorization as Credentials
    const address = remoteText(socket)
    const detail = reasonOf(error)
    this.#throttle.say(`${name ?? key} from ${address} cannot be served: ${detail}`)
    this.#turnAway(socket, 1, FAILED)
    const nothing = { received: 0, sent: 0, milliseconds: 0 }
    this.#service.record({
      time: new Date().toISOString(),
      peer: key,
      name,
      address,
      ...nothing,
      ended: 'failed',
      detail,
    })
    if (!this.#options.once) return
    process.exitCode = 1
    this.#service.close()
  }

  /** It is told so, and has a short while to hear it. */
  #turnAway(socket: SecureSocket, alert: number, text: string): void {
    const done = new Promise(resolve => socket.once('close', resolve))
    this.#service.hold({ end: () => socket.destroy(), done })
    tell(socket, alert, text)
  }

  #awaitHandshakes(): void {
    const secure = this.#secure
    if (secure.pendingHandshakes === 0) return
    const done = new Promise<void>(resolve => {
      // Behind the listeners that turn them away.
      const check = () => setImmediate(() => secure.pendingHandshakes === 0 && resolve())
      secure.on('secureConnection', check)
      secure.on('handshakeError', check)
    })
    this.#service.hold({ end: () => this.#hurry.abort(), done })
  }

  #refused(error: Error, transport: Duplex): void {
    const code = error instanceof ChannelError ? error.code : ''
    const how = code === 'PEER_NOT_AUTHORIZED' ? 'refused' : code === 'LINK_LIMIT' ? 'limit' : 'channel'
    const { remotePublicKey, cause } = error as ChannelError
    const key = remotePublicKey ? encodePublicKey(remotePublicKey) : null
    const detail = reasonOf(how === 'refused' && cause instanceof ChannelError ? cause : error)
    this.#recordRefused({ how, detail }, remoteText(transport as net.Socket), key)
  }

  #recordRefused({ how, detail = '' }: Ending, address: string, peer: string | null): void {
    this.#throttle.say(`refused ${address}: ${detail}`)
    const time = new Date().toISOString()
    const nothing = { name: null, received: 0, sent: 0, milliseconds: 0 }
    this.#service.record({ time, peer, address, ...nothing, ended: how, detail })
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
    this.#service.onReload(() => clients.reload())
    this.#service.onHealth(() => clients.trouble)
    this.#service.onEnd(() => clients.close())
    return clients
  }
}

const ASK = 'ask the server’s operator to authorize the key'
const MOST_LATE = 1000
