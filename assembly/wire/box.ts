// "The encrypted box": 32 bytes of data, sealed.

import { BOX_BYTES, BOX_DATA, BOX_MAC, BOX_NONCE, KEY_BYTES, NONCE_BYTES } from "../../src/wire/layout"
import { random } from "../host"
import { maskIfZero } from "../memory"
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

/**
 * The same without a branch: all ones if the box opens, else 0. The first 32 of the 64 bytes at `data` are what it holds, if it does;
 * `mac` is scratch [16]. To seal what was sealed is to open it; and once more gives the tag that the box ought to have.
 */
export function openBlind(box: Box, data: usize, key: usize, mac: usize): u64 {
  const again = data + KEY_BYTES
  crypto_secretbox_detached(data, mac, box.data, KEY_BYTES, 0, box.nonce, key)
  crypto_secretbox_detached(again, mac, data, KEY_BYTES, 0, box.nonce, key)
  return maskIfZero((load<u64>(mac) ^ load<u64>(box.mac)) | (load<u64>(mac, 8) ^ load<u64>(box.mac, 8)))
}
