// The middlebox: reads which server a hello names, and refuses what it cannot route. It takes no other part in a handshake, and keeps
// nothing of one.

import { EVENT_NONE } from "../../src/wire/abi"
import { HELLO_1_BYTES, HELLO_2_BYTES, KEY_BYTES, VERSION_1, VERSION_2, VERSION_BYTES } from "../../src/wire/layout"
import { BOX_KEY_BYTES } from "../../src/wire/memory"
import { STATUS_NOT_ADDRESSED, STATUS_NO_MEMORY, STATUS_VERSION_UNKNOWN, STATUS_WEAK_KEY } from "../../src/wire/status"
import { agree, agreeOnBoxKey, isCanonical } from "../agreement"
import { Arena, allZero, allocate, release, wipeStack } from "../memory"
import { openBox } from "../wire/box"
import { Hello1, Hello2 } from "../wire/hello"
import { Reject } from "../wire/reject"
import { BoxKey } from "./box-key"
import { sealReject } from "./reject"

/*
 * Scratch:
 * ┌─────────────┬───────────┬─────────┐
 * │ shared [32] │ data [32] │ box key │
 * └─────────────┴───────────┴─────────┘
 */
const DATA: usize = KEY_BYTES
const BOX_KEY: usize = DATA + KEY_BYTES
const SCRATCH_BYTES: usize = BOX_KEY + BOX_KEY_BYTES

/**
 * Opens the box of the hello that `length` received bytes begin with, into `expected` [32]. Returns the hello's version, EVENT_NONE
 * where it has not come whole, or a status.
 */
export function openHello(arena: Arena, secretKey: usize, hello: usize, length: u32, expected: usize): i32 {
  if (length < <u32>VERSION_BYTES) return EVENT_NONE
  const version = versionOf(hello)
  if (!version) return STATUS_VERSION_UNKNOWN
  if (length < <u32>(version == 1 ? HELLO_1_BYTES : HELLO_2_BYTES)) return EVENT_NONE
  const scratch = allocate(arena, SCRATCH_BYTES)
  if (!scratch) return STATUS_NO_MEMORY
  const status = version == 1
    ? openExpectedKey1(changetype<Hello1>(hello), secretKey, expected, scratch)
    : openExpectedKey2(changetype<Hello2>(hello), secretKey, expected, scratch)
  release(arena, scratch, SCRATCH_BYTES)
  wipeStack()
  return status < 0 ? status : version
}

/** "Reject": the answer to a version 2 hello that opened, at `reject` [76]. */
export function rejectHello(arena: Arena, secretKey: usize, hello: usize, code: u32, reject: usize): i32 {
  const scratch = allocate(arena, SCRATCH_BYTES)
  if (!scratch) return STATUS_NO_MEMORY
  const two = changetype<Hello2>(hello)
  const agreed = agree(scratch, secretKey, two.sessionKey, true)
  if (agreed) {
    const boxKey = changetype<BoxKey>(scratch + BOX_KEY)
    boxKey.deriveReject(scratch, two)
    sealReject(changetype<Reject>(reject), code, scratch + DATA, boxKey)
  }
  release(arena, scratch, SCRATCH_BYTES)
  wipeStack()
  return agreed ? 0 : STATUS_WEAK_KEY
}

/** 1 or 2, or 0 where the first four bytes are neither's. */
function versionOf(hello: usize): i32 {
  const version = changetype<Hello1>(hello).version
  if (version == VERSION_1) return 1
  return version == VERSION_2 ? 2 : 0
}

function openExpectedKey1(hello: Hello1, secretKey: usize, expected: usize, shared: usize): i32 {
  if (!agreeOnBoxKey(shared, hello.sessionKey, secretKey)) return STATUS_WEAK_KEY
  return openBox(hello.expectedKey, expected, shared) ? checkName(expected) : STATUS_NOT_ADDRESSED
}

function openExpectedKey2(hello: Hello2, secretKey: usize, expected: usize, scratch: usize): i32 {
  if (!agree(scratch, secretKey, hello.sessionKey, true)) return STATUS_WEAK_KEY
  const boxKey = changetype<BoxKey>(scratch + BOX_KEY)
  boxKey.deriveHello(scratch, hello)
  return openBox(hello.expectedKey, expected, boxKey.key) ? checkName(expected) : STATUS_NOT_ADDRESSED
}

/** A hello that names what is no key can be routed nowhere. */
function checkName(expected: usize): i32 {
  return isCanonical(expected) && !allZero(expected, KEY_BYTES) ? 0 : STATUS_WEAK_KEY
}
