import { ChannelError } from '../errors.js'
import { PHASE_OPEN } from '../wire/abi.js'
import { CODE_BYTES, MAC_BYTES, PLAINTEXT_DATA, RECORD_SEALED } from '../wire/layout.js'
import {
  ALERT_NOT_AUTHORIZED,
  ANSWER_BYTES,
  CONTROL_ACCEPTED,
  FLAG_MESSAGE_END,
  RECORD_LIMIT_1,
  TYPE_ALERT,
  TYPE_CONTROL,
  TYPE_DATA,
} from '../wire/stream.js'
import { asVersion1 } from './alerts.js'
import { ChunkSource } from './chunk-source.js'
import { checkLength, type Handle } from './handle.js'
import { badOption, checkInteger, shapeOf } from './options.js'
import { checkString } from './snapshot.js'

/** The sending direction of an engine: bytes to seal in, bytes to send out. `Engine` documents each call. */
export class Sender {
  #handle: Handle
  /** How much room the write window had that was asked for last, and not yet written to. */
  #window = 0
  #fullRoom = 0
  #shape = { limit: 0, block: 0, rekeyAfter: 0, hostFrom: 0 }
  /**
   * Version 1: of much data, the last record is made a full one too, for behind a short one there has to be a pause ("The published
   * program"). And how many full ones there are in a row.
   */
  #padsLast = false
  #fullRecords = 0
  /** How many bytes lie in the write window and wait for more, with which they are sealed. Nothing else lies in the buffer then. */
  #waiting = 0

  constructor(handle: Handle) {
    this.#handle = handle
  }

  get ended(): boolean {
    const { core, open } = this.#handle
    return core.exports.writeEnded(open) !== 0
  }

  /** Starts the stream, in the shape that the options ask for. Returns where the primitives come from that the host has. */
  start(): string | undefined {
    const handle = this.#handle
    const { core, setup } = handle
    const version = handle.version ?? 2
    const primitives = version === 2 && setup.options.native !== false ? core.primitives : undefined
    const cipher = primitives?.cipher
    const { limit, block, rekeyAfter } = shapeOf(setup.options, version)
    this.#shape = { limit, block, rekeyAfter, hostFrom: cipher?.from ?? 0 }
    this.#padTo(block)
    const status = core.exports.start(handle.open)
    handle.checkDraws()
    if (status < 0) throw handle.fail(status)
    this.#fullRoom = core.exports.roomWhenEmpty(handle.open)
    this.#padsLast = version === 1 && block === 0 && limit % RECORD_LIMIT_1 === 0
    return primitives?.name
  }

