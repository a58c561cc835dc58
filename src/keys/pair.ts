import { ChannelError } from '../errors.js'
import type { Core } from '../wasm/instance.js'
import { HASH_BYTES, KEY_BYTES } from '../wire/layout.js'
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

/** The copies made here, with what each is of. */
const copies = new WeakMap<object, object>()

/** A pair as it is now, in a copy that only this package has. @throws ChannelError USE_BAD_KEY unless it is two keys */
export function copyKeyPair(pair: unknown, name = 'keyPair'): KeyPair {
  if (typeof pair !== 'object' || pair === null) {
    throw new ChannelError('USE_BAD_KEY', `${name} is missing`, {
      next: 'give generateKeyPair()’s result, or keys you keep',
    })
  }
  if (copies.has(pair)) return pair as KeyPair
  const secretKey = checkKey(given(pair, 'secretKey'), `${name}.secretKey`)
  const copy = Object.freeze({ publicKey: checkPublicKey(given(pair, 'publicKey'), `${name}.publicKey`), secretKey })
  copies.set(copy, pair)
  return copy
}

/** One copy more of such a copy, for what wipes its own. */
export function copyAgain(copy: KeyPair): KeyPair {
  const another = Object.freeze({ publicKey: copy.publicKey, secretKey: copy.secretKey.slice() })
  copies.set(another, copies.get(copy) ?? copy)
  return another
}

/** As `copyKeyPair`. @throws ChannelError USE_BAD_KEY unless the two keys belong together */
export function checkKeyPair(core: Core, pair: unknown): KeyPair {
  const copy = copyKeyPair(pair)
  const from = copies.get(copy) ?? copy
  const name = nameOf(core, copy)
  if (found.get(from) !== name) checkWhole(core, copy)
  found.set(from, name)
  return copy
}

function checkWhole(core: Core, copy: KeyPair): void {
  const derived = derivePublicKey(core, copy.secretKey)
  if (derived.some((byte, at) => byte !== copy.publicKey[at])) {
    throw new ChannelError('USE_BAD_KEY', 'keyPair.publicKey is not the public key of keyPair.secretKey')
  }
}

/** A name for what the two keys are now, which is no key: who looks at it learns nothing of them. */
function nameOf(core: Core, { publicKey, secretKey }: KeyPair): string {
  nameKey ??= crypto.getRandomValues(new Uint8Array(KEY_BYTES))
  const key = nameKey
  return core.lend(3 * KEY_BYTES + HASH_BYTES, pair => {
    core.bytes.set(secretKey, pair)
    core.bytes.set(publicKey, pair + KEY_BYTES)
    core.bytes.set(key, pair + 2 * KEY_BYTES)
    core.exports.namePair(pair + 3 * KEY_BYTES, pair, pair + 2 * KEY_BYTES)
    return String(core.view(pair + 3 * KEY_BYTES, HASH_BYTES))
  })
}

/** Of the pairs that were found whole, by the object that they came in: who connects again gives the same. */
const found = new WeakMap<object, string>()
let nameKey: Uint8Array | undefined
