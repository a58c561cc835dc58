import { type Alert, ChannelError } from '../errors.js'
import type { Core } from '../wasm/instance.js'
import {
  EVENT_ALERT,
  EVENT_CONTROL,
  EVENT_DATA,
  EVENT_END,
  EVENT_MESSAGE,
  EVENT_PROVED,
  PHASE_FAILED,
  PHASE_OPEN,
  ROLE_CLIENT,
  SETUP_CONTEXT,
  SETUP_MIDDLEBOX_KEY,
  SETUP_PUBLIC_KEY,
  SETUP_SECRET_KEY,
  SETUP_SERVER_KEY,
} from '../wire/abi.js'
import { CODE_BYTES, HASH_BYTES, KEY_BYTES, MAC_BYTES, PLAINTEXT_DATA, RECORD_SEALED } from '../wire/layout.js'
import {
  ALERT_NOT_AUTHORIZED,
  ANSWER_BYTES,
  CONTROL_ACCEPTED,
  FLAG_FINAL,
  FLAG_MESSAGE_END,
  FLAG_REKEY,
  RECORD_LIMIT_1,
  TYPE_ALERT,
  TYPE_CONTROL,
  TYPE_DATA,
} from '../wire/stream.js'
import { asVersion1 } from './alerts.js'
import { exportKey } from './exporter.js'
import { errorOf } from './failure.js'
import { Gather } from './gather.js'
import { keyLogLines } from './keylog.js'
import {
  badOption,
  type ClientEngineOptions,
  checkInteger,
  clientSetup,
  type EngineOptions,
  type ServerEngineOptions,
  type Setup,
  serverSetup,
  shapeOf,
  type Version,
} from './options.js'
import { checkString } from './snapshot.js'

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

