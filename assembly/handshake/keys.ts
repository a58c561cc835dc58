// "Several keys": which of its long-term keys a server proves, and which keys a client accepts. A server tries all of its keys on every
// hello, and selects by masks: neither the time that it takes nor the memory that it touches tells which of them was meant.

import { OPTION_IGNORE_STRANGERS_1, OPTION_IGNORE_STRANGERS_2 } from "../../src/wire/abi"
import { KEY_BYTES } from "../../src/wire/layout"
import { STATUS_EXPECTED_OTHER, STATUS_NOT_ADDRESSED, STATUS_NO_MEMORY, STATUS_WEAK_KEY } from "../../src/wire/status"
import { agree, agreeOnBoxKey } from "../agreement"
import { Channel } from "../channel"
import { allocate, maskIfEqual, mergeKey, release, wipe } from "../memory"
import { Box, openBlind } from "../wire/box"
import { Hello2 } from "../wire/hello"
import { Step } from "./step"

/**
 * Server: takes up the key pair that the hello's box names; `step.longTermShared` is left holding what its secret key and the client's
 * session key share. A box that has not opened was meant for a middlebox, or names nobody: then it is the first pair, unless strangers
 * are ignored. A box that names none of our keys is refused, and what the key that opened it shares is left.
 * Returns EXPECTED_THIS, EXPECTED_UNKNOWN or a status.
 */
export function takeUpKey(channel: Channel, hello: Hello2, box: Box, step: Step): i32 {
  const bytes = <usize>(channel.handshake.more + 1) * KEY_BYTES
  const products = allocate(channel.arena, bytes)
  if (!products) return STATUS_NO_MEMORY
  const status = tryKeys(channel, hello, box, step, products)
  release(channel.arena, products, bytes)
  return status
}

/** Client: whether the key [32] is one of those that it accepts. */
export function isAccepted(channel: Channel, key: usize): bool {
  const handshake = channel.handshake
  let accepted = maskIfEqual(key, handshake.expected)
  for (let at: u32 = 0; at < handshake.more; at++) accepted |= maskIfEqual(key, handshake.moreKeys + at * KEY_BYTES)
  return accepted != 0
}

/** What a secret key and the hello's session key share is kept in `products`, 32 bytes a key. */
function tryKeys(channel: Channel, hello: Hello2, box: Box, step: Step, products: usize): i32 {
  const handshake = channel.handshake
  let opened: u64 = 0
  wipe(step.key, KEY_BYTES)
  wipe(step.longTermShared, KEY_BYTES)
  for (let at: u32 = 0; at <= handshake.more; at++) {
    const shared = products + at * KEY_BYTES
    if (!agreeOnHello(channel, shared, handshake.pairAt(at), hello)) return STATUS_WEAK_KEY
    // All products of a weak session key are zero alike. Of several keys that open a box, the first counts.
    const first = openUnder(channel, hello, box, shared, step) & ~opened
    mergeKey(step.key, step.seed, first)
    mergeKey(step.longTermShared, shared, first)
    opened |= first
  }
  const ignored = channel.version == 1 ? OPTION_IGNORE_STRANGERS_1 : OPTION_IGNORE_STRANGERS_2
  // From here on, what is branched on is what an answer, or none, tells everybody.
  if (!opened && channel.has(ignored)) return STATUS_NOT_ADDRESSED
  if (!select(channel, step, products, opened)) return STATUS_EXPECTED_OTHER
  return opened ? EXPECTED_THIS : EXPECTED_UNKNOWN
}

/** Takes up the pair whose public key is `step.key`; the first one, if the box has not opened. False: there is none. */
function select(channel: Channel, step: Step, products: usize, opened: u64): bool {
  const handshake = channel.handshake
  const chosen = step.seed
  const shared = step.shared
  let found: u64 = 0
  let index: u64 = 0
  wipe(chosen, 2 * KEY_BYTES)
  for (let at: u32 = 0; at <= handshake.more; at++) {
    const pair = handshake.pairAt(at)
    const named = maskIfEqual(step.key, pair + KEY_BYTES)
    const mask = (opened & named) | (at == 0 ? ~opened : 0)
    mergeKey(chosen, pair, mask)
    mergeKey(chosen + KEY_BYTES, pair + KEY_BYTES, mask)
    mergeKey(shared, products + at * KEY_BYTES, mask)
    index |= at & mask
    found |= mask
  }
  if (!found) return false
  memory.copy(handshake.secretKey, chosen, 2 * KEY_BYTES)
  memory.copy(step.longTermShared, shared, KEY_BYTES)
  channel.keyIndex = <u32>index
  return true
}

/** As version 1's crypto_box_beforenm, or version 2's product. */
function agreeOnHello(channel: Channel, shared: usize, secretKey: usize, hello: Hello2): bool {
  return channel.version == 1
    ? agreeOnBoxKey(shared, hello.sessionKey, secretKey)
    : agree(shared, secretKey, hello.sessionKey, channel.outside)
}

/** All ones if the box opens under this product. What it holds, if it does, is left in `step.seed` [32]. */
function openUnder(channel: Channel, hello: Hello2, box: Box, shared: usize, step: Step): u64 {
  if (channel.version == 1) return openBlind(box, step.seed, shared, step.kem)
  step.boxKey.deriveHello(shared, hello)
  return openBlind(box, step.seed, step.boxKey.key, step.kem)
}

export const EXPECTED_UNKNOWN = 0
export const EXPECTED_THIS = 1
