// The middlebox: reads which server a hello names, and refuses what it cannot route. It takes no other part in a handshake, and keeps
// nothing of one.

import { EVENT_NONE } from "../../src/wire/abi"
import { HELLO_1_BYTES, HELLO_2_BYTES, KEY_BYTES, VERSION_1, VERSION_2, VERSION_BYTES } from "../../src/wire/layout"
import { STATUS_NOT_ADDRESSED, STATUS_NO_MEMORY, STATUS_VERSION_UNKNOWN, STATUS_WEAK_KEY } from "../../src/wire/status"
import { PAIR_BYTES, Pair } from "../agreement"
import { Arena, allocate, release, wipeStack } from "../memory"
import { openBox } from "../wire/box"
import { Hello1, Hello2 } from "../wire/hello"
import { Reject } from "../wire/reject"
import { sealReject } from "./hello"

/**
 * Opens the box of the hello that `length` received bytes begin with, into `expected` [32]. Returns the hello's version, EVENT_NONE
 * where it has not come whole, or a status.
 */
export function openHello(arena: Arena, secretKey: usize, hello: usize, length: u32, expected: usize): i32 {
  if (length < <u32>VERSION_BYTES) return EVENT_NONE
  const version = versionOf(hello)
  if (!version) return STATUS_VERSION_UNKNOWN
  if (length < <u32>(version == 1 ? HELLO_1_BYTES : HELLO_2_BYTES)) return EVENT_NONE
  const pair = changetype<Pair>(allocate(arena, PAIR_BYTES))
  if (changetype<usize>(pair) == 0) return STATUS_NO_MEMORY
  const status = openExpectedKey(hello, version, secretKey, pair, expected)
  release(arena, changetype<usize>(pair), PAIR_BYTES)
  wipeStack()
  return status < 0 ? status : version
}

/** "Reject": the answer to a version 2 hello that opened, at `reject` [76]. */
export function rejectHello(arena: Arena, secretKey: usize, hello: usize, code: u32, reject: usize): i32 {
  const scratch = allocate(arena, PAIR_BYTES + KEY_BYTES)
  if (!scratch) return STATUS_NO_MEMORY
  const pair = changetype<Pair>(scratch)
  const agreed = pair.agree(secretKey, changetype<Hello2>(hello).sessionKey, true)
  if (agreed) sealReject(changetype<Reject>(reject), code, scratch + PAIR_BYTES, pair.boxKey)
  release(arena, scratch, PAIR_BYTES + KEY_BYTES)
  wipeStack()
  return agreed ? 0 : STATUS_WEAK_KEY
}

/** 1 or 2, or 0 where the first four bytes are neither's. */
function versionOf(hello: usize): i32 {
  const version = changetype<Hello1>(hello).version
  if (version == VERSION_1) return 1
  return version == VERSION_2 ? 2 : 0
}

function openExpectedKey(hello: usize, version: i32, secretKey: usize, pair: Pair, expected: usize): i32 {
  const one = changetype<Hello1>(hello)
  const two = changetype<Hello2>(hello)
  if (!pair.agree(secretKey, version == 1 ? one.sessionKey : two.sessionKey, true)) return STATUS_WEAK_KEY
  return openBox(version == 1 ? one.expectedKey : two.expectedKey, expected, pair.boxKey) ? 0 : STATUS_NOT_ADDRESSED
}
