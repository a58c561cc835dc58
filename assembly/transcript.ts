// Version 2's running state: h, the hash of everything said so far, and ck, the chaining key. "Version 2", mixHash to split.

import { HASH_BYTES, KEY_BYTES } from "../src/wire/layout"
import { TRANSCRIPT_BOX_KEY, TRANSCRIPT_CHAINING_KEY, TRANSCRIPT_HASH, TRANSCRIPT_STATE } from "../src/wire/memory"
import {
  crypto_generichash, crypto_generichash_final, crypto_generichash_init, crypto_generichash_update
} from "./sodium"

// Laid out in src/wire/memory.ts.
@unmanaged
export class Transcript {
  get h(): usize { return changetype<usize>(this) + TRANSCRIPT_HASH }
  get ck(): usize { return changetype<usize>(this) + TRANSCRIPT_CHAINING_KEY }
  get boxKey(): usize { return changetype<usize>(this) + TRANSCRIPT_BOX_KEY }
  private get state(): usize { return changetype<usize>(this) + TRANSCRIPT_STATE }

  /** h = TRANSCRIPT_H(protocol name); ck = h. */
  start(): void {
    const name = this.state
    store<u64>(name, 0x20322f696b706f6e, 0) // "nopki/2 "
    store<u64>(name, 0x4d20393135353258, 8) // "X25519 M"
    store<u64>(name, 0x36372d4d454b2d4c, 16) // "L-KEM-76"
    store<u64>(name, 0x61736c6153582038, 24) // "8 XSalsa"
    store<u64>(name, 0x31796c6f502d3032, 32) // "20-Poly1"
    store<u64>(name, 0x4361684320353033, 40) // "305 ChaC"
    store<u64>(name, 0x6c6f502d30326168, 48) // "ha20-Pol"
    store<u64>(name, 0x4c42203530333179, 56) // "y1305 BL"
    store<u64>(name, 0x6232454b41, 64) // "AKE2b"
    crypto_generichash(this.h, HASH_BYTES, name, NAME_BYTES, 0, 0, 0)
    memory.copy(this.ck, this.h, KEY_BYTES)
  }

  /** h = TRANSCRIPT_H(h ‖ x). */
  mixHash(x: usize, length: u32): void {
    crypto_generichash_init(this.state, 0, 0, HASH_BYTES)
    crypto_generichash_update(this.state, this.h, HASH_BYTES, 0)
    crypto_generichash_update(this.state, x, length, 0)
    crypto_generichash_final(this.state, this.h, HASH_BYTES)
  }

  /** o = KDF(ck, x ‖ h); ck = o[0..32]; the box key is o[32..64]. */
  mixKey(x: usize, length: u32): void {
    crypto_generichash_init(this.state, this.ck, KEY_BYTES, 2 * KEY_BYTES)
    if (length) crypto_generichash_update(this.state, x, length, 0)
    crypto_generichash_update(this.state, this.h, HASH_BYTES, 0)
    crypto_generichash_final(this.state, this.ck, 2 * KEY_BYTES)
  }

  /** KDF(ck, h) into the 64 bytes at `keys`: client to server, server to client. */
  split(keys: usize): void {
    crypto_generichash(keys, 2 * KEY_BYTES, this.h, HASH_BYTES, 0, this.ck, KEY_BYTES)
  }

  /** KDF(ck, h ‖ "exporter")[0..32] into the 32 bytes at `secret`. */
  exporter(secret: usize): void {
    const label = this.boxKey
    store<u64>(label, 0x726574726f707865) // "exporter"
    crypto_generichash_init(this.state, this.ck, KEY_BYTES, 2 * KEY_BYTES)
    crypto_generichash_update(this.state, this.h, HASH_BYTES, 0)
    crypto_generichash_update(this.state, label, sizeof<u64>(), 0)
    crypto_generichash_final(this.state, this.ck, 2 * KEY_BYTES)
    memory.copy(secret, this.ck, KEY_BYTES)
  }
}

const NAME_BYTES: u32 = 69
