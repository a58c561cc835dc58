import type { Alert } from '../errors.js'
import { ChannelError } from '../errors.js'
import { copyOf } from '../keys/given.js'
import type { KeyPair } from '../keys/pair.js'
import type { Core } from '../wasm/instance.js'
import { PHASE_PEER_PROVED, ROLE_CLIENT } from '../wire/abi.js'
import { HASH_BYTES, KEY_BYTES } from '../wire/layout.js'
import { FLAG_FINAL, FLAG_REKEY, TYPE_DATA } from '../wire/stream.js'
import type { ChunkSource } from './chunk-source.js'
import { exportKey } from './exporter.js'
import { Handle } from './handle.js'
import { keyLogLines } from './keylog.js'
import {
  type ClientEngineOptions,
  clientSetup,
  type ServerEngineOptions,
  type Setup,
  serverSetup,
  type Version,
} from './options.js'
import { type Control, Receiver } from './receive.js'
import { Sender } from './send.js'

export type { Control } from './receive.js'

/**
 * What `advance` reports:
 * - `idle`: nothing; more received bytes are needed
 * - `connected`: the peer has proved its key
 * - `data`: the data window holds bytes of the stream
 * - `message`: as `data` (there may be none), and they end a message
 * - `alert`: the peer ended its direction with `engine.alertReceived`
 * - `control`: the peer sent `engine.controlReceived`
 * - `end`: the authenticated end of the peer's direction
 */
export type EngineEvent = 'idle' | 'connected' | 'data' | 'message' | 'alert' | 'control' | 'end'

/**
 * One end of a channel without I/O: bytes in, bytes out. No sockets, timers or promises; deterministic under a scripted random
 * source. It has four windows over linear memory, each with an acknowledging call:
 *
 *     received bytes go in    receiveWindow()  received(n)     or  receive(chunk)
 *     opened bytes come out   dataWindow()     consume(n)      or  readData()
 *     bytes to seal go in     writeWindow()    wrote(n)        or  write(data)
 *     bytes to send come out  sendWindow()     sent(n)         or  take()
 *
 * A window is a view, valid until the next call on any engine of the same core. Every call may throw a ChannelError. What the peer
 * caused sticks: every later call that reads or writes throws it again; bytes that wait to be sent can still be sent.
 */
export class Engine {
  readonly role: 'client' | 'server'
  #handle: Handle
  #receiver: Receiver
  #sender: Sender
  #connected: 'no' | 'unreported' | 'yes' = 'no'
  #accelerated: string | undefined

  /** The connecting end: its hello is ready to be sent. @throws ChannelError USE_BAD_KEY, USE_BAD_OPTION, USE_NO_MEMORY */
  static client(core: Core, options: ClientEngineOptions): Engine {
    const setup = clientSetup(core, options)
    try {
      return new Engine(core, setup)
    } finally {
      // Copies of this one's own, and linear memory has them now. A server's serve its next client too.
      for (const { secretKey } of setup.keyPairs) secretKey.fill(0)
      setup.context.fill(0)
    }
  }

  /** The answering end. @throws ChannelError USE_BAD_KEY, USE_BAD_OPTION, USE_NO_MEMORY */
  static server(core: Core, options: ServerEngineOptions): Engine {
    return new Engine(core, serverSetup(core, options))
  }

  private constructor(core: Core, setup: Setup) {
    this.#handle = new Handle(core, setup)
    this.#receiver = new Receiver(this.#handle)
    this.#sender = new Sender(this.#handle)
    this.role = setup.role === ROLE_CLIENT ? 'client' : 'server'
  }

  /** The protocol's version; undefined where a server does not know it yet. */
  get version(): Version | undefined {
    return this.#handle.version
  }

  /** Whether the handshake is over. */
  get connected(): boolean {
    return this.#connected !== 'no'
  }

  /** Whether the peer's direction has come to its end, by a final record or an alert. */
  get readEnded(): boolean {
    return this.#receiver.ended
  }

  /** Whether this direction was ended, by `end` or `alert`. */
  get writeEnded(): boolean {
    return this.#sender.ended
  }

  /** Whose primitives are used beside channel.wasm's, such as `node:crypto`; undefined where nobody's are. */
  get accelerated(): string | undefined {
    return this.#accelerated
  }

