import { alertError, cutShort, withCause } from '../channel/failures.js'
import { type LiveChannel, Liveness } from '../channel/liveness.js'
import { LONGEST_TIMER } from '../channel/options.js'
import { Gather } from '../engine/gather.js'
import { checkInteger } from '../engine/options.js'
import { type Alert, ChannelError } from '../errors.js'
import { SocketFacts } from './facts.js'
import type { Link, LinkEvent, LinkHandler } from './link.js'
import type { ChannelOptions } from './options.js'

type Callback = (error?: Error | null) => void

/**
 * One end of a connected channel, as a Duplex: what tls.TLSSocket is to TLS. Both ends have proved their keys.
 *
 * `end()` sends the authenticated end of this direction. The peer’s is 'end'; a connection that stops without it is the error
 * LINK_TRUNCATED. An alert from the peer is the error PEER_ALERT, or PEER_NOT_AUTHORIZED; what came before it is read first.
 */
export class SecureSocket extends SocketFacts {
  readonly version: 1 | 2
  /** What the server’s `authorize` attached to this client. */
  readonly authorization: object | undefined
  /** Whose primitives are used beside libsodium’s wasm, such as `node:crypto`; undefined where nobody’s are. */
  readonly accelerated: string | undefined
  /** As of tls.TLSSocket. */
  readonly encrypted = true
  /** Bytes of the application that have come in, and that were sealed. */
  bytesRead = 0
  bytesWritten = 0
  /** As of net.Socket: 0 where `setTimeout` was not called. */
  timeout = 0
  #link: Link
  #remotePublicKey: Uint8Array | undefined
  #handshakeHash: Uint8Array | undefined
  #failure: Error | undefined
  #lastWords: Alert | undefined
  #givesUp = false
  #waitingWrite: Callback | undefined
  #liveness: Liveness | undefined
  #inactivity: NodeJS.Timeout | undefined

  /** Takes over a link whose engine is connected. Users get sockets from `connect` and `createServer`. */
  constructor(link: Link, options: ChannelOptions, authorization?: object) {
    super(link.transport, { allowHalfOpen: options.allowHalfOpen ?? false, highWaterMark: HIGH_WATER_MARK })
    const { engine } = link
    this.#link = link
    this.version = engine.version ?? 2
    this.authorization = authorization
    this.accelerated = engine.accelerated
    // The transport alone keeps the process alive.
    if (options.keepAlive || options.idleTimeout) this.#liveness = new Liveness(this.#live(), options, true)
    link.handTo(this, SecureSocket.#handler)
    // An alert, or the end of the connection, is noticed even where nobody reads yet.
    setImmediate(() => this.destroyed || this.read(0))
  }

  static #handler: LinkHandler<SecureSocket> = {
    onEvent: (it, event) => it.#onEvent(event),
    onError: (it, error) => it.#failOnceRead(error),
    onReceived(it) {
      it.#liveness?.received()
      it.#inactivity?.refresh()
    },
    onSent(it) {
      it.#liveness?.sent()
      it.#inactivity?.refresh()
    },
    onClosed: it => it.#onClosed(),
  }

  /** The peer’s long-term public key, 32 bytes, proved. */
  get remotePublicKey(): Uint8Array {
    this.#remotePublicKey ??= this.#link.engine.remotePublicKey
    return this.#remotePublicKey
  }

  /** Version 2: a public name of 32 bytes for this session, the same at both ends, for logs and channel binding. Never a key. */
  get handshakeHash(): Uint8Array | undefined {
    if (this.version === 2) this.#handshakeHash ??= this.#link.engine.handshakeHash
    return this.#handshakeHash
  }

  /**
   * Derives a key of `length` (16 to 64, default 32) bytes for the application, the same at both ends.
   * @throws ChannelError USE_VERSION in version 1, USE_CLOSED after the socket has closed, USE_BAD_OPTION
   */
  exportKey(label: string, context: Uint8Array | string = '', length = 32): Uint8Array {
    return this.#link.engine.exportKey(label, context, length)
  }

  /** Turns this direction’s key over now, and not only when it is due. @throws ChannelError USE_CLOSED after `end()` */
  rekey(): void {
    this.#link.engine.rekey()
    this.#link.flush()
  }

  /**
   * Ends the channel with an alert, behind what was written: code 1 general, 4 shutting down, others as both ends agree. What the
   * peer still sends is thrown away. Resolves when the peer has closed its end, or has had 30 s to do so since it took all of it.
   */
  alert(code: number, text = ''): Promise<void> {
    return new Promise((resolve, reject) => {
      checkInteger('code', code, 0, 0xffff)
      if (this.writableEnded || this.destroyed) throw new ChannelError('USE_CLOSED')
      this.#lastWords = { code, text }
      this.once('close', () => (this.errored ? reject(this.errored) : resolve()))
      this.end()
    })
  }

