import { type Alert, ChannelError } from '../errors.js'
import { EVENT_ALERT, EVENT_CONTROL, EVENT_DATA, EVENT_END, EVENT_MESSAGE, ROLE_CLIENT } from '../wire/abi.js'
import { CODE_BYTES } from '../wire/layout.js'
import { checkLength, type Handle } from './handle.js'
import { badOption } from './options.js'

/** A control record, which is for extensions: docs/protocol.md. */
export interface Control {
  code: number
  payload: Uint8Array
}

/** The receiving direction of an engine: received bytes in, opened bytes and events out. `Engine` documents each call. */
export class Receiver {
  ended = false
  alert: Alert | undefined
  control: Control | undefined
  #handle: Handle
  #linkClosed: 'no' | 'clean' | 'failed' = 'no'

  constructor(handle: Handle) {
    this.#handle = handle
  }

  window(): Uint8Array {
    const room = this.#room()
    return this.#handle.core.view(room === 0 ? 0 : this.#pointer(), room)
  }

  received(length: number): void {
    const handle = this.#handle
    const channel = handle.sound
    checkLength(length)
    const event = handle.received(channel, length)
    handle.checkDraws()
    if (event < 0) throw handle.fail(event)
  }

  /** Copies bytes in, as far as there is room: none, behind the last message of a handshake. Returns how many it took. */
  receive(chunk: Uint8Array, offset: number): number {
    let at = offset
    while (at < chunk.length) {
      const length = Math.min(this.#room(), chunk.length - at)
      if (length === 0) break
      const pointer = this.#pointer()
      this.#handle.core.bytes.set(length === chunk.length ? chunk : chunk.subarray(at, at + length), pointer)
      this.received(length)
      at += length
    }
    return at - offset
  }

  linkClosed(clean: boolean): void {
    this.#linkClosed = clean ? 'clean' : 'failed'
  }

  /** The next event of the stream. @param connected whether the handshake is over */
  read(connected: boolean) {
    const handle = this.#handle
    const event = handle.core.exports.read(handle.sound)
    switch (event) {
      case EVENT_DATA:
        return 'data'
      case EVENT_MESSAGE:
        return 'message'
      case EVENT_ALERT:
        this.alert = this.#readAlert()
        this.ended = true
        return 'alert'
      case EVENT_CONTROL:
        this.control = this.#readCode()
        return 'control'
      case EVENT_END:
        this.ended = true
        return 'end'
    }
    if (event < 0) throw handle.fail(event)
    return this.#linkClosed === 'no' ? 'idle' : this.#linkEnd(connected)
  }

  dataWindow(): Uint8Array {
    const { core, open } = this.#handle
    return core.view(core.exports.dataPointer(open), core.exports.dataLength(open))
  }

  consume(length: number): void {
    checkLength(length)
    const { core, open } = this.#handle
    if (core.exports.consume(open, length) < 0) {
      throw badOption('length', length, 'no more than the data window holds')
    }
  }

  readData(allocate: (length: number) => Uint8Array = length => new Uint8Array(length)): Uint8Array {
    const window = this.dataWindow()
    const data = allocate(window.length)
    data.set(window)
    this.consume(window.length)
    return data
  }

  #room(): number {
    const { core, sound } = this.#handle
    return core.exports.receiveRoom(sound)
  }

  #pointer(): number {
    const { core, open } = this.#handle
    const pointer = core.exports.receivePointer(open)
    if (pointer === 0) throw new ChannelError('USE_NO_MEMORY')
    return pointer
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
  #linkEnd(connected: boolean): 'idle' | 'end' {
    if (this.ended) return 'idle'
    const handle = this.#handle
    const { role, options } = handle.setup
    if (!connected) {
      const missing = role === ROLE_CLIENT ? 'server’s challenge' : 'client’s handshake'
      throw handle.stick(new ChannelError('LINK_CLOSED', `the connection closed before the ${missing} was complete`))
    }
    const one = handle.version === 1
    const whole = this.#linkClosed === 'clean' && handle.core.exports.bytesHeld(handle.open) === 0
    if (one && options.allowTruncation && whole) {
      this.ended = true
      return 'end'
    }
    throw handle.stick(new ChannelError('LINK_TRUNCATED', undefined, one ? { next: TRUNCATED_1 } : {}))
  }
}

const TRUNCATED_1 =
  'treat what was received as incomplete; the published program sends no end: `allowTruncation` takes its close for one'
