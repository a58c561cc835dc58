// X25519: what a secret and a public key agree on.

import { hostMultiply } from "./host"
import { crypto_box_beforenm, crypto_scalarmult, crypto_scalarmult_base } from "./sodium"

/**
 * The product [32] at `shared`, by the host's X25519 if it may be used and there is one. False: the public key is weak, or not
 * canonical.
 */
export function agree(shared: usize, secretKey: usize, publicKey: usize, outside: bool): bool {
  if (!isCanonical(publicKey)) return false
  const status = outside ? hostMultiply(shared, secretKey, publicKey) : -1
  return (status < 0 ? crypto_scalarmult(shared, secretKey, publicKey) : status) == 0
}

/** "Sealed to a public key": the key [32] at `boxKey`. False as of `agree`. */
export function agreeOnBoxKey(boxKey: usize, publicKey: usize, secretKey: usize): bool {
  return isCanonical(publicKey) && crypto_box_beforenm(boxKey, publicKey, secretKey) == 0
}

/**
 * Whether a public key [32] is below 2^255 - 19. X25519 takes one that is not for another key, so that one secret key would have
 * several public keys: a list of keys would not know all of them.
 */
export function isCanonical(publicKey: usize): bool {
  const top = load<u64>(publicKey, 24)
  if (top != 0x7fffffffffffffff) return top < 0x7fffffffffffffff
  return (load<u64>(publicKey, 8) & load<u64>(publicKey, 16)) != u64.MAX_VALUE || load<u64>(publicKey) < 0xffffffffffffffed
}

/** The public key [32] of a secret key, likewise. */
export function derivePublic(publicKey: usize, secretKey: usize, outside: bool): void {
  if (!outside || hostMultiply(publicKey, secretKey, 0) < 0) crypto_scalarmult_base(publicKey, secretKey)
}
