import { createRequire } from 'node:module'
import type { Multiplier, RecordCipher } from '../core/primitives.js'
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
  crypto_scalarmult(out: Uint8Array, secretKey: Uint8Array, publicKey: Uint8Array): void
  crypto_scalarmult_base(publicKey: Uint8Array, secretKey: Uint8Array): void
}

/** ChaCha20-Poly1305 by the package sodium-native; undefined where it is not installed, or has no build for this machine. */
export function sodiumCipher(from = GAINS_FROM): RecordCipher | undefined {
  const sodium = load()
  if (!sodium) return undefined
  return {
    name: 'sodium-native',
    from,
    fit: most => most,
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

/** X25519 by the package sodium-native, likewise: in less than half the time that wasm takes. */
export function sodiumMultiplier(): Multiplier | undefined {
  const sodium = load()
  if (!sodium) return undefined
  return {
    name: 'sodium-native',
    multiply(out, secretKey, publicKey) {
      try {
        if (publicKey) sodium.crypto_scalarmult(out, secretKey, publicKey)
        else sodium.crypto_scalarmult_base(out, secretKey)
        return true
      } catch {
        return false
      }
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
