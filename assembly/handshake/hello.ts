// What both versions' hellos share: the session key pair, which key is named and which is addressed.

import { OPTION_MIDDLEBOX_KEY, OPTION_SERVER_KEY, ROLE_CLIENT } from "../../src/wire/abi"
import { KEY_BYTES } from "../../src/wire/layout"
import { derivePublic } from "../agreement"
import { Channel } from "../channel"
import { random } from "../host"
import { equalKeys } from "../memory"
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

/** If a client's hello was sealed to its peer's key, as it is as a rule, copies what the two share to `shared` [32]. */
export function recallShared(shared: usize, channel: Channel): bool {
  const handshake = channel.handshake
  if (channel.role != ROLE_CLIENT || !equalKeys(channel.peerKey, handshake.addressed)) return false
  memory.copy(shared, handshake.addressedShared, KEY_BYTES)
  return true
}

/** A public key whose secret nobody knows. */
function drawPublicKey(out: usize, step: Step, outside: bool): void {
  random(step.key, KEY_BYTES)
  derivePublic(out, step.key, outside)
}
