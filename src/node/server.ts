import net from 'node:net'
import type { Duplex } from 'node:stream'
import { onAbort } from '../channel/abort.js'
import { admit, warnOfVersion1 } from '../channel/authorize.js'
import { type Answer, type Authorized, type ServedChannel, serverOptions } from '../channel/options.js'
import { Engine } from '../engine/engine.js'
import { OWN_KEYS, serverSetup } from '../engine/options.js'
import { keep, snapshot } from '../engine/snapshot.js'
import { ChannelError, OUTSIDE } from '../errors.js'
import { bare } from '../keys/given.js'
import type { Core } from '../wasm/instance.js'
import { report } from './diagnostics.js'
import { Handshake } from './handshake.js'
import type { Link } from './link.js'
import { nodeCore } from './load.js'
import { forNet, SERVE, type ServerOptions } from './options.js'
import { MAX_PENDING, Pending, pendingLimits } from './pending.js'
import { SecureSocket, steps } from './socket.js'

/** What a server can be told: the channel’s options, and net.createServer’s own. */
export type ServeOptions<A extends Answer = Answer> = ServerOptions<A> & Omit<net.ServerOpts, keyof ServerOptions>

/**
 * A net.Server whose connections are channels. Beside net.Server’s events it has 'secureConnection' with the SecureSocket, and
 * 'handshakeError' with the error and the transport of a client that was not let in. A Duplex from elsewhere is served by
 * `server.emit('connection', duplex)`.
 */
export class SecureServer<A extends Answer = Answer> extends net.Server {
  #core: Core
  #options: Readonly<ServerOptions>
  #pending: Pending<Handshake>
  #stopped = false

