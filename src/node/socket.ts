import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { Acceptance } from '../channel/acceptance.js'
import { costOf } from '../channel/credit.js'
import { alertError, cutShort, withCause } from '../channel/failures.js'
import { type LiveChannel, Liveness } from '../channel/liveness.js'
import { HANDSHAKE_TIMEOUT_MS, LINGER_MS, REFUSED_LINGER_MS } from '../channel/options.js'
import type { Control, Engine } from '../engine/engine.js'
import { badOption, checkInteger, checkString } from '../engine/snapshot.js'
import { type Alert, ChannelError } from '../errors.js'
import { bare, isBytes } from '../keys/given.js'
import { CONTROL_ALIVE } from '../wire/stream.js'
import { SocketCredit } from './credit.js'
import { report } from './diagnostics.js'
import { SocketIdentity } from './identity.js'
import type { Link, LinkEvent, LinkHandler } from './link.js'
import { IncomingMessages, readMessages } from './messages.js'
import type { ChannelOptions } from './options.js'
import { type Outgoing, partsOf } from './outgoing.js'
import { Pieces } from './pieces.js'
import { expectSigns, promiseSigns } from './signs-of-life.js'

type Callback = (error?: Error | null) => void

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
  /** Bytes of the application that have come in, and that were sealed. */
  bytesRead = 0
  /** As `bytesRead`, for what was sealed. */
  bytesWritten = 0
  /** As of tls.TLSSocket: true until 'secureConnect'. */
  secureConnecting = false
  #opening: Opening | undefined
  /** A write, or the end, that waits for 'secureConnect'. */
  #onceSecure: (() => void) | undefined
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
  #waitingWrite: Callback | undefined
  #liveness: Liveness | undefined
  /** Whether this end gives signs of life; then it may hold the peer to those that it promises. */
  #givesSigns = false
  #expected: Liveness | undefined
  #credit: SocketCredit | undefined
  #rekeyDue = false
  /** What ends of messages have counted for. */
  #messageEnds = 0
  /** Both are made when there are messages: most sockets have none, and many are idle. */
  #outgoingMessages: WeakSet<Uint8Array> | undefined
  #incomingMessages: IncomingMessages | undefined
  /** What has come in this turn, and was not given to the stream yet. */
  #pieces: Pieces | undefined

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
      it.#givePieces()
      it.#failOnceRead(error)
    },
    onTurn: it => (it.#givePieces() ? 'go on' : 'stop'),
    onReceived(it) {
      it.#heard()
      it.refreshTimeout()
    },
    onSent(it) {
      it.#liveness?.sent()
      it.refreshTimeout()
    },
    onClosed: it => it.#onClosed(),
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
    this.#rekeyDue = true
    if (this.secureConnecting) return
    this.#sealRekey()
    this.#link.flush()
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
      this.#outgoingMessages ??= new WeakSet()
      this.#outgoingMessages.add(chunk)
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
    return readMessages(this, this.#messagesOfPeer, () => this.#read, limit)
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
    this.#onTaken()
    return chunk
  }

  override _read(): void {
    if (!this.#attached) {
      this.#readEarly = true
      return
    }
    if (!this.#failure) {
      if (this.#link.stopped) this.#heard()
      return this.#link.pump()
    }
    // What came before the failure is read first.
    if (this.readableLength > 0) this.#askAgain()
    else this.destroy(this.#failure)
  }

  /** A small write goes out at once, but is done only behind this turn: so those that follow it wait, and go together. */
  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: Callback): void {
    const small = chunk.length < HIGH_WATER_MARK
    this.#writeAll([chunk], small ? error => process.nextTick(callback, error) : callback)
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this.#writeAll(
      chunks.map(it => it.chunk),
      callback,
    )
  }

  override _final(callback: Callback): void {
    if (this.#failure) return callback(this.#failure)
    if (this.#opening) return this.#whenSecure(callback, () => this._final(callback))
    try {
      if (this.#lastWords) return this.#leave(this.#lastWords, callback)
      if (this.#credit && !this.#credit.dataEnded) {
        this.#credit.endData()
        return this.#flushed(callback)
      }
      this.#link.engine.end()
      this.#flushed(error => (error ? callback(error) : this.#whenPeerEnded(() => this.#endTransport(callback))))
    } catch (error) {
      callback(error as Error)
    }
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#stopJudging()
    this.#credit?.stop()
    this.stopTimeout()
    const failure = error && withCause(error, this.#attached?.transportError)
    const toWhoWaits = () => failure ?? new ChannelError('USE_CLOSED', 'the socket was destroyed')
    this.#acceptance.fail(toWhoWaits)
    this.#leaveLink(toWhoWaits)
    const waiting = this.#waitingWrite
    this.#waitingWrite = undefined
    waiting?.(toWhoWaits())
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
    // The transport alone keeps the process alive.
    if (options.heartbeat || options.idleTimeout) this.#liveness = new Liveness(this.#live(), options, true)
    link.handTo(this, SecureSocket.#handler)
    this.#givesSigns = promiseSigns(link.engine, options)
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
    const waiting = this.#onceSecure
    this.#onceSecure = undefined
    waiting?.()
    report('handshake', 'client', this)
    this.#tell('secureConnect')
  }

  #whenSecure(callback: Callback, go: () => void): void {
    this.#waitingWrite = callback
    this.#onceSecure = () => {
      this.#waitingWrite = undefined
      go()
    }
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
    if (event === 'data') return this.#onData(false)
    if (event === 'message') return this.#onData(true)
    const wantsMore = this.#givePieces()
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

  #onData(endOfMessage: boolean): boolean {
    const { engine } = this.#link
    const { length } = engine.dataWindow()
    const cost = costOf(length, endOfMessage)
    this.#credit?.opened(cost)
    this.#messageEnds += cost - length
    this.bytesRead += length
    const hasRoom = !endOfMessage || this.#messagesOfPeer.add(this.bytesRead, this.#read - length)
    const goesOn = hasRoom || this.#credit?.readsAhead === true
    if (length === 0) {
      this.#onTaken()
      return goesOn
    }
    this.#pieces ??= new Pieces()
    const wantsMore = this.#pieces.hasRoomFor(length) || this.#givePieces()
    if (!this.#pieces.hasRoomFor(length)) {
      return this.#pushData(engine.readData(Buffer.allocUnsafeSlow)) && wantsMore && goesOn
    }
    this.#pieces.add(engine)
    return wantsMore && goesOn
  }

  get #messagesOfPeer(): IncomingMessages {
    this.#incomingMessages ??= new IncomingMessages(() => this.destroyed || this.#link.pump())
    return this.#incomingMessages
  }

  /** False: the stream has enough. */
  #givePieces(): boolean {
    const pieces = this.#pieces?.take()
    return !pieces || this.#pushData(pieces)
  }

  /** In memory of its own. */
  #pushData(data: Uint8Array): boolean {
    const wantsMore = this.#give(data)
    this.#onTaken()
    return wantsMore || (!this.destroyed && this.#credit?.readsAhead === true)
  }

  /** What a listener throws is a bug of the application’s, and not caught, as in net. The channel has not failed, and goes on. */
  #give(data: Uint8Array | null): boolean {
    try {
      return this.push(data)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
      setImmediate(() => this.destroyed || this.read(0))
      return false
    }
  }

  /** A push of nothing: the stream calls `_read` again when its buffer has room. */
  #askAgain(): void {
    this.push(NOTHING)
  }

  #onControl(control: Control): boolean {
    if (control.code === CONTROL_ALIVE && this.#givesSigns) {
      this.#expected?.stop()
      this.#expected = expectSigns(this.#live(), control)
    }
    if (SocketCredit.startsWith(control)) {
      const soFar = { opened: this.#opened, sent: this.bytesWritten }
      this.#credit ??= new SocketCredit(this.#link, soFar, this.readableLength)
    }
    if (this.#credit?.received(control)) this.#onDataEnd()
    return true
  }

  /** The application has read, or may have. */
  #onTaken(): void {
    this.#credit?.taken(this.#opened - this.readableLength - (this.#pieces?.length ?? 0))
  }

  /** How many of the application’s bytes it has read. */
  get #read(): number {
    return this.bytesRead - this.readableLength - (this.#pieces?.length ?? 0)
  }

  get #opened(): number {
    return this.bytesRead + this.#messageEnds
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
    if (!engine.writeEnded) return void this.#give(null)
    this.#link.flush()
    const end = (error?: Error | null) => (error ? this.destroy(error) : this.#give(null))
    this.#whenPeerEnded(() => (due ? this.#endTransport(end) : end()))
  }

  #whenPeerEnded(then: () => void): void {
    if (this.#credit) this.#credit.whenEnded(then, () => this.destroy())
    else then()
  }

  #endTransport(callback: Callback): void {
    this.#link.transport.end((error?: Error | null) => callback(error && cutShort(error)))
  }

  /** Calls back when the transport has taken what was sealed. */
  #flushed(callback: Callback): void {
    if (this.#link.flush()) callback()
    else this.#whenWritable(callback)
  }

  /** Seals all of the chunks, in as few records as hold them, waiting for the transport and for credit. */
  #writeAll(chunks: Uint8Array[], callback: Callback): void {
    if (this.#opening) return this.#whenSecure(callback, () => this.#writeAll(chunks, callback))
    const parts = partsOf(chunks, this.#outgoingMessages)
    const go = (error?: Error | null): void => {
      if (error ?? this.#failure) return callback(error ?? this.#failure)
      let waitsFor: 'nothing' | 'credit' | 'transport'
      try {
        waitsFor = this.#sealParts(parts)
      } catch (caught) {
        return callback(caught as Error)
      }
      if (waitsFor === 'credit') this.#whenGranted(go)
      else if (waitsFor === 'transport') this.#whenWritable(parts.length > 0 ? go : callback)
      else callback()
    }
    go()
  }

  #sealParts(parts: Outgoing[]): 'nothing' | 'credit' | 'transport' {
    if (this.#rekeyDue) this.#sealRekey()
    for (let part = parts[0]; part; part = parts[0]) {
      const waitsFor = this.#sealFrom(part)
      if (part.source.left === 0 && part.end === 0) parts.shift()
      if (waitsFor !== 'nothing') return waitsFor
    }
    return 'nothing'
  }

  #sealFrom(part: Outgoing): 'nothing' | 'credit' | 'transport' {
    const { source } = part
    const { engine } = this.#link
    while (source.left > 0 || part.end > 0) {
      const room = this.#credit?.room ?? Number.POSITIVE_INFINITY
      if (room < (source.left > 0 ? 1 : part.end)) return 'credit'
      // A message ends with its last byte, if credit lets it.
      const ends = part.end > 0 && source.left + part.end <= room
      let written = 0
      if (source.left > 0) written = engine.writeFrom(source, ends, Math.min(source.left, room))
      else engine.write(NOTHING, 0, true)
      const ended = ends && source.left === 0
      this.bytesWritten += written
      this.#credit?.sent(written + (ended ? part.end : 0))
      if (ended) part.end = 0
      if (!this.#link.flush()) return 'transport'
    }
    return 'nothing'
  }

  #sealRekey(): void {
    try {
      this.#link.engine.rekey()
      this.#rekeyDue = false
    } catch (error) {
      // If the engine has failed, who reads finds out.
      this.#rekeyDue = error instanceof ChannelError && error.code === 'USE_SEND_FULL'
    }
  }

  /** Who the peer was can be asked when the engine is gone. Until then nothing is kept of it twice. */
  #remember(): void {
    void [this.remotePublicKey, this.localPublicKey, this.handshakeHash]
  }

  #whenWritable(callback: Callback): void {
    if (this.#link.transport.destroyed) return callback(cutShort(this.#link.transportError))
    this.#waitingWrite = callback
    this.#link.whenWritable(() => {
      this.#waitingWrite = undefined
      callback()
    })
  }

  #whenGranted(callback: Callback): void {
    this.#waitingWrite = callback
    this.#credit?.whenGranted(() => {
      if (this.#waitingWrite !== callback) return
      this.#waitingWrite = undefined
      callback()
    })
  }

  /** Sends an alert, and closes when the peer has. */
  #leave({ code, text }: Alert, callback: Callback): void {
    this.#stopJudging()
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
    if (this.readableLength === 0 || this.#waitingWrite) this.destroy(this.#failure)
    // Else `_read` finds it.
    else this.#askAgain()
  }

  /** What was received is read on; but where nothing is to be read, or a write waits, nothing else would tell. */
  #onClosed(): void {
    if (this.#failure || this.writableFinished) return
    if (this.#waitingWrite || this.readableEnded || this.#link.engine.readEnded) this.#failOnceRead(cutShort())
  }

  #heard(): void {
    this.#liveness?.received()
    this.#expected?.received()
  }

  #stopJudging(): void {
    this.#liveness?.stop()
    this.#expected?.stop()
    this.#givesSigns = false
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

const NOTHING = new Uint8Array()
const HIGH_WATER_MARK = 64 * 1024