  writeWindow(wanted = this.#fullRoom): Uint8Array {
    this.sealWaiting()
    const { sound, core } = this.#handle
    const length = this.#room(sound, wanted)
    this.#window = length
    return core.view(length === 0 ? 0 : this.#pointer(length), length)
  }

  wrote(length: number, endOfMessage: boolean): void {
    checkLength(length)
    // What lies there otherwise is what was there before.
    if (length > this.#window) throw badOption('length', length, 'no more than the write window holds')
    this.#window = 0
    this.seal(length, endOfMessage ? TYPE_DATA | FLAG_MESSAGE_END : TYPE_DATA)
  }

  write(data: Uint8Array, offset: number, endOfMessage: boolean): number {
    this.#checkWritable()
    if (data.length === offset && endOfMessage) this.wrote(0, true)
    return this.writeFrom(new ChunkSource([offset === 0 ? data : data.subarray(offset)]), endOfMessage)
  }

  writeFrom(source: ChunkSource, endOfMessage: boolean, most = source.left, more = false): number {
    this.#checkWritable()
    const atStart = source.left
    const atEnd = Math.max(0, atStart - most)
    // Behind a record that is padded, another might not fit.
    const mayWait = more && !endOfMessage && this.#handle.version === 2 && this.#shape.block === 0
    while (source.left > atEnd && this.#sealNext(source, source.left - atEnd, endOfMessage, mayWait));
    return atStart - source.left
  }

  sealWaiting(): void {
    const length = this.#waiting
    this.#waiting = 0
    if (length > 0) this.#seal(length, TYPE_DATA)
  }

  alert(code: number, text: string): void {
    checkString('text', text)
    checkInteger('code', code, 0, 0xffff)
    const said = this.#handle.version === 1 ? asVersion1({ code, text }) : { code, text }
    this.#sealCode(said.code, encodeText(said.text, this.#fullRoom - CODE_BYTES), TYPE_ALERT)
  }

  accept(): void {
    this.#checkWritable()
    if (this.#handle.version === 2) this.#answer(CONTROL_ACCEPTED, '', TYPE_CONTROL)
  }

  refuse(reason: string): void {
    checkString('reason', reason)
    this.#checkWritable()
    if (this.#handle.version === 2) this.#answer(ALERT_NOT_AUTHORIZED, reason, TYPE_ALERT)
    else this.alert(ALERT_NOT_AUTHORIZED, reason)
  }

  control(code: number, payload: Uint8Array): void {
    this.#checkWritable()
    if (this.#handle.version === 1) {
      throw new ChannelError('USE_VERSION', 'version 1 of the protocol has no control records')
    }
    this.#sealCode(code, payload, TYPE_CONTROL)
  }

  /** Seals a record of the `length` bytes in the write window, behind those that wait. */
  seal(length: number, type: number): void {
    this.sealWaiting()
    this.#seal(length, type)
  }

  #seal(length: number, type: number): void {
    const handle = this.#handle
    const status = handle.core.exports.seal(handle.sound, length, type)
    if (status < 0) throw handle.fail(status)
  }

  sendWindow(): Uint8Array {
    const { core, open } = this.#handle
    return core.view(core.exports.sendPointer(open), core.exports.sendLength(open))
  }

  sent(length: number): void {
    checkLength(length)
    const handle = this.#handle
    // The core would take the buffer back, with the bytes that wait.
    if (length === 0 && this.#waiting > 0) return
    if (handle.sent(handle.open, length) < 0) throw badOption('length', length, 'no more than the send window holds')
  }

  take(): Uint8Array {
    this.sealWaiting()
    const bytes = this.sendWindow().slice()
    this.sent(bytes.length)
    return bytes
  }

  #padTo(block: number): void {
    const { core, open } = this.#handle
    const { limit, rekeyAfter, hostFrom } = this.#shape
    core.exports.shapeRecords(open, limit, block, rekeyAfter, hostFrom)
  }

  /** A record of one length, whatever it says. */
  #answer(code: number, text: string, type: number): void {
    const { limit, block } = this.#shape
    const unit = block || 1
    const length = Math.min(Math.ceil(ANSWER_BYTES / unit) * unit, limit - (limit % unit))
    this.sealWaiting()
    this.#padTo(length)
    try {
      this.#sealCode(code, encodeText(text, length - RECORD_SEALED - PLAINTEXT_DATA - MAC_BYTES - CODE_BYTES), type)
    } finally {
      this.#padTo(block)
    }
  }

  /**
   * Copies the next bytes into linear memory, behind those that wait, and seals a record of both. False: enough waits to be sent.
   * @param mayWait whether the source's last bytes wait for more if they do not fill a record
   */
  #sealNext(source: ChunkSource, most: number, endOfMessage: boolean, mayWait: boolean): boolean {
    const { core, open } = this.#handle
    const behind = this.#waiting
    const length = this.#room(open, behind + most)
    if (length === 0) return false
    const waits = mayWait && length < this.#fullRoom && length - behind === source.left
    const padded = length < this.#fullRoom && this.#fullRecords >= PADDED_BEHIND
    if (padded && core.exports.writeRoom(open) < this.#fullRoom) return false
    if (waits && core.exports.sendLength(open) > 0) return false
    const pointer = this.#pointer(length)
    source.copyTo(core.bytes, pointer + behind, length - behind)
    this.#waiting = waits ? length : 0
    if (waits) return true
    if (padded) core.exports.shapeRecords(open, 0, RECORD_LIMIT_1, 0, 0)
    this.#seal(length, endOfMessage && source.left === 0 ? TYPE_DATA | FLAG_MESSAGE_END : TYPE_DATA)
    if (padded) core.exports.shapeRecords(open, 0, 0, 0, 0)
    if (this.#padsLast) this.#fullRecords = length === this.#fullRoom ? this.#fullRecords + 1 : 0
    return true
  }

  /** How many of the bytes wanted the next record takes: none, rather than a sliver, if a full one fits once what waits was sent. */
  #room(channel: number, wanted: number): number {
    const room = this.#handle.core.exports.writeRoom(channel)
    return room < wanted && room < this.#fullRoom ? 0 : Math.min(room, wanted)
  }

  /** Where they belong. */
  #pointer(length: number): number {
    const { core, open } = this.#handle
    const pointer = core.exports.writePointer(open, length)
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
    this.seal(payload.length + CODE_BYTES, type)
  }

  #checkWritable(): void {
    const { core, sound } = this.#handle
    if (core.exports.phase(sound) !== PHASE_OPEN) throw new ChannelError('USE_NOT_CONNECTED')
    if (this.ended) throw new ChannelError('USE_CLOSED', 'this direction of the channel has ended')
  }
}

/** UTF-8 of at most `limit` bytes, cut between characters. */
function encodeText(text: string, limit: number): Uint8Array {
  if (text === '') return NONE
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= limit) return bytes
  let end = Math.max(0, limit)
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

// Of so much the padding is at most a half.
const PADDED_BEHIND = 2

const NONE = new Uint8Array()
