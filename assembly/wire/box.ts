// "The encrypted box": 32 bytes of data, sealed.

import { BOX_BYTES, BOX_DATA, BOX_MAC, BOX_NONCE, KEY_BYTES, NONCE_BYTES } from "../../src/wire/layout"
import { random } from "../host"
import { crypto_secretbox_detached, crypto_secretbox_open_detached } from "../sodium"

/*
 * ┌──────────┬──────────┬────────────┐
 * │ data [32]│ mac [16] │ nonce [24] │
 * └──────────┴──────────┴────────────┘
 */
@unmanaged
export class Box {
  get data(): usize { return changetype<usize>(this) + BOX_DATA }
  get mac(): usize { return changetype<usize>(this) + BOX_MAC }
  get nonce(): usize { return changetype<usize>(this) + BOX_NONCE }
}

if (BOX_BYTES != 72) ERROR("the box's layout has changed")

/** Seals the 32 bytes at `data` under `key`, with a nonce drawn anew. */
export function sealBox(box: Box, data: usize, key: usize): void {
  random(box.nonce, NONCE_BYTES)
  crypto_secretbox_detached(box.data, box.mac, data, KEY_BYTES, 0, box.nonce, key)
}

/** Opens a box into the 32 bytes at `data`; false where it does not open under `key`. */
export function openBox(box: Box, data: usize, key: usize): bool {
  return crypto_secretbox_open_detached(data, box.data, box.mac, KEY_BYTES, 0, box.nonce, key) == 0
}
