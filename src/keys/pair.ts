import { ChannelError } from '../errors.js'
import type { Core } from '../wasm/instance.js'
import { KEY_BYTES } from '../wire/layout.js'
import { given } from './given.js'
import { checkKey, checkPublicKey } from './text.js'

/** A long-term X25519 key pair. */
export interface KeyPair {
  /** 32 bytes, for everyone to know. */
  publicKey: Uint8Array
  /** 32 bytes, for nobody else to know. */
  secretKey: Uint8Array
}

/** Draws a long-term key pair. */
export function drawKeyPair(core: Core): KeyPair {
  return core.lend(2 * KEY_BYTES, pair => {
    core.exports.drawKeyPair(pair)
    core.checkDraws()
    return { publicKey: core.copy(pair + KEY_BYTES, KEY_BYTES), secretKey: core.copy(pair, KEY_BYTES) }
  })
}

/** The public key of a secret key. @throws ChannelError USE_BAD_KEY unless it is 32 bytes */
export function derivePublicKey(core: Core, secretKey: Uint8Array): Uint8Array {
  const secret = checkKey(secretKey, 'secret key')
  return core.lend(2 * KEY_BYTES, pair => {
    core.bytes.set(secret, pair)
    core.exports.derivePublicKey(pair)
    return core.copy(pair + KEY_BYTES, KEY_BYTES)
  })
}

/** The copies made here, and whether one was found whole: a server checks its own once, not with every connection. */
const copies = new WeakMap<object, boolean>()

/** A pair as it is now, in a copy that only this package has. @throws ChannelError USE_BAD_KEY unless it is two keys */
export function copyKeyPair(pair: unknown): KeyPair {
  if (typeof pair !== 'object' || pair === null) {
    throw new ChannelError('USE_BAD_KEY', 'keyPair is missing', {
      next: 'give generateKeyPair()’s result, or keys you keep',
    })
  }
  if (copies.has(pair)) return pair as KeyPair
  const secretKey = checkKey(given(pair, 'secretKey'), 'keyPair.secretKey')
  const copy = Object.freeze({ publicKey: checkPublicKey(given(pair, 'publicKey'), 'keyPair.publicKey'), secretKey })
  copies.set(copy, false)
  return copy
}

/** As `copyKeyPair`. @throws ChannelError USE_BAD_KEY unless the two keys belong together */
export function checkKeyPair(core: Core, pair: unknown): KeyPair {
  const copy = copyKeyPair(pair)
  if (copies.get(copy)) return copy
  const derived = derivePublicKey(core, copy.secretKey)
  if (derived.some((byte, at) => byte !== copy.publicKey[at])) {
    throw new ChannelError('USE_BAD_KEY', 'keyPair.publicKey is not the public key of keyPair.secretKey')
  }
  copies.set(copy, true)
  return copy
}