export interface Control {
  code: number
  payload: Uint8Array
}

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
  #core: Core
  #channel: number
  #setup: Setup
  #options: EngineOptions
  #error: ChannelError | undefined
  #connected: 'no' | 'unreported' | 'yes' = 'no'
  #linkClosed: 'no' | 'clean' | 'failed' = 'no'
  #readEnded = false
  /** How much room the write window had that was asked for last, and not yet written to. */
  #window = 0
  #fullRoom = 0
  /**
   * Version 1: of much data, the last record is made a full one too, for behind a short one there has to be a pause ("The published
   * program"). And how many full ones there are in a row.
   */
  #padsLast = false
  #fullRecords = 0
  #shape = { limit: 0, block: 0, rekeyAfter: 0, hostFrom: 0 }
  #accelerated: string | undefined
  #alert: Alert | undefined
  #control: Control | undefined

  /** The connecting end: its hello is ready to be sent. @throws ChannelError USE_BAD_KEY, USE_BAD_OPTION, USE_NO_MEMORY */
  static client(core: Core, options: ClientEngineOptions): Engine {
    const setup = clientSetup(core, options)
    try {
      return new Engine(core, setup)
    } finally {
      // Copies of this one's own, and linear memory has them now. A server's serve its next client too.
      setup.keyPair.secretKey.fill(0)
      setup.context.fill(0)
    }
  }

  /** The answering end. @throws ChannelError USE_BAD_KEY, USE_BAD_OPTION, USE_NO_MEMORY */
  static server(core: Core, options: ServerEngineOptions): Engine {
    return new Engine(core, serverSetup(core, options))
  }

  private constructor(core: Core, setup: Setup) {
    this.#core = core
    this.#options = setup.options
    this.#setup = setup
    this.role = setup.role === ROLE_CLIENT ? 'client' : 'server'
    this.#channel = createChannel(core, setup)
    const status = core.exports.status(this.#channel)
    if (status < 0) {
      const error = this.#fail(status)
      this.close()
      throw error
    }
  }

  /** The protocol's version; undefined where a server does not know it yet. */
  get version(): Version | undefined {
    return (this.#core.exports.version(this.#open()) || undefined) as Version | undefined
  }

  /** Whether the handshake is over. */
  get connected(): boolean {
    return this.#connected !== 'no'
  }

  /** Whether the peer's direction has come to its end, by a final record or an alert. */
  get readEnded(): boolean {
    return this.#readEnded
  }

  /** Whether this direction was ended, by `end` or `alert`. */
  get writeEnded(): boolean {
    return this.#core.exports.writeEnded(this.#open()) !== 0
  }

  /** Whose primitives are used beside channel.wasm's, such as `node:crypto`; undefined where nobody's are. */
  get accelerated(): string | undefined {
    return this.#accelerated
  }

  /** The peer's proved long-term public key, a copy. @throws ChannelError USE_NOT_CONNECTED */
  get remotePublicKey(): Uint8Array {
    this.#needConnected()
    return this.#core.copy(this.#core.exports.peerKey(this.#open()), KEY_BYTES)
  }

  /** Version 2: a public name of 32 bytes for this session, the same at both ends. Never a key. Undefined in version 1. */
  get handshakeHash(): Uint8Array | undefined {
    this.#needConnected()
    if (this.version === 1) return undefined
    return this.#core.copy(this.#core.exports.handshakeHash(this.#open()), HASH_BYTES)
  }

  /** The alert that the peer sent. */
  get alertReceived(): Alert | undefined {
    return this.#alert
  }

  /** The control record that was last received; `advance` has just reported it. */
  get controlReceived(): Control | undefined {
    return this.#control
  }

  /**
   * Derives a key of `length` (16 to 64, default 32) bytes for the application, the same at both ends.
   * @throws ChannelError USE_VERSION in version 1, USE_NOT_CONNECTED, USE_BAD_OPTION
   */
  exportKey(label: string, context: Uint8Array | string = '', length = 32): Uint8Array {
    this.#check()
    this.#needConnected()
    if (this.version === 1) throw new ChannelError('USE_VERSION', 'version 1 of the protocol has no exporter')
    return exportKey(this.#core, this.#channel, label, context, length)
  }

  // Received bytes

  /** Where received bytes belong; empty where opened data has to be consumed first. */
  receiveWindow(): Uint8Array {
    const room = this.#receiveRoom()
    return this.#core.view(room === 0 ? 0 : this.#receivePointer(), room)
  }

  /** So many bytes were received into the window. */
  received(length: number): void {
    this.#check()
    checkLength(length)
    const event = this.#core.exports.received(this.#channel, length)
    this.#core.checkDraws(() => this.close())
    if (event < 0) throw this.#fail(event)
    if (event === EVENT_PROVED) this.#begin()
  }

  /** Copies received bytes in, from `offset` on, as far as there is room, and returns how many it took. */
  receive(chunk: Uint8Array, offset = 0): number {
    let at = offset
    while (at < chunk.length) {
      const length = Math.min(this.#receiveRoom(), chunk.length - at)
      if (length === 0) break
      const pointer = this.#receivePointer()
      this.#core.bytes.set(length === chunk.length ? chunk : chunk.subarray(at, at + length), pointer)
      this.received(length)
      at += length
    }
    return at - offset
  }

  /**
   * The connection will give no more bytes. What was received before that still comes out; then it was cut short, or had ended. One
   * that was not closed `clean`ly, but failed, is never taken for an end, even with `allowTruncation`.
   */
  receiveEnd(clean = true): void {
    this.#linkClosed = clean ? 'clean' : 'failed'
  }

  /** Works on what was received until there is something to report. */
  advance(): EngineEvent {
    this.#check()
    if (this.#connected === 'unreported') {
      this.#connected = 'yes'
      return 'connected'
    }
    const event = this.#core.exports.read(this.#channel)
    switch (event) {
      case EVENT_DATA:
        return 'data'
      case EVENT_MESSAGE:
        return 'message'
      case EVENT_ALERT:
        this.#alert = this.#readAlert()
        this.#readEnded = true
        return 'alert'
      case EVENT_CONTROL:
        this.#control = this.#readCode()
        return 'control'
      case EVENT_END:
        this.#readEnded = true
        return 'end'
    }
    if (event < 0) throw this.#fail(event)
    return this.#linkClosed === 'no' ? 'idle' : this.#linkEnd()
  }

  /** The opened bytes that `advance` reported. */
  dataWindow(): Uint8Array {
    const { exports } = this.#core
    const channel = this.#open()
    return this.#core.view(exports.dataPointer(channel), exports.dataLength(channel))
  }

  /** So many bytes of the data window were read. */
  consume(length: number): void {
    checkLength(length)
    const status = this.#core.exports.consume(this.#open(), length)
    if (status < 0) throw badOption('length', length, 'no more than the data window holds')
  }

  /**
   * The opened bytes, consumed, and the caller's from here on.
   * @param allocate gives the memory to copy them to
   */
  readData(allocate: (length: number) => Uint8Array = length => new Uint8Array(length)): Uint8Array {
    const window = this.dataWindow()
    const data = allocate(window.length)
    data.set(window)
    this.consume(window.length)
    return data
  }

  // Bytes to seal

  /**
   * Where the next record's bytes belong: room for at most `wanted` bytes, by default for as many as one record carries. Empty where
   * bytes have to be sent first, or this direction has ended; so is a sliver, where a full record fits once what waits was sent.
   */
  writeWindow(wanted = this.#fullRoom): Uint8Array {
    this.#check()
    const length = this.#writeRoom(wanted)
    this.#window = length
    return this.#core.view(length === 0 ? 0 : this.#writePointer(length), length)
  }

  /** So many bytes were written into the window: they become one record. */
  wrote(length: number, endOfMessage = false): void {
    this.#check()
    checkLength(length)
    // What lies there otherwise is what was there before.
    if (length > this.#window) throw badOption('length', length, 'no more than the write window holds')
    this.#window = 0
    this.#seal(length, endOfMessage ? TYPE_DATA | FLAG_MESSAGE_END : TYPE_DATA)
  }

  /**
   * Copies and seals bytes, from `offset` on, as far as there is room, and returns how many it took. `endOfMessage` marks the last
   * of them, once it was taken; for an empty message the call returns 0 and has sealed it.
   * @throws ChannelError USE_CLOSED, USE_NOT_CONNECTED; USE_SEND_FULL for an empty message without room
   */
  write(data: Uint8Array, offset = 0, endOfMessage = false): number {
    this.#checkWritable()
    if (data.length === offset && endOfMessage) this.wrote(0, true)
    return this.writeFrom(new Gather([offset === 0 ? data : data.subarray(offset)]), endOfMessage)
  }

  /** As `write`, for `most` bytes of several chunks, in as few records as hold them. Returns how many it took from the source. */
  writeFrom(source: Gather, endOfMessage = false, most = source.left): number {
    this.#checkWritable()
    const atStart = source.left
    const atEnd = Math.max(0, atStart - most)
    while (source.left > atEnd && this.#sealNext(source, source.left - atEnd, endOfMessage));
    return atStart - source.left
  }

  /** Ends this direction with the authenticated end; the other may go on. */
  end(): void {
    this.#seal(0, TYPE_DATA | FLAG_FINAL)
  }

  /**
   * Ends this direction with an alert. Codes: 1 general, 3 not authorized, 4 shutting down, 5 idle timeout; version 1 sends all of them as
   * 1, with the reason first in the text. Long text is cut.
   */
  alert(code: number, text = ''): void {
    checkString('text', text)
    checkInteger('code', code, 0, 0xffff)
    const said = this.version === 1 ? asVersion1({ code, text }) : { code, text }
    this.#sealCode(said.code, encodeText(said.text, this.#fullRoom - CODE_BYTES), TYPE_ALERT)
  }

  /** A server’s word to a client that it has decided to serve ("Acceptance"). In version 1 there is none. */
  accept(): void {
    this.#checkWritable()
    if (this.version === 2) this.#answer(CONTROL_ACCEPTED, '', TYPE_CONTROL)
  }

  /**
   * A server’s no, the alert 3, which ends this direction. In version 2 it is as long on the wire as `accept`; `reason` is cut to 233
   * bytes, less where records are shorter.
   */
  refuse(reason: string): void {
    checkString('reason', reason)
    this.#checkWritable()
    if (this.version === 2) this.#answer(ALERT_NOT_AUTHORIZED, reason, TYPE_ALERT)
    else this.alert(ALERT_NOT_AUTHORIZED, reason)
  }

  /** Version 2: sends a control record, which a peer that does not know its code ignores. */
  control(code: number, payload: Uint8Array = new Uint8Array()): void {
    this.#checkWritable()
    if (this.version === 1) throw new ChannelError('USE_VERSION', 'version 1 of the protocol has no control records')
    this.#sealCode(code, payload, TYPE_CONTROL)
  }

  /** Sends a record that the peer's application never sees. */
  keepAlive(): void {
    this.#seal(0, TYPE_DATA)
  }

  /** Turns this direction's key over. */
  rekey(): void {
    this.#seal(0, TYPE_DATA | FLAG_REKEY)
  }

  // Bytes to send

  /** The bytes to send, or the first of them; in version 1 those of one write ("The published program"). Empty where there are none. */
  sendWindow(): Uint8Array {
    const { exports } = this.#core
    const channel = this.#open()
    return this.#core.view(exports.sendPointer(channel), exports.sendLength(channel))
  }

  /** So many bytes of the send window were sent, or copied to be. */
  sent(length: number): void {
    checkLength(length)
    const status = this.#core.exports.sent(this.#open(), length)
    if (status < 0) throw badOption('length', length, 'no more than the send window holds')
  }

  /** All the bytes to send, copied and acknowledged; in version 1 those of one write. Empty where there are none. */
  take(): Uint8Array {
    const bytes = this.sendWindow().slice()
    this.sent(bytes.length)
    return bytes
  }

  /** Wipes and frees all that the channel holds in linear memory. Every later call throws USE_CLOSED; a second close does nothing. */
  close(): void {
    if (this.#channel === 0) return
    this.#core.exports.closeChannel(this.#channel)
    this.#channel = 0
  }

  /** The peer has proved its key: the stream opens, in the shape that the options ask for. */
  #begin(): void {
    const { exports } = this.#core
    const channel = this.#channel
    const { onKeys } = this.#options
    const keyLines = onKeys ? keyLogLines(this.#core, channel) : []
    const version = this.version ?? 2
    const primitives = version === 2 && this.#options.native !== false ? this.#core.primitives : undefined
    const cipher = primitives?.cipher
    const { limit, block, rekeyAfter } = shapeOf(this.#options, version, cipher?.recordLimit)
    this.#shape = { limit, block, rekeyAfter, hostFrom: cipher?.from ?? 0 }
    this.#padTo(block)
    const status = exports.start(channel)
    this.#core.checkDraws(() => this.close())
    if (status < 0) throw this.#fail(status)
    this.#fullRoom = exports.roomWhenEmpty(channel)
    this.#padsLast = version === 1 && block === 0 && limit % RECORD_LIMIT_1 === 0
    this.#accelerated = primitives?.name
    this.#connected = 'unreported'
    for (const line of keyLines) onKeys?.(line)
  }

  #padTo(block: number): void {
    const { limit, rekeyAfter, hostFrom } = this.#shape
    this.#core.exports.shapeRecords(this.#channel, limit, block, rekeyAfter, hostFrom)
  }

  /** A record of one length, whatever it says. */
  #answer(code: number, text: string, type: number): void {
    const { limit, block } = this.#shape
    const unit = block || 1
    const length = Math.min(Math.ceil(ANSWER_BYTES / unit) * unit, limit - (limit % unit))
    this.#padTo(length)
    try {
      this.#sealCode(code, encodeText(text, length - RECORD_SEALED - PLAINTEXT_DATA - MAC_BYTES - CODE_BYTES), type)
    } finally {
      this.#padTo(block)
    }
  }

  #seal(length: number, type: number): void {
    this.#check()
    const status = this.#core.exports.seal(this.#channel, length, type)
    if (status < 0) throw this.#fail(status)
  }

  /** Copies the next bytes into linear memory and seals a record of them. False: enough waits to be sent. */
  #sealNext(source: Gather, most: number, endOfMessage: boolean): boolean {
    const length = this.#writeRoom(most)
    if (length === 0) return false
    const padded = length < this.#fullRoom && this.#fullRecords >= PADDED_BEHIND
    if (padded && this.#core.exports.writeRoom(this.#channel) < this.#fullRoom) return false
    const pointer = this.#writePointer(length)
    source.copyTo(this.#core.bytes, pointer, length)
    if (padded) this.#core.exports.shapeRecords(this.#channel, 0, RECORD_LIMIT_1, 0, 0)
    this.#seal(length, endOfMessage && source.left === 0 ? TYPE_DATA | FLAG_MESSAGE_END : TYPE_DATA)
    if (padded) this.#core.exports.shapeRecords(this.#channel, 0, 0, 0, 0)
    if (this.#padsLast) this.#fullRecords = length === this.#fullRoom ? this.#fullRecords + 1 : 0
    return true
  }

  /** How many bytes can be received now. */
  #receiveRoom(): number {
    this.#check()
    return this.#core.exports.receiveRoom(this.#channel)
  }

  /** Where they belong. */
  #receivePointer(): number {
    const pointer = this.#core.exports.receivePointer(this.#channel)
    if (pointer === 0) throw new ChannelError('USE_NO_MEMORY')
    return pointer
  }

  /** How many of the bytes wanted the next record takes: none, rather than a sliver, where a full one fits once what waits was sent. */
  #writeRoom(wanted: number): number {
    const room = this.#core.exports.writeRoom(this.#channel)
    return room < wanted && room < this.#fullRoom ? 0 : Math.min(room, wanted)
  }

  /** Where they belong. */
  #writePointer(length: number): number {
    const pointer = this.#core.exports.writePointer(this.#channel, length)
    if (pointer === 0) throw new ChannelError('USE_NO_MEMORY')
    return pointer
  }

  #sealCode(code: number, payload: Uint8Array, type: number): void {
    checkInteger('code', code, 0, 0xffff)
    this.#checkWritable()
    if (payload.length + CODE_BYTES > this.#fullRoom) {
      throw badOption('payload length', payload.length, `at most ${this.#fullRoom - CODE_BYTES} bytes`)
    }
    const window = this.writeWindow(payload.length + CODE_BYTES)
    if (window.length === 0) throw new ChannelError('USE_SEND_FULL')
    window[0] = code & 0xff
    window[1] = code >> 8
    window.set(payload, CODE_BYTES)
    this.#seal(payload.length + CODE_BYTES, type)
  }

  /** The data window of an alert or control record, taken. */
  #readCode(): Control {
    const data = this.readData()
    return { code: (data[0] ?? 0) | ((data[1] ?? 0) << 8), payload: data.subarray(CODE_BYTES) }
  }

  #readAlert(): Alert {
    const { code, payload } = this.#readCode()
    return { code, text: new TextDecoder().decode(payload) }
  }

  /** All that was received has been read, and no more will come. */
  #linkEnd(): EngineEvent {
    if (this.#readEnded) return 'idle'
    if (!this.connected) {
      throw this.#stick(
        new ChannelError(
          'LINK_CLOSED',
          `the connection closed before the ${this.role === 'client' ? 'server’s challenge' : 'client’s handshake'} was complete`,
        ),
      )
    }
    if (
      this.version === 1 &&
      this.#options.allowTruncation &&
      this.#linkClosed === 'clean' &&
      this.#core.exports.bytesHeld(this.#channel) === 0
    ) {
      this.#readEnded = true
      return 'end'
    }
    const details = this.version === 1 ? { next: TRUNCATED_1 } : {}
    throw this.#stick(new ChannelError('LINK_TRUNCATED', undefined, details))
  }

  #needConnected(): void {
    this.#open()
    if (!this.connected) throw new ChannelError('USE_NOT_CONNECTED')
  }

  #open(): number {
    if (this.#channel === 0) throw new ChannelError('USE_CLOSED')
    return this.#channel
  }

  #check(): void {
    this.#open()
    if (this.#error) throw this.#error
  }

  #checkWritable(): void {
    this.#check()
    if (this.#core.exports.phase(this.#channel) !== PHASE_OPEN) throw new ChannelError('USE_NOT_CONNECTED')
    if (this.#core.exports.writeEnded(this.#channel))
      throw new ChannelError('USE_CLOSED', 'this direction of the channel has ended')
  }

  #fail(status: number): ChannelError {
    const error = errorOf(this.#core, this.#channel, this.#setup, status)
    return this.#core.exports.phase(this.#channel) === PHASE_FAILED ? this.#stick(error) : error
  }

  #stick(error: ChannelError): ChannelError {
    this.#error ??= error
    return this.#error
  }
}