  /** The peer's proved long-term public key, a copy. @throws ChannelError USE_NOT_CONNECTED */
  get remotePublicKey(): Uint8Array {
    const { core } = this.#handle
    return core.copy(core.exports.peerKey(this.#provedChannel()), KEY_BYTES)
  }

  /** This end’s long-term public key, a copy: of a server’s several, the one that it has proved. @throws ChannelError USE_NOT_CONNECTED */
  get localPublicKey(): Uint8Array {
    const { core, setup } = this.#handle
    const index = core.exports.keyIndex(this.#provedChannel())
    return copyOf((setup.keyPairs[index] as KeyPair).publicKey)
  }

  /** Version 2: a public name of 32 bytes for this session, the same at both ends. Never a key. Undefined in version 1. */
  get handshakeHash(): Uint8Array | undefined {
    const { core } = this.#handle
    const channel = this.#provedChannel()
    return this.version === 1 ? undefined : core.copy(core.exports.handshakeHash(channel), HASH_BYTES)
  }

  /** The alert that the peer sent. */
  get alertReceived(): Alert | undefined {
    return this.#receiver.alert
  }

  /** The control record that was last received; `advance` has just reported it. */
  get controlReceived(): Control | undefined {
    return this.#receiver.control
  }

  /**
   * Derives a key of `length` (16 to 64, default 32) bytes for the application, the same at both ends.
   * @throws ChannelError USE_VERSION in version 1, USE_NOT_CONNECTED, USE_BAD_OPTION
   */
  exportKey(label: string, context: Uint8Array | string = '', length = 32): Uint8Array {
    const { core, sound } = this.#handle
    this.#provedChannel()
    if (this.version === 1) throw new ChannelError('USE_VERSION', 'version 1 of the protocol has no exporter')
    return exportKey(core, sound, label, context, length)
  }

  // Received bytes

  /** Where received bytes belong; empty where opened data has to be consumed first. */
  receiveWindow(): Uint8Array {
    return this.#receiver.window()
  }

  /** So many bytes were received into the window. */
  received(length: number): void {
    this.#receiver.received(length)
    this.#beginIfProved()
  }

  /** Copies received bytes in, from `offset` on, as far as there is room, and returns how many it took. */
  receive(chunk: Uint8Array, offset = 0): number {
    const took = this.#receiver.receive(chunk, offset)
    // What came with the last message of the handshake is the stream's.
    return this.#beginIfProved() ? took + this.#receiver.receive(chunk, offset + took) : took
  }

  /**
   * The connection will give no more bytes. What was received before that still comes out; then it was cut short, or had ended. One
   * that was not closed `clean`ly, but failed, is never taken for an end, even with `allowTruncation`.
   */
  receiveEnd(clean = true): void {
    this.#receiver.linkClosed(clean)
  }

  /** Works on what was received until there is something to report. */
  advance(): EngineEvent {
    if (this.#connected !== 'unreported') return this.#receiver.read(this.connected)
    void this.#handle.sound
    this.#connected = 'yes'
    return 'connected'
  }

  /** The opened bytes that `advance` reported. */
  dataWindow(): Uint8Array {
    return this.#receiver.dataWindow()
  }

  /** So many bytes of the data window were read. */
  consume(length: number): void {
    this.#receiver.consume(length)
  }

  /**
   * The opened bytes, consumed, and the caller's from here on.
   * @param allocate gives the memory to copy them to
   */
  readData(allocate?: (length: number) => Uint8Array): Uint8Array {
    return this.#receiver.readData(allocate)
  }

  // Bytes to seal

  /**
   * Where the next record's bytes belong: room for at most `wanted` bytes, by default for as many as one record carries. Empty where
   * bytes have to be sent first, or this direction has ended; so is a sliver, where a full record fits once what waits was sent.
   */
  writeWindow(wanted?: number): Uint8Array {
    return this.#sender.writeWindow(wanted)
  }

  /** So many bytes were written into the window: they become one record. */
  wrote(length: number, endOfMessage = false): void {
    void this.#handle.sound
    this.#sender.wrote(length, endOfMessage)
  }

  /**
   * Copies and seals bytes, from `offset` on, as far as there is room, and returns how many it took. `endOfMessage` marks the last
   * of them, once it was taken; for an empty message the call returns 0 and has sealed it.
   * @throws ChannelError USE_CLOSED, USE_NOT_CONNECTED; USE_SEND_FULL for an empty message without room
   */
  write(data: Uint8Array, offset = 0, endOfMessage = false): number {
    return this.#sender.write(data, offset, endOfMessage)
  }

  /**
   * As `write`, for `most` bytes of several chunks, in as few records as hold them. Returns how many it took from the source.
   * @param more more follows at once: if the source's last bytes do not fill a record, they may wait in the write window for what is
   * written next, for `sealWaiting`, or for any other call that seals or takes
   */
  writeFrom(source: ChunkSource, endOfMessage = false, most?: number, more?: boolean): number {
    return this.#sender.writeFrom(source, endOfMessage, most, more)
  }

  /** Seals the bytes that wait for more, if some do. */
  sealWaiting(): void {
    this.#sender.sealWaiting()
  }

  /** Ends this direction with the authenticated end; the other may go on. */
  end(): void {
    this.#sender.seal(0, TYPE_DATA | FLAG_FINAL)
  }

  /**
   * Ends this direction with an alert. Codes: 1 general, 3 not authorized, 4 shutting down, 5 idle timeout; version 1 sends all of them as
   * 1, with the reason first in the text. Long text is cut.
   */
  alert(code: number, text = ''): void {
    this.#sender.alert(code, text)
  }

  /** A server’s word to a client that it has decided to serve ("Acceptance"). In version 1 there is none. */
  accept(): void {
    this.#sender.accept()
  }

  /**
   * A server’s no, the alert 3, which ends this direction. In version 2 it is as long on the wire as `accept`; `reason` is cut to 233
   * bytes, less where records are shorter.
   */
  refuse(reason: string): void {
    this.#sender.refuse(reason)
  }

  /** Version 2: sends a control record, which a peer that does not know its code ignores. */
  control(code: number, payload: Uint8Array = new Uint8Array()): void {
    this.#sender.control(code, payload)
  }

  /** Sends a record that the peer's application never sees. */
  keepAlive(): void {
    this.#sender.seal(0, TYPE_DATA)
  }

  /** Turns this direction's key over. */
  rekey(): void {
    this.#sender.seal(0, TYPE_DATA | FLAG_REKEY)
  }

  // Bytes to send

  /** The bytes to send, or the first of them; in version 1 those of one write ("The published program"). Empty where there are none. */
  sendWindow(): Uint8Array {
    return this.#sender.sendWindow()
  }

  /** So many bytes of the send window were sent, or copied to be. */
  sent(length: number): void {
    this.#sender.sent(length)
  }

  /** All the bytes to send, copied and acknowledged; in version 1 those of one write. Empty where there are none. */
  take(): Uint8Array {
    return this.#sender.take()
  }

  /** Where this channel lies in linear memory: its secrets too, for `memoryMap` of `nopki/inspect`. `channel` is 0 once it is closed. */
  get memory(): { bytes: Uint8Array; channel: number } {
    return { bytes: this.#handle.core.bytes, channel: this.#handle.place }
  }

  /** Wipes and frees all that the channel holds in linear memory. Every later call throws USE_CLOSED; a second close does nothing. */
  close(): void {
    this.#handle.close()
  }

  /** If the peer has just proved its key: the stream opens. */
  #beginIfProved(): boolean {
    const { core, setup, open } = this.#handle
    if (this.#connected !== 'no' || core.exports.phase(open) !== PHASE_PEER_PROVED) return false
    const { onKeys } = setup.options
    const keyLines = onKeys ? keyLogLines(core, open) : []
    this.#accelerated = this.#sender.start()
    this.#connected = 'unreported'
    for (const line of keyLines) onKeys?.(line)
    return true
  }

  /** The channel, whose peer has proved its key. @throws ChannelError USE_CLOSED, USE_NOT_CONNECTED */
  #provedChannel(): number {
    const { open } = this.#handle
    if (!this.connected) throw new ChannelError('USE_NOT_CONNECTED')
    return open
  }
}
