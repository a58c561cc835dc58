// X25519: what a secret and a public key agree on.

import { hostMultiply } from "./host"
import { crypto_scalarmult, crypto_scalarmult_base } from "./sodium"

/** The product [32] at `shared`, by the host's X25519 if it may be used and there is one. False: the public key is weak. */
export function agree(shared: usize, secretKey: usize, publicKey: usize, outside: bool): bool {
  const status = outside ? hostMultiply(shared, secretKey, publicKey) : -1
  return (status < 0 ? crypto_scalarmult(shared, secretKey, publicKey) : status) == 0
}

/** The public key [32] of a secret key, likewise. */
export function derivePublic(publicKey: usize, secretKey: usize, outside: bool): void {
  if (!outside || hostMultiply(publicKey, secretKey, 0) < 0) crypto_scalarmult_base(publicKey, secretKey)
}
