import { derivePublicKey, drawKeyPair, type KeyPair } from '../../keys/pair.js'
import { loadedCore } from './load.js'

/** Draws a long-term key pair. In a browser, after `await ready()`. @throws ChannelError USE_NOT_LOADED before that */
export function generateKeyPair(): KeyPair {
  return drawKeyPair(loadedCore())
}

/**
 * The public key of a secret key. In a browser, after `await ready()`.
 * @throws ChannelError USE_BAD_KEY unless it is 32 bytes, USE_NOT_LOADED
 */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return derivePublicKey(loadedCore(), secretKey)
}
