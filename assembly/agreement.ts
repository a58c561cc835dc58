// X25519: what a secret and a public key agree on, and what seals a box between the two. A pair of keys is multiplied once.

import { KEY_BYTES } from "../src/wire/layout"
import { hostMultiply } from "./host"
import { crypto_core_hsalsa20, crypto_scalarmult, crypto_scalarmult_base } from "./sodium"

/*
 * ┌─────────────┬──────────────┬────────────┐
 * │ shared [32] │ box key [32] │ zeros [16] │
 * └─────────────┴──────────────┴────────────┘
 */
const BOX_KEY: usize = KEY_BYTES
const ZEROS: usize = BOX_KEY + KEY_BYTES
export const PAIR_BYTES: usize = ZEROS + 16

/** A pair of keys, of which we have one secret. Its memory is zero where nothing was written. */
@unmanaged
export class Pair {
  /** The product, as crypto_scalarmult gives it. */
  get shared(): usize { return changetype<usize>(this) }
  /** The key of crypto_box between the two: crypto_box_beforenm. */
  get boxKey(): usize { return changetype<usize>(this) + BOX_KEY }

  /** Works out both. False: the public key is weak. */
  agree(secretKey: usize, publicKey: usize, outside: bool): bool {
    if (!agree(this.shared, secretKey, publicKey, outside)) return false
    this.deriveBoxKey()
    return true
  }

  /** Works out the box key where the product is there already. */
  deriveBoxKey(): void {
    crypto_core_hsalsa20(this.boxKey, changetype<usize>(this) + ZEROS, this.shared)
  }
}

/** The product [32] at `shared`, by the host's X25519 if it may be used and there is one. False: the public key is weak. */
export function agree(shared: usize, secretKey: usize, publicKey: usize, outside: bool): bool {
  const status = outside ? hostMultiply(shared, secretKey, publicKey) : -1
  return (status < 0 ? crypto_scalarmult(shared, secretKey, publicKey) : status) == 0
}

/** The public key [32] of a secret key, likewise. */
export function derivePublic(publicKey: usize, secretKey: usize, outside: bool): void {
  if (!outside || hostMultiply(publicKey, secretKey, 0) < 0) crypto_scalarmult_base(publicKey, secretKey)
}
