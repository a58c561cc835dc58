import net from 'node:net'
import type { Duplex } from 'node:stream'
import { ChannelError, createServer, encodePublicKey, type SecureServer, type SecureSocket } from '../node/index.js'
import { type ServeOptions, standBehind } from '../node/server.js'
import { ALERT_SHUTTING_DOWN } from '../wire/stream.js'
import { addressOf } from './address.js'
import { FAILED, guarded, guardListeners } from './guard.js'
import { Counter, type Limits } from './limits.js'
import { reasonOf, tell } from './splice.js'
import { type Live, type Refusal, refusedEntry, type TunnelEntry } from './tunnel.js'

export interface ChannelHooks {
  /** Whether nobody is taken any more. */
  closed(): boolean
  /** What has to be over before all is. */
  hold(live: Live): void
  /** A client was let in, and this takes it over. What it throws ends the channel. */
  welcome(socket: SecureSocket, address: string): void
  /** Somebody was not let in, or cannot be served. */
  refused(entry: TunnelEntry): void
  /** Something was thrown in the handling of a connection, which it ends. */
  fault(error: unknown): void
}

/** Where channels come in: within limits. Whoever gets no further is told why, where it is known who it is. */
export class ChannelListener {
  /** Listens. */
  readonly server: net.Server
  /** Lets in. */
  readonly secure: SecureServer
  readonly counter: Counter
  #hooks: ChannelHooks

  /** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION */
  constructor(options: ServeOptions, limits: Limits, hooks: ChannelHooks) {
    this.#hooks = hooks
    this.counter = new Counter(limits)
    this.secure = createServer(options)
    this.secure.on('secureConnection', socket =>
      guarded(
        () => this.#welcome(socket),
        error => this.#failed(socket, error),
      ),
    )
    this.secure.on('handshakeError', (error, transport) =>
      guarded(
        () => this.#refused(error, transport),
        fault => hooks.fault(fault),
      ),
    )
    const { keepAlive = false, keepAliveInitialDelay = 0 } = options
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive, keepAliveInitialDelay })
    standBehind(this.server, this.secure)
    this.server.on('connection', transport => {
      const fail = (error: Error) => {
        hooks.fault(error)
        transport.destroy()
      }
      guardListeners(transport, fail)
      guarded(() => this.#admit(transport), fail)
    })
  }

  /** Those who are on their way in are waited for, and turned away when they are. */
  awaitHandshakes(): void {
    const secure = this.secure
    if (secure.pendingHandshakes === 0) return
    const done = new Promise<void>(resolve => {
      // Behind the listeners that turn them away.
      const check = () => setImmediate(() => secure.pendingHandshakes === 0 && resolve())
      secure.on('secureConnection', check)
      secure.on('handshakeError', check)
    })
    this.#hooks.hold({ end: () => secure.dropPending(), done })
  }

  #admit(transport: net.Socket): void {
    const detail = this.counter.refusal(transport)
    if (detail === undefined) return void this.secure.emit('connection', transport)
    transport.on('error', () => {})
    transport.destroy()
    this.#hooks.refused(refusedEntry({ how: 'limit', detail, address: addressOf(transport) }))
  }

  #welcome(socket: SecureSocket): void {
    if (this.#hooks.closed()) return this.#turnAway(socket, ALERT_SHUTTING_DOWN, 'the service takes no more clients')
    const detail = this.counter.admit(socket)
    if (detail === undefined) return this.#hooks.welcome(socket, addressOf(socket))
    const { peer, address } = whoIs(socket)
    this.#hooks.refused(refusedEntry({ how: 'limit', detail, peer, address }))
    this.#turnAway(socket, 1, 'too many connections are open')
  }

  /** It was let in, and cannot be served. */
  #failed(socket: SecureSocket, error: Error): void {
    this.#turnAway(socket, 1, FAILED)
    this.#hooks.refused(refusedEntry({ how: 'failed', detail: reasonOf(error), ...whoIs(socket) }))
  }

  /** It is told so, and has a short while to hear it. */
  #turnAway(socket: SecureSocket, alert: number, text: string): void {
    const done = new Promise(resolve => socket.once('close', resolve))
    this.#hooks.hold({ end: () => socket.destroy(), done })
    tell(socket, alert, text)
  }

  #refused(error: Error, transport: Duplex): void {
    const code = error instanceof ChannelError ? error.code : ''
    const how = code === 'PEER_NOT_AUTHORIZED' ? 'refused' : code === 'LINK_LIMIT' ? 'limit' : 'channel'
    const { remotePublicKey, cause } = error as ChannelError
    const refusal: Refusal = {
      how,
      detail: reasonOf(how === 'refused' && cause instanceof ChannelError ? cause : error),
      address: addressOf(transport as net.Socket),
    }
    this.#hooks.refused(
      refusedEntry(remotePublicKey ? { ...refusal, peer: encodePublicKey(remotePublicKey) } : refusal),
    )
  }
}

/** Who is at the other end, while it is open. The name is that of an `authorization` that has one. */
export function whoIs(socket: SecureSocket): Pick<TunnelEntry, 'peer' | 'name' | 'address'> {
  const { name } = (socket.authorization ?? {}) as { name?: unknown }
  return {
    peer: encodePublicKey(socket.remotePublicKey),
    name: typeof name === 'string' ? name : null,
    address: addressOf(socket),
  }
}
