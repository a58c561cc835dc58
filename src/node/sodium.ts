import { createRequire } from 'node:module'
import type { RecordCipher } from '../core/records.js'
import { MAC_BYTES } from '../wire/layout.js'

/** The part of sodium-native that is used: libsodium, compiled for this machine. */
interface Sodium {
  crypto_aead_chacha20poly1305_ietf_encrypt(
    out: Uint8Array,
    message: Uint8Array,
    additional: Uint8Array,
    unused: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
  crypto_aead_chacha20poly1305_ietf_decrypt(
    out: Uint8Array,
    unused: null,
    sealed: Uint8Array,
    additional: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
}

/** ChaCha20-Poly1305 by the package sodium-native; undefined where it is not installed, or has no build for this machine. */
export function sodiumCipher(from = GAINS_FROM): RecordCipher | undefined {
  const sodium = load()
  if (!sodium) return undefined
  return {
    name: 'sodium-native',
    from,
    seal(key, nonce, additional, parts) {
      const message = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
      const sealed = Buffer.allocUnsafe(message.length + MAC_BYTES)
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, message, additional, null, nonce, key)
      return [sealed]
    },
    open(key, nonce, additional, sealed) {
      const opened = Buffer.allocUnsafe(sealed.length - MAC_BYTES)
      try {
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(opened, null, sealed, additional, nonce, key)
      } catch {
        return undefined
      }
      return opened
    },
  }
}

function load(): Sodium | undefined {
  try {
    return createRequire(import.meta.url)('sodium-native')
  } catch {
    return undefined
  }
}

// A call costs about a microsecond, and new memory: measured in Bun.
const GAINS_FROM = 2048
