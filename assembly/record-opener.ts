// Opens the records of one direction by its key, without a channel: what a key log is for.

import { KEY_BYTES } from "../src/wire/layout"
import { CIPHER_BYTES } from "../src/wire/memory"
import { Cipher, startSecretstream } from "./cipher"
import { Arena, allocate, wipeStack } from "./memory"

/** The cipher that a direction starts with, or null where memory has run out. Version 1: `header` [24] is its stream header. */
export function newOpener(arena: Arena, version: u32, key: usize, header: usize): Cipher {
  const cipher = changetype<Cipher>(allocate(arena, CIPHER_BYTES))
  if (changetype<usize>(cipher) == 0) return cipher
  cipher.version = version
  memory.copy(cipher.key, key, KEY_BYTES)
  if (version == 1) startSecretstream(cipher, header)
  wipeStack()
  return cipher
}
