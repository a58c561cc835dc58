// What both versions' hellos share: the session key pair, the box that only the addressed key opens, and the reject.

import { OPTION_IGNORE_STRANGERS, OPTION_MIDDLEBOX_KEY, OPTION_SERVER_KEY, ROLE_CLIENT } from "../../src/wire/abi"
import { KEY_BYTES, REJECT_BYTES, VERSION_REJECT } from "../../src/wire/layout"
import {
  STATUS_EXPECTED_OTHER, STATUS_NO_MEMORY, STATUS_NOT_ADDRESSED, STATUS_WEAK_KEY
} from "../../src/wire/status"
import { agree, derivePublic } from "../agreement"
import { Channel } from "../channel"
import { random } from "../host"
import { allZero, equalKeys, wipe } from "../memory"
import { Box, openBox, sealBox } from "../wire/box"
import { Reason, Reject } from "../wire/reject"
import { commitMessage, reserve } from "../writer"
import { Step } from "./step"

/** Draws a session key pair for this connection. */
export function drawSession(channel: Channel): void {
  const handshake = channel.handshake
  random(handshake.sessionSecret, KEY_BYTES)
  derivePublic(handshake.sessionPublic, handshake.sessionSecret, channel.outside)
}

/**
 * Settles which key the hello names and which key it is sealed to. A client that knows no server key names a random one, and one
 * that knows no middlebox either seals to a random one, so that its hello looks like any other.
 */
export function settleKeys(channel: Channel, step: Step): void {
  const handshake = channel.handshake
  if (!channel.has(OPTION_SERVER_KEY)) drawPublicKey(handshake.expected, step, channel.outside)
  if (channel.has(OPTION_MIDDLEBOX_KEY)) return
  if (channel.has(OPTION_SERVER_KEY)) memory.copy(handshake.addressed, handshake.expected, KEY_BYTES)
  else drawPublicKey(handshake.addressed, step, channel.outside)
}

/** Seals the expected key, from the session key to the addressed key. */
export function sealExpectedKey(box: Box, channel: Channel): i32 {
  const handshake = channel.handshake
  const pair = handshake.addressedPair
  if (!pair.agree(handshake.sessionSecret, handshake.addressed, channel.outside)) return STATUS_WEAK_KEY
  sealBox(box, handshake.expected, pair.boxKey)
  return 0
}

/** Our session key and the peer's long-term key, into `step.pair`'s product. A client has sealed its hello to that key, as a rule. */
export function agreeWithPeer(channel: Channel, step: Step): bool {
  const handshake = channel.handshake
  const shared = step.pair.shared
  if (channel.role != ROLE_CLIENT || !equalKeys(channel.peerKey, handshake.addressed)) {
    return agree(shared, handshake.sessionSecret, channel.peerKey, channel.outside)
  }
  memory.copy(shared, handshake.addressedPair.shared, KEY_BYTES)
  return true
}

/**
 * Opens a hello's box with the server's long-term key. One that does not open was meant for a middlebox, and the server goes on,
 * unless it ignores strangers. One that names another key is refused. `step.pair` is left holding that key and the client's. Returns
 * EXPECTED_THIS, EXPECTED_UNKNOWN or a status.
 */
export function checkExpectedKey(channel: Channel, box: Box, sessionKey: usize, step: Step): i32 {
  const handshake = channel.handshake
  if (!step.pair.agree(handshake.secretKey, sessionKey, channel.outside)) return STATUS_WEAK_KEY
  if (!openBox(box, step.key, step.pair.boxKey)) {
    return channel.has(OPTION_IGNORE_STRANGERS) ? STATUS_NOT_ADDRESSED : EXPECTED_UNKNOWN
  }
  return equalKeys(step.key, handshake.publicKey) ? EXPECTED_THIS : STATUS_EXPECTED_OTHER
}

/** "Reject": sealed with `step.pair`, our long-term and the client's session key. */
export function writeReject(channel: Channel, code: u32, step: Step): i32 {
  const message = reserve(channel.arena, channel.writer)
  if (!message) return STATUS_NO_MEMORY
  sealReject(changetype<Reject>(message), code, step.key, step.pair.boxKey)
  commitMessage(channel.writer, REJECT_BYTES)
  return 0
}

/** A reject, sealed with a pair's box key. `data` is scratch [32]. */
export function sealReject(reject: Reject, code: u32, data: usize, boxKey: usize): void {
  reject.version = VERSION_REJECT
  wipe(data, KEY_BYTES)
  changetype<Reason>(data).code = code
  sealBox(reject.box, data, boxKey)
}

/** Whether a reject is genuine: its box opens under the key that the hello was addressed to. The code is kept. */
export function openReject(channel: Channel, reject: Reject, step: Step): bool {
  const handshake = channel.handshake
  if (!channel.has(OPTION_SERVER_KEY | OPTION_MIDDLEBOX_KEY)) return false
  if (!openBox(reject.box, step.key, handshake.addressedPair.boxKey)) return false
  const reason = changetype<Reason>(step.key)
  if (!allZero(reason.zeros, KEY_BYTES - 2)) return false
  channel.rejectCode = reason.code
  return true
}

/** A public key whose secret nobody knows. */
function drawPublicKey(out: usize, step: Step, outside: bool): void {
  random(step.key, KEY_BYTES)
  derivePublic(out, step.key, outside)
}

export const EXPECTED_UNKNOWN = 0
export const EXPECTED_THIS = 1
