import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { Acceptance } from '../channel/acceptance.js'
import { alertError, cutShort, withCause } from '../channel/failures.js'
import type { LiveChannel } from '../channel/liveness.js'
import { HANDSHAKE_TIMEOUT_MS, LINGER_MS, REFUSED_LINGER_MS } from '../channel/options.js'
import type { Control, Engine } from '../engine/engine.js'
import { badOption, checkInteger, checkString } from '../engine/snapshot.js'
import { type Alert, ChannelError } from '../errors.js'
import { bare, isBytes } from '../keys/given.js'
import { SocketCredit } from './credit.js'
import { report } from './diagnostics.js'
import { SocketIdentity } from './identity.js'
import type { Link, LinkEvent, LinkHandler } from './link.js'
import { readMessages } from './messages.js'
import type { ChannelOptions } from './options.js'
import { Receiving } from './receiving.js'
import { type Callback, HIGH_WATER_MARK, Sending } from './sending.js'
import { Signs } from './signs-of-life.js'

/** A client’s socket before its server has proved its key. */
export interface Opening {
  /** Gives up the attempt. */
  cancel(error: Error): void
  /** Whether the server’s word is waited for, too, that it serves this client. */
  untilAccepted: boolean
}

interface SocketSteps {
  /** The connection below is there. */
  reached(socket: SecureSocket, transport: Duplex): void
  /** Takes over a link whose engine is connected. */
  attach(socket: SecureSocket, link: Link, options: ChannelOptions): void
  /** What was written goes out from here on. */
  secured(socket: SecureSocket): void
}

/** The steps of a socket’s way to 'secureConnect', for those who make sockets. */
export let steps: SocketSteps

/**
 * One end of a channel, as a Duplex: what tls.TLSSocket is to TLS. Those of `connect` and of servers are connected, and both ends have
 * proved their keys. One of `connectSocket` emits 'connect' when the connection below it is there, and 'secureConnect' when the server
 * has proved its key; what is written before waits for that.
 *
 * `end()` sends the authenticated end of this direction. The peer’s is 'end'; a connection that stops without it is the error
 * LINK_TRUNCATED. An alert from the peer is the error PEER_ALERT, or PEER_NOT_AUTHORIZED; what came before it is read first.
 */
export class SecureSocket extends SocketIdentity {
  /** As of tls.TLSSocket: true until 'secureConnect'. */
  secureConnecting = false
  #opening: Opening | undefined
  /** Undefined until the server has proved its key. */
  #attached: Link | undefined
  /** Whether somebody has read before there was anything to read from. */
  #readEarly = false
  #acceptance: Acceptance
  #answerTimeout: number
  #failure: Error | undefined
  #lastWords: Alert | undefined
  /** How long the transport stays behind this socket, for its last words to arrive, in ms. */
  #lingers = 0
  /** Undefined where neither end is watched. */
  #signs: Signs | undefined
  #sending = new Sending(error => this.#failOnceRead(error))
  #receiving = new Receiving(this, () => this.destroyed || this.#link.pump())

  /** Users get sockets from `connect`, `connectSocket` and `createServer`. */
  constructor(engine: Engine, options: ChannelOptions, authorization?: object, opening?: Opening) {
    const { allowHalfOpen = false } = options
    // As of net.Socket, 'close' says whether there was an error.
    const forStream = bare({ allowHalfOpen, highWaterMark: HIGH_WATER_MARK, emitClose: false })
    super(engine, forStream, authorization, options.inspect)
    this.#acceptance = new Acceptance(engine)
    this.#answerTimeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT_MS
    this.#opening = opening
    this.connecting = opening !== undefined
    this.secureConnecting = this.connecting
  }

  static {
    steps = {
      reached: (it, transport) => it.#reached(transport),
      attach: (it, link, options) => it.#attach(link, options),
      secured: it => it.#secured(),
    }
  }