  /** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION */
  constructor(options: ServeOptions<A>, onConnection?: (socket: SecureSocket & Authorized<A>) => void) {
    const core = nodeCore()
    const ours = serverOptions<ServerOptions>(options, SERVE)
    serverSetup(core, ours)
    warnOfVersion1(ours, text => process.emitWarning(text, { code: 'NOPKI_VERSION_1' }))
    const { keepAlive = false, keepAliveInitialDelay = 0 } = ours
    const nets = forNet(SERVE, NET_OPTIONS, options)
    super(bare<object>({ noDelay: true, keepAlive, keepAliveInitialDelay }, nets, { allowHalfOpen: true }))
    this.#core = core
    this.#options = ours
    const limits = pendingLimits(ours.maxPendingHandshakes, ours.maxPendingPerAddress)
    this.#pending = new Pending<Handshake>(limits, it => this.#drop(it))
    this.on('connection', (transport: Duplex) => this.#accept(transport))
    if (onConnection) this.on('secureConnection', onConnection)
    heed(this, ours.signal, () => this.#stop())
  }

  /** How many connections are between connecting and being let in. */
  get pendingHandshakes(): number {
    return this.#pending.size - this.#pending.refused
  }

  /** How many were refused, and are given a moment to hear it. They take places of pending handshakes, and are the first to give way. */
  get refusedClients(): number {
    return this.#pending.refused
  }

  /**
   * Changes this server’s own keys, `keyPair` or `keyPairs` or both, from the next connection on: those that are there stay.
   * @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION; then nothing is changed
   */
  setKeyPairs(keys: Pick<ServeOptions, 'keyPair' | 'keyPairs'>): void {
    const { keyPair: _one, keyPairs: _several, ...others } = this.#options
    const next = keep<ServerOptions>(others, snapshot(OWN_KEYS, keys))
    serverSetup(this.#core, next)
    this.#options = next
  }

  #accept(transport: Duplex): void {
    let engine: Engine
    try {
      if (this.#stopped) return discard(transport)
      engine = Engine.server(this.#core, this.#options)
    } catch (error) {
      discard(transport)
      this.#report(error as Error, transport)
      return
    }
    const onAnswer = () => this.#pending.move(handshake, 'greeted')
    const handshake: Handshake = new Handshake(transport, engine, this.#options.handshakeTimeout, onAnswer)
    this.#serve(handshake).then(
      socket => {
        this.#pending.delete(handshake)
        // Behind the promise: what a listener throws is not the handshake's error, but the process's.
        queueMicrotask(() => this.emit('secureConnection', socket) || socket.destroy())
      },
      error => {
        this.#linger(handshake, transport)
        this.#report(error, transport)
      },
    )
    this.#pending.add(handshake, () => (transport as net.Socket).remoteAddress)
  }

  /** One that was refused keeps its place until it has heard so. */
  #linger(handshake: Handshake, transport: Duplex): void {
    if (transport.destroyed) return this.#pending.delete(handshake)
    this.#pending.move(handshake, 'refused')
    transport.once('close', () => this.#pending.delete(handshake))
  }

  /** It gives way to another. */
  #drop(handshake: Handshake): void {
    const { maxPendingHandshakes: limit = MAX_PENDING } = this.#options
    handshake.fail(
      new ChannelError('LINK_LIMIT', `${limit} handshakes were pending, and this one gave way`, OUTSIDE.LINK_LIMIT),
    )
    handshake.drop()
  }

  async #serve(handshake: Handshake): Promise<SecureSocket> {
    const link = await handshake.connected
    handshake.check()
    this.#pending.move(handshake, 'proved')
    const transport = link.transport as net.Socket
    return admit(this.#options, {
      engine: link.engine,
      // Both are a system call, which nobody needs who serves anyone.
      get remoteAddress() {
        return transport.remoteAddress
      },
      get remotePort() {
        return transport.remotePort
      },
      get signal() {
        return handshake.signal
      },
      failed: handshake.failed,
      check: () => handshake.check(),
      // The socket sends it, with what the application writes at once.
      accept: authorization =>
        settle(handshake, link, () => {
          link.engine.accept()
          const socket = new SecureSocket(link.engine, this.#options, authorization)
          steps.attach(socket, link, this.#options)
          report('handshake', 'server', socket)
          return socket
        }),
      served: servedBy,
      refuse: told =>
        settle(handshake, link, () => {
          link.engine.refuse(told)
          link.endGracefully({ time: handshake.lastMoments })
        }),
    })
  }

  #report(error: Error, transport: Duplex): void {
    report('error', 'server', undefined, error)
    this.emit('handshakeError', error, transport)
  }

  #stop(): void {
    this.#stopped = true
    closeIfOpen(this)
    this.dropPending()
  }

  /** Drops all that are between connecting and being let in. */
  dropPending(): void {
    for (const handshake of this.#pending.keys()) {
      handshake.fail(new ChannelError('LINK_CLOSED', 'the server was stopped'))
      handshake.drop()
    }
  }

  override on(event: 'secureConnection', listener: (socket: SecureSocket & Authorized<A>) => void): this
  override on(event: 'handshakeError', listener: (error: Error, transport: Duplex) => void): this
  override on(event: string, listener: Listener): this
  override on(event: string, listener: Listener): this {
    return super.on(event, listener)
  }

  override once(event: 'secureConnection', listener: (socket: SecureSocket & Authorized<A>) => void): this
  override once(event: 'handshakeError', listener: (error: Error, transport: Duplex) => void): this
  override once(event: string, listener: Listener): this
  override once(event: string, listener: Listener): this {
    return super.once(event, listener)
  }
}

/** Starts no listening yet: call `listen`, as of net.Server. @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION */
export function createServer<A extends Answer = Answer>(
  options: ServeOptions<A>,
  onConnection?: (socket: SecureSocket & Authorized<A>) => void,
): SecureServer<A> {
  return new SecureServer(options, onConnection)
}

/**
 * What a server can be made of, now or later, as it is now.
 * @param table of what is read: of what has more options than `createServer`, those too @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION
 */
export function readServe<T extends ServeOptions>(options: T, table = SERVE): Readonly<T> {
  return keep<T>(serverOptions<T>(options, table), forNet(table, NET_OPTIONS, options))
}

/**
 * The signal keeps no server alive that has closed, and finds one that listens again.
 * @param stop closes it, by default only if it listens
 */
export function heed(server: net.Server, signal: AbortSignal | undefined, stop = () => closeIfOpen(server)): void {
  if (!signal) return
  let off = () => {}
  const listen = () => {
    off()
    if (signal.aborted) stop()
    else off = onAbort(signal, stop)
  }
  server.on('listening', listen)
  server.on('close', () => off())
  listen()
}

function closeIfOpen(server: net.Server): void {
  if (server.listening) server.close()
}

/** For a server that listens nowhere itself, and is given what comes to another: it heeds its signal for as long as that one is there. */
export function standBehind(front: net.Server, server: SecureServer): void {
  for (const event of ['listening', 'close']) front.on(event, () => server.emit(event))
}

/** Without an error: the application is not told of what it has decided itself. */
function servedBy(socket: SecureSocket): ServedChannel {
  return {
    closed: new Promise<void>(resolve => socket.once('close', () => resolve())),
    alert: (code, text) => socket.alert(code, text),
    destroy: () => void socket.destroy(),
  }
}

function discard(transport: Duplex): void {
  transport.on('error', () => {})
  transport.destroy()
}

/** Stops its time, and does the last of it: if that fails, nothing else would end it. */
function settle<T>(handshake: Handshake, link: Link, last: () => T): T {
  handshake.finish()
  try {
    return last()
  } catch (error) {
    link.destroy()
    throw error
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as net.Server declares its listeners
type Listener = (...args: any[]) => void

// What a class may have of net.createServer’s options.
const NET_OPTIONS = ['pauseOnConnect', 'noDelay', 'highWaterMark']
