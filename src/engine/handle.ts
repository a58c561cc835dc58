import { ChannelError } from '../errors.js'
import type { CoreExports } from '../wasm/exports.js'
import type { Core } from '../wasm/instance.js'
import { PHASE_FAILED, ROLE_CLIENT } from '../wire/abi.js'
import { KEY_BYTES } from '../wire/layout.js'
import { ChunkSource } from './chunk-source.js'
import { errorOf } from './failure.js'
import { checkInteger, type Setup, type Version } from './options.js'
import { tapped } from './wire-tap.js'

/** One channel in linear memory: its place, and the first error of the peer's, which sticks. Both directions of an engine work on it. */
export class Handle {
  readonly core: Core
  readonly setup: Setup
  /** The core's own; with the option `onWire`, it sees the bytes first. */
  readonly received: CoreExports['received']
  readonly sent: CoreExports['sent']
  #channel: number
  #error: ChannelError | undefined

  /** @throws ChannelError USE_NO_MEMORY, or what the core finds wrong */
  constructor(core: Core, setup: Setup) {
    this.core = core
    this.setup = setup
    const { onWire } = setup.options
    const { received, sent } = onWire ? tapped(core, setup.role === ROLE_CLIENT, onWire) : core.exports
    this.received = received
    this.sent = sent
    this.#channel = createChannel(core, setup)
    const status = core.exports.status(this.#channel)
    if (status < 0) {
      const error = this.fail(status)
      this.close()
      throw error
    }
  }

  /** The channel's pointer, 0 once it is closed. */
  get place(): number {
    return this.#channel
  }

  /** The channel's pointer. @throws ChannelError USE_CLOSED */
  get open(): number {
    if (this.#channel === 0) throw new ChannelError('USE_CLOSED')
    return this.#channel
  }

  /** The same, unless the channel has failed. @throws ChannelError USE_CLOSED; what sticks */
  get sound(): number {
    const channel = this.open
    if (this.#error) throw this.#error
    return channel
  }

  /** The protocol's version; undefined if a server does not know it yet. */
  get version(): Version | undefined {
    return (this.core.exports.version(this.open) || undefined) as Version | undefined
  }

  /** A random source that failed within the last call ends the channel, and the call throws what the source did. */
  checkDraws(): void {
    this.core.checkDraws(() => this.close())
  }

  /** The error of a status below 0. It sticks if the core's channel has failed with it. */
  fail(status: number): ChannelError {
    const error = errorOf(this.core, this.#channel, this.setup, status)
    return this.core.exports.phase(this.#channel) === PHASE_FAILED ? this.stick(error) : error
  }

  /** The first error stays; it is given back. */
  stick(error: ChannelError): ChannelError {
    this.#error ??= error
    return this.#error
  }

  /** Wipes and frees all that the channel holds in linear memory. */
  close(): void {
    if (this.#channel === 0) return
    this.core.exports.closeChannel(this.#channel)
    this.#channel = 0
  }
}

function createChannel(core: Core, setup: Setup): number {
  const { keyPairs, serverKeys, middleboxKey = NO_KEY, context, role, versions, flags } = setup
  const [own = [], ...otherPairs] = keyPairs.map(it => [it.secretKey, it.publicKey])
  const [serverKey = NO_KEY, ...otherKeys] = serverKeys
  // The order of `createChannel`’s setup (src/wire/abi.ts). A client has one pair, and a server pins nobody.
  const source = new ChunkSource([...own, serverKey, middleboxKey, context, ...otherPairs.flat(), ...otherKeys])
  const { exports, arena } = core
  const channel = core.lend(source.left, pointer => {
    source.copyTo(core.bytes, pointer, source.left)
    const moreKeys = otherPairs.length + otherKeys.length
    return exports.createChannel(arena, role, versions, flags, pointer, context.length, moreKeys)
  })
  core.checkDraws(() => channel && exports.closeChannel(channel))
  if (channel === 0) throw new ChannelError('USE_NO_MEMORY')
  return channel
}

const NO_KEY = new Uint8Array(KEY_BYTES)

/** WebAssembly would take what is none for another number. @throws ChannelError USE_BAD_OPTION */
export function checkLength(length: number): void {
  checkInteger('length', length, 0, 0x7fffffff)
}