  static #handler: LinkHandler<SecureSocket> = {
    onEvent: (it, event) => (it.#onEvent(event) ? 'go on' : 'stop'),
    onError(it, error) {
      it.#receiving.givePieces()
      it.#failOnceRead(error)
    },
    onTurn: it => (it.#receiving.givePieces() ? 'go on' : 'stop'),
    onReceived(it) {
      it.#signs?.heard()
      it.refreshTimeout()
    },
    onSent(it) {
      it.#signs?.sent()
      it.refreshTimeout()
    },
    onClosed: it => it.#onClosed(),
  }

  /** Bytes of the application that have come in. */
  get bytesRead(): number {
    return this.#receiving.bytes
  }

  /** Bytes of the application that were sealed. */
  get bytesWritten(): number {
    return this.#sending.bytes
  }

  /**
   * For a client: resolves when the server has shown that it serves it, by its word or its first data; rejects with
   * PEER_NOT_AUTHORIZED where it refuses, and with what else the socket fails with. It waits as long as `handshakeTimeout`, from when it
   * is asked for; then it rejects with LINK_TIMEOUT, and the socket stays. At a server it is resolved.
   */
  get accepted(): Promise<void> {
    return this.#acceptance.within(this.#answerTimeout)
  }

  /**
   * Turns this direction’s key over now, and not only when it is due; if there is no room for it, ahead of what is written next.
   * @throws ChannelError USE_CLOSED after `end()` or `destroy()`
   */
  rekey(): void {
    if (this.writableEnded || this.destroyed) throw new ChannelError('USE_CLOSED')
    this.#sending.rekey()
  }

  /**
   * Ends the channel with an alert, behind what was written: code 1 general, 4 shutting down, others as both ends agree. What the
   * peer still sends is thrown away. Resolves when the peer has closed its end, or has had 30 s to do so since it took all of it.
   */
  alert(code: number, text = ''): Promise<void> {
    return new Promise((resolve, reject) => {
      checkInteger('code', code, 0, 0xffff)
      checkString('text', text)
      if (this.writableEnded || this.destroyed) throw new ChannelError('USE_CLOSED')
      this.#lastWords = { code, text }
      this.once('close', () => (this.errored ? reject(this.errored) : resolve()))
      this.end()
    })
  }

  /**
   * Sends a message: bytes that the peer’s `messages()` gives back as one. Resolves when there is room for more.
   * @throws ChannelError USE_CLOSED behind an end; what the socket has failed with
   */
  send(message: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.writableEnded || this.destroyed) throw new ChannelError('USE_CLOSED')
      if (!isBytes(message)) throw badOption('message', message, 'a Uint8Array (TextEncoder makes one of text)')
      // A view of its own, by which it is known for a message on its way through the stream.
      const chunk = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
      this.#sending.markMessage(chunk)
      this.write(chunk, error => (error ? reject(error) : resolve()))
    })
  }

  /**
   * The messages that the peer sends, until its direction ends; who reads them reads nothing else of the socket. Leaving the loop before
   * the end destroys it.
   *
   * @param limit the longest message to take, in bytes: default 16 MiB
   * @throws ChannelError PEER_TOO_LONG for a longer one; what the socket failed with
   */
  messages(limit = 16_777_216): AsyncGenerator<Uint8Array, void, undefined> {
    return readMessages(this, this.#receiving.messages, () => this.#receiving.read, limit)
  }

  /**
   * As of net.Socket: ends this direction, and destroys the socket when all that was written has gone out. The connection below stays
   * for up to 2 s, until the peer has closed it: what the peer still sends would make the system reset it, and lose what was written.
   */
  destroySoon(): void {
    const leave = () => {
      this.#lingers = REFUSED_LINGER_MS
      this.destroy()
    }
    if (this.writable) this.end()
    if (this.writableFinished) leave()
    else this.once('finish', leave)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as Readable declares it
  override read(size?: number): any {
    const chunk = super.read(size)
    this.#receiving.onRead()
    return chunk
  }

  override _read(): void {
    if (!this.#attached) {
      this.#readEarly = true
      return
    }
    if (!this.#failure) {
      if (this.#link.stopped) this.#signs?.heard()
      return this.#link.pump()
    }
    // What came before the failure is read first.
    if (this.readableLength > 0) this.#receiving.askAgain()
    else this.destroy(this.#failure)
  }

  /** A small write goes out at once, but is done only behind this turn: so those that follow it wait, and go together. */
  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: Callback): void {
    const small = chunk.length < HIGH_WATER_MARK
    this.#write([chunk], small ? error => process.nextTick(callback, error) : callback)
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this.#write(
      chunks.map(it => it.chunk),
      callback,
    )
  }

  override _final(callback: Callback): void {
    this.#sending.sealRest()
    if (this.#failure) return callback(this.#failure)
    if (this.#opening) return this.#sending.whenOpen(callback, () => this._final(callback))
    try {
      this.#link.makeRoom()
      if (this.#lastWords) return this.#leave(this.#lastWords, callback)
      if (this.#credit && !this.#credit.dataEnded) {
        this.#credit.endData()
        return this.#sending.flushed(this.#link, callback)
      }
      this.#link.engine.end()
      this.#sending.flushed(this.#link, error =>
        error ? callback(error) : this.#whenPeerEnded(() => this.#endTransport(callback)),
      )
    } catch (error) {
      callback(error as Error)
    }
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#sending.sealRest()
    this.#signs?.stop()
    this.#credit?.stop()
    this.stopTimeout()
    const failure = error && withCause(error, this.#attached?.transportError)
    const toWhoWaits = () => failure ?? new ChannelError('USE_CLOSED', 'the socket was destroyed')
    this.#acceptance.fail(toWhoWaits)
    this.#leaveLink(toWhoWaits)
    this.#sending.fail(toWhoWaits)
    callback(failure)
    const role = this.#acceptance.role
    if (failure) report('error', role, this, failure)
    process.nextTick(() => {
      report('close', role, this, failure ?? undefined)
      this.emit('close', failure !== null)
    })
  }

  #leaveLink(reason: () => Error): void {
    const opening = this.#opening
    this.#opening = undefined
    this.connecting = false
    this.secureConnecting = false
    if (!this.#attached) return opening?.cancel(reason())
    this.#remember()
    if (this.#lingers > 0) this.#attached.endGracefully({ time: this.#lingers })
    else this.#attached.destroy()
  }

  get #credit(): SocketCredit | undefined {
    return this.#receiving.credit
  }

  get #link(): Link {
    return this.#attached as Link
  }

  #reached(transport: Duplex): void {
    this.haveTransport(transport)
    this.refreshTimeout()
    this.connecting = false
    this.#tell('connect')
    this.#tell('ready')
  }

  #attach(link: Link, options: ChannelOptions): void {
    this.#attached = link
    this.#answerTimeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT_MS
    if (!this.#opening) this.haveTransport(link.transport)
    link.makeRoom()
    if (options.heartbeat || options.idleTimeout) this.#signs = new Signs(this.#live(), options)
    if (!this.#opening) this.#sending.open(link)
    link.handTo(this, SecureSocket.#handler)
    setImmediate(() => {
      if (this.destroyed) return
      // What was sealed before the application had it goes with its first write, or now.
      link.flush()
      // An alert, or the end of the connection, is noticed even if nobody reads yet.
      if (this.#readEarly) this._read()
      else this.read(0)
    })
  }

  #secured(): void {
    if (!this.#opening) return
    this.#opening = undefined
    this.secureConnecting = false
    this.#sending.open(this.#link)
    report('handshake', 'client', this)
    this.#tell('secureConnect')
  }

  /** What a listener throws is a bug of the application’s, and no failure of the channel. */
  #tell(event: 'connect' | 'ready' | 'secureConnect'): void {
    try {
      this.emit(event)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }

  /** False: the stream’s buffer is full, or nothing more will come. */
  #onEvent(event: LinkEvent): boolean {
    this.#acceptance.heard(event)
    if (this.#opening?.untilAccepted && this.#acceptance.accepted) this.#secured()
    if (event === 'data') return this.#receiving.take(this.#link.engine, false)
    if (event === 'message') return this.#receiving.take(this.#link.engine, true)
    const wantsMore = this.#receiving.givePieces()
    switch (event) {
      case 'control':
        return this.#onControl(this.#link.engine.controlReceived as Control) && wantsMore
      case 'alert':
        this.#failOnceRead(alertError(this.#link.engine))
        return false
      case 'end':
        this.#onEnd()
        return true
      default:
        return true
    }
  }

  #onControl(control: Control): boolean {
    this.#signs?.control(control)
    if (!this.#credit && SocketCredit.startsWith(control)) {
      const soFar = { opened: this.#receiving.opened, sent: this.#sending.sealed }
      const credit = new SocketCredit(this.#link, soFar, this.readableLength)
      this.#sending.credit = credit
      this.#receiving.credit = credit
    }
    if (this.#credit?.received(control)) this.#onDataEnd()
    return true
  }

  #onEnd(): void {
    const known = this.#credit?.dataEnded
    this.#credit?.ended()
    if (!known) this.#onDataEnd()
  }

  /** The final record of this direction may have waited for this; and behind it, that of the peer is waited for. */
  #onDataEnd(): void {
    const { engine } = this.#link
    const due = this.#credit?.finalDue
    if (due) engine.end()
    if (!engine.writeEnded) return void this.#receiving.give(null)
    this.#link.flush()
    const end = (error?: Error | null) => (error ? this.destroy(error) : this.#receiving.give(null))
    this.#whenPeerEnded(() => (due ? this.#endTransport(end) : end()))
  }

  #whenPeerEnded(then: () => void): void {
    if (this.#credit) this.#credit.whenEnded(then, () => this.destroy())
    else then()
  }

  #endTransport(callback: Callback): void {
    this.#link.transport.end((error?: Error | null) => callback(error && cutShort(error)))
  }

  #write(chunks: Uint8Array[], callback: Callback): void {
    if (this.#failure) callback(this.#failure)
    else this.#sending.write(chunks, callback, !this.writableNeedDrain)
  }

  /** Who the peer was can be asked when the engine is gone. Until then nothing is kept of it twice. */
  #remember(): void {
    void [this.remotePublicKey, this.localPublicKey, this.handshakeHash]
  }

  /** Sends an alert, and closes when the peer has. */
  #leave({ code, text }: Alert, callback: Callback): void {
    this.#signs?.stop()
    this.#remember()
    this.#link.engine.alert(code, text)
    const onClosed = () => {
      callback()
      this.destroy()
    }
    this.#link.endGracefully({ patient: true, onClosed })
  }

  /** Fails with what the peer or the link did, once what came before it was read; at once where a write waits. */
  #failOnceRead(error: Error): void {
    this.#failure ??= withCause(error, this.#link.transportError)
    if (this.readableLength === 0 || this.#sending.waits) this.destroy(this.#failure)
    // Else `_read` finds it.
    else this.#receiving.askAgain()
  }

  /** What was received is read on; but where nothing is to be read, or a write waits, nothing else would tell. */
  #onClosed(): void {
    if (this.#failure || this.writableFinished) return
    if (this.#sending.waits || this.readableEnded || this.#link.engine.readEnded) this.#failOnceRead(cutShort())
  }

  #live(): LiveChannel {
    const it = this
    const link = this.#link
    return {
      engine: link.engine,
      get blocked() {
        return link.blocked
      },
      get stopped() {
        return link.stopped
      },
      get dataEnded() {
        return it.#credit?.dataEnded ?? link.engine.readEnded
      },
      get failure() {
        return it.#failure
      },
      flush: () => link.flush(),
      onSilent(error, told) {
        it.#lingers = told ? LINGER_MS : 0
        it.destroy(error)
      },
      fail: error => it.destroy(error as Error),
    }
  }
}
