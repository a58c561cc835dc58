import type { Core } from '../core/core.js'
import { ChannelError } from '../errors.js'
import { KEY_BYTES } from '../wire/layout.js'
import { checkKey } from './text.js'

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
    return { publicKey: core.copy(pair + KEY_BYTES, KEY_BYTES), secretKey: core.copy(pair, KEY_BYTES) }
  })
}

/** The public key of a secret key. @throws ChannelError USE_BAD_KEY unless it is 32 bytes */
export function derivePublicKey(core: Core, secretKey: Uint8Array): Uint8Array {
  checkKey(secretKey, 'secret key')
  return core.lend(2 * KEY_BYTES, pair => {
    core.bytes.set(secretKey, pair)
    core.exports.derivePublicKey(pair)
    return core.copy(pair + KEY_BYTES, KEY_BYTES)
  })
}

/** Pairs that were found whole: a server checks its own once, not with every connection. */
const checked = new WeakSet<KeyPair>()

/** @throws ChannelError USE_BAD_KEY unless the two keys belong together */
export function checkKeyPair(core: Core, pair: unknown): KeyPair {
  if (typeof pair !== 'object' || pair === null) {
    throw new ChannelError('USE_BAD_KEY', 'keyPair is missing', {
      next: 'give generateKeyPair()’s result, or keys you keep',
    })
  }
  const keyPair = pair as KeyPair
  if (checked.has(keyPair)) return keyPair
  checkKey(keyPair.secretKey, 'keyPair.secretKey')
  checkKey(keyPair.publicKey, 'keyPair.publicKey')
  const derived = derivePublicKey(core, keyPair.secretKey)
  if (derived.some((byte, at) => byte !== keyPair.publicKey[at])) {
    throw new ChannelError('USE_BAD_KEY', 'keyPair.publicKey is not the public key of keyPair.secretKey')
  }
  checked.add(keyPair)
  return keyPair
}
