// Version 2: the keys of the hello's and the reject's box. Each is of one message and one hello alone ("Version 2", step 1; "Reject").

import { HELLO_2_BYTES, HELLO_2_EXPECTED_KEY, KEY_BYTES } from "../../src/wire/layout"
import { BOX_KEY_STATE } from "../../src/wire/memory"
import {
  crypto_generichash_final, crypto_generichash_init, crypto_generichash_update
} from "../sodium"
import { Hello2 } from "../wire/hello"

// Laid out in src/wire/memory.ts.
@unmanaged
export class BoxKey {
  get key(): usize { return changetype<usize>(this) }

  /** crypto_generichash(32, "nopki/2 hello" ‖ the hello up to its box, key = shared). */
  deriveHello(shared: usize, hello: Hello2): void {
    store<u64>(this.key, 0x20322f696b706f6e, 0) // "nopki/2 "
    store<u64>(this.key, 0x6f6c6c6568, 8) // "hello"
    this.derive(HELLO_LABEL_BYTES, shared, hello, HELLO_2_EXPECTED_KEY)
  }

  /** crypto_generichash(32, "nopki/2 reject" ‖ the whole hello, key = shared). */
  deriveReject(shared: usize, hello: Hello2): void {
    store<u64>(this.key, 0x20322f696b706f6e, 0) // "nopki/2 "
    store<u64>(this.key, 0x7463656a6572, 8) // "reject"
    this.derive(REJECT_LABEL_BYTES, shared, hello, HELLO_2_BYTES)
  }

  private derive(labelBytes: u32, shared: usize, hello: Hello2, helloBytes: u32): void {
    const state = changetype<usize>(this) + BOX_KEY_STATE
    crypto_generichash_init(state, shared, KEY_BYTES, KEY_BYTES)
    crypto_generichash_update(state, this.key, labelBytes, 0)
    crypto_generichash_update(state, changetype<usize>(hello), helloBytes, 0)
    crypto_generichash_final(state, this.key, KEY_BYTES)
  }
}

const HELLO_LABEL_BYTES: u32 = 13
const REJECT_LABEL_BYTES: u32 = 14
