import { ChannelError } from '../errors.js'
import { copyOf, isBytes } from '../keys/given.js'
import { checkKeyPair, type KeyPair } from '../keys/pair.js'
import type { Core } from '../wasm/instance.js'
import { HELLO_1_BYTES, HELLO_2_BYTES, KEY_BYTES, REJECT_BYTES } from '../wire/layout.js'
import { STATUS_NO_MEMORY, STATUS_NOT_ADDRESSED, STATUS_VERSION_UNKNOWN, STATUS_WEAK_KEY } from '../wire/status.js'
import { badOption, checkInteger, type Version } from './options.js'

/** What a middlebox learns of a connection. */
export interface Hello {
  version: Version
  /** The public key of the server that the client wants, 32 bytes. */
  wanted: Uint8Array
  /** How many of the received bytes are the hello: these, and all behind them, go to the server unchanged. */
  length: number
}

/**
 * The middlebox without I/O: reads which server a hello names, and refuses what cannot be routed. Clients address it by
 * `middleboxKey`. It keeps nothing of a connection, and cannot read what follows the hello.
 */
export class Router {
  #core: Core
  #keyPair: KeyPair

  /** @throws ChannelError USE_BAD_KEY */
  constructor(core: Core, keyPair: KeyPair) {
    this.#core = core
    this.#keyPair = checkKeyPair(core, keyPair)
  }

  /**
   * Opens the hello that `received` begins with; undefined where more bytes are needed, which is never so beyond 1,292.
   * @throws ChannelError PEER_VERSION, PEER_NOT_ADDRESSED, PEER_WEAK_KEY: the connection has to be dropped without a word
   */
  open(received: Uint8Array): Hello | undefined {
    const hello = firstOf(received)
    return this.#core.lend(2 * KEY_BYTES + hello.length, expected => {
      const secretKey = expected + KEY_BYTES
      const { bytes, exports, arena } = this.#core
      bytes.set(this.#keyPair.secretKey, secretKey)
      bytes.set(hello, secretKey + KEY_BYTES)
      const version = exports.openHello(arena, secretKey, secretKey + KEY_BYTES, hello.length, expected)
      if (version < 0) throw errorOf(version)
      if (version !== 1 && version !== 2) return undefined
      const length = version === 1 ? HELLO_1_BYTES : HELLO_2_BYTES
      return { version, wanted: this.#core.copy(expected, KEY_BYTES), length }
    })
  }

  /**
   * The answer to a hello that `open` has opened but that cannot be served, in place of the challenge ("Reject"). Codes: 2 no route to
   * that key, 3 backend unreachable. Empty for a version 1 hello, which is answered by closing.
   */
  reject(received: Uint8Array, { version }: Hello, code: number): Uint8Array {
    checkInteger('code', code, 0, 0xffff)
    if (version === 1) return new Uint8Array()
    return this.#core.lend(KEY_BYTES + HELLO_2_BYTES + REJECT_BYTES, secretKey => {
      const hello = secretKey + KEY_BYTES
      const reject = hello + HELLO_2_BYTES
      const { bytes, exports, arena } = this.#core
      bytes.set(this.#keyPair.secretKey, secretKey)
      bytes.set(firstOf(received), hello)
      const status = exports.rejectHello(arena, secretKey, hello, code, reject)
      this.#core.checkDraws()
      if (status < 0) throw errorOf(status)
      return this.#core.copy(reject, REJECT_BYTES)
    })
  }
}

/** A hello, or as much of it as there is. */
function firstOf(received: unknown): Uint8Array {
  if (!isBytes(received)) throw badOption('received', received, 'a Uint8Array')
  return copyOf(received).subarray(0, HELLO_2_BYTES)
}

function errorOf(status: number): ChannelError {
  switch (status) {
    case STATUS_VERSION_UNKNOWN:
      return new ChannelError('PEER_VERSION', 'the client’s first four bytes are no version of this protocol')
    case STATUS_NOT_ADDRESSED:
      return new ChannelError('PEER_NOT_ADDRESSED', 'the hello is not addressed to this middlebox', {
        next: 'give this middlebox’s public key to the client: ?middlebox=pk_… in its address; if it is there, both ends need the same release',
      })
    case STATUS_WEAK_KEY:
      return new ChannelError('PEER_WEAK_KEY', 'the client’s hello has a key that no honest program makes')
    case STATUS_NO_MEMORY:
      return new ChannelError('USE_NO_MEMORY')
    default:
      throw new Error(`the core returned status ${status}, which nothing describes`)
  }
}
