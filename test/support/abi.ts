import type { Core } from '../../src/wasm/instance.js'
import {
  SETUP_CONTEXT,
  SETUP_MIDDLEBOX_KEY,
  SETUP_PUBLIC_KEY,
  SETUP_SECRET_KEY,
  SETUP_SERVER_KEY,
} from '../../src/wire/abi.js'

export interface AbiSetup {
  role: number
  versions: number
  options: number
  secretKey: Uint8Array
  publicKey: Uint8Array
  serverKey?: Uint8Array | undefined
  middleboxKey?: Uint8Array | undefined
  context: Uint8Array
}

/** A channel driven by the core's exports alone, without the engine. */
export class AbiChannel {
  readonly core: Core
  readonly pointer: number

  constructor(core: Core, setup: AbiSetup) {
    this.core = core
    this.pointer = core.lend(SETUP_CONTEXT + setup.context.length, at => {
      core.bytes.set(setup.secretKey, at + SETUP_SECRET_KEY)
      core.bytes.set(setup.publicKey, at + SETUP_PUBLIC_KEY)
      if (setup.serverKey) core.bytes.set(setup.serverKey, at + SETUP_SERVER_KEY)
      if (setup.middleboxKey) core.bytes.set(setup.middleboxKey, at + SETUP_MIDDLEBOX_KEY)
      core.bytes.set(setup.context, at + SETUP_CONTEXT)
      const { role, versions, options, context } = setup
      return core.exports.createChannel(core.arena, role, versions, options, at, context.length, 0)
    })
  }

  /** What there is to send, as one write. */
  take(): Uint8Array {
    const { exports } = this.core
    const length = exports.sendLength(this.pointer)
    const bytes = this.core.copy(exports.sendPointer(this.pointer), length)
    exports.sent(this.pointer, length)
    return bytes
  }

  /** Hands bytes in, and returns what the last `received` said. */
  give(bytes: Uint8Array): number {
    const { exports } = this.core
    let status = 0
    for (let at = 0; at < bytes.length && status >= 0; ) {
      const length = Math.min(exports.receiveRoom(this.pointer), bytes.length - at)
      if (length === 0) throw new Error('the channel takes no bytes')
      this.core.bytes.set(bytes.subarray(at, at + length), exports.receivePointer(this.pointer))
      status = exports.received(this.pointer, length)
      at += length
    }
    return status
  }

  /** Seals one record; `block` is what its length on the wire is padded to a multiple of. */
  seal(type: number, data: Uint8Array, block = 0): Uint8Array {
    const { exports } = this.core
    this.#shape(block)
    this.core.bytes.set(data, exports.writePointer(this.pointer, data.length))
    const status = exports.seal(this.pointer, data.length, type)
    if (status < 0) throw new Error(`seal: status ${status}`)
    return this.take()
  }

  /** Reads until there is an event, and takes its data. */
  read(): { event: number; data: Uint8Array } {
    const { exports } = this.core
    this.#shape(0)
    const event = exports.read(this.pointer)
    const length = exports.dataLength(this.pointer)
    const data = this.core.copy(exports.dataPointer(this.pointer), length)
    exports.consume(this.pointer, length)
    return { event, data }
  }

  /** The host's cipher, if the core has one, is asked for every record of version 2. */
  #shape(block: number): void {
    const { exports, primitives } = this.core
    const asks = exports.version(this.pointer) === 2 && primitives?.cipher
    exports.shapeRecords(this.pointer, 0, block, 0, asks ? 1 : 0)
  }
}