  /** As of net.Socket: 'timeout' is emitted after so many ms without a byte in either direction. The socket stays open. */
  setTimeout(timeout: number, callback?: () => void): this {
    this.timeout = checkInteger('timeout', timeout, 0, LONGEST_TIMER)
    clearTimeout(this.#inactivity)
    this.#inactivity = timeout > 0 ? setTimeout(() => this.emit('timeout'), timeout).unref() : undefined
    if (callback && timeout > 0) this.once('timeout', callback)
    else if (callback) this.off('timeout', callback)
    return this
  }

  override _read(): void {
    if (!this.#failure) {
      if (this.#link.stopped) this.#liveness?.received()
      return this.#link.pump()
    }
    // What came before the failure is read first: an empty push makes the stream ask again.
    if (this.readableLength > 0) this.push(NOTHING)
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
    const link = this.#link
    if (this.#failure) return callback(this.#failure)
    try {
      if (this.#lastWords) return this.#leave(this.#lastWords, callback)
      link.engine.end()
      const end = () => link.transport.end((error?: Error | null) => callback(error && cutShort(error)))
      if (link.flush()) end()
      else this.#whenWritable(error => (error ? callback(error) : end()))
    } catch (error) {
      callback(error as Error)
    }
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#liveness?.stop()
    clearTimeout(this.#inactivity)
    const failure = error && withCause(error, this.#link.transportError)
    this.#remember()
    if (this.#givesUp) this.#link.farewell()
    else this.#link.destroy()
    this.#waitingWrite?.(failure ?? new ChannelError('USE_CLOSED', 'the socket was destroyed'))
    callback(failure)
  }

  /** False: the stream’s buffer is full, or nothing more will come. */
  #onEvent(event: LinkEvent): boolean {
    switch (event) {
      case 'data':
      case 'message':
        return this.#pushData()
      case 'alert':
        this.#failOnceRead(alertError(this.#link.engine.alertReceived))
        return false
      case 'end':
        this.push(null)
        return true
      default:
        return true
    }
  }

  /** In memory of its own: Node's pool has other clients' plaintext beside it, and an application may pass `chunk.buffer` on. */
  #pushData(): boolean {
    const data = this.#link.engine.readData(Buffer.allocUnsafeSlow)
    if (data.length === 0) return true
    this.bytesRead += data.length
    return this.push(data)
  }

  /** Seals all of the chunks, in as few records as hold them, waiting for the transport where it wants that. */
  #writeAll(chunks: Uint8Array[], callback: Callback): void {
    const source = new Gather(chunks)
    const go = (error?: Error | null): void => {
      if (error ?? this.#failure) return callback(error ?? this.#failure)
      try {
        while (source.left > 0) {
          this.bytesWritten += this.#link.engine.writeFrom(source)
          if (!this.#link.flush()) return this.#whenWritable(source.left > 0 ? go : callback)
        }
      } catch (caught) {
        return callback(caught as Error)
      }
      callback()
    }
    go()
  }

  /** Who the peer was can be asked when the engine is gone. Until then nothing is kept of it twice. */
  #remember(): void {
    void [this.remotePublicKey, this.handshakeHash]
  }

  #whenWritable(callback: Callback): void {
    if (this.#link.transport.destroyed) return callback(cutShort(this.#link.transportError))
    this.#waitingWrite = callback
    this.#link.whenWritable(() => {
      this.#waitingWrite = undefined
      callback()
    })
  }

  /** Sends an alert, and closes when the peer has. */
  #leave({ code, text }: Alert, callback: Callback): void {
    this.#liveness?.stop()
    this.#remember()
    this.#link.engine.alert(code, text)
    this.#link.farewell(true, () => {
      callback()
      this.destroy()
    })
  }

  /** Fails with what the peer or the link did, once what came before it was read; at once where a write waits. */
  #failOnceRead(error: Error): void {
    this.#failure ??= withCause(error, this.#link.transportError)
    if (this.readableLength === 0 || this.#waitingWrite) this.destroy(this.#failure)
    // Else `_read` finds it: an empty push makes the stream ask again.
    else this.push(NOTHING)
  }

  /** What was received is read on; but where nothing is to be read, or a write waits, nothing else would tell. */
  #onClosed(): void {
    if (this.#failure || this.writableFinished) return
    if (this.#waitingWrite || this.#link.engine.readEnded) this.#failOnceRead(cutShort())
  }

  #live(): LiveChannel {
    const it = this
    const link = this.#link
    return {
      engine: link.engine,
      get blocked() {
        return link.transport.writableNeedDrain
      },
      get stopped() {
        return link.stopped
      },
      get failure() {
        return it.#failure
      },
      flush: () => link.flush(),
      onSilent(error, told) {
        it.#givesUp = told
        it.destroy(error)
      },
      fail: error => it.destroy(error as Error),
    }
  }
}

const NOTHING = new Uint8Array()
const HIGH_WATER_MARK = 64 * 1024