function createChannel(core: Core, setup: Setup): number {
  const { keyPair, serverKey, middleboxKey, context } = setup
  const channel = core.lend(SETUP_CONTEXT + context.length, pointer => {
    const { bytes } = core
    bytes.set(keyPair.secretKey, pointer + SETUP_SECRET_KEY)
    bytes.set(keyPair.publicKey, pointer + SETUP_PUBLIC_KEY)
    if (serverKey) bytes.set(serverKey, pointer + SETUP_SERVER_KEY)
    if (middleboxKey) bytes.set(middleboxKey, pointer + SETUP_MIDDLEBOX_KEY)
    bytes.set(context, pointer + SETUP_CONTEXT)
    return core.exports.createChannel(core.arena, setup.role, setup.versions, setup.flags, pointer, context.length)
  })
  core.checkDraws(() => channel && core.exports.closeChannel(channel))
  if (channel === 0) throw new ChannelError('USE_NO_MEMORY')
  return channel
}

/** WebAssembly would take what is none for another number. @throws ChannelError USE_BAD_OPTION */
function checkLength(length: number): void {
  checkInteger('length', length, 0, 0x7fffffff)
}

/** UTF-8 of at most `limit` bytes, cut between characters. */
function encodeText(text: string, limit: number): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= limit) return bytes
  let end = Math.max(0, limit)
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

// Of so much the padding is at most a half.
const PADDED_BEHIND = 2
const TRUNCATED_1 =
  'treat what was received as incomplete; the published program sends no end: `allowTruncation` takes its close for one'
