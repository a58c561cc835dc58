// Version 1's handshake: one function per message and side, in the order in which they cross the wire.

import { OPTION_SERVER_KEY, PHASE_CHALLENGE_SENT, PHASE_HELLO_SENT, PHASE_PEER_PROVED, ROLE_CLIENT } from "../../src/wire/abi"
import { CHALLENGE_1_BYTES, HELLO_1_BYTES, KEY_BYTES, RESPONSE_BYTES, VERSION_1 } from "../../src/wire/layout"
import {
  STATUS_KEY_BOX, STATUS_KEY_MISMATCH, STATUS_NO_MEMORY, STATUS_PROOF, STATUS_WEAK_KEY
} from "../../src/wire/status"
import { agreeOnBoxKey, isCanonical } from "../agreement"
import { Channel } from "../channel"
import { equalKeys } from "../memory"
import { crypto_kx_client_session_keys, crypto_kx_server_session_keys } from "../sodium"
import { Box, openBox, sealBox } from "../wire/box"
import { Challenge1 } from "../wire/challenge"
import { Hello1, Hello2 } from "../wire/hello"
import { Response } from "../wire/response"
import { commitMessage, reserve } from "../writer"
import { drawSession, recallShared, settleKeys } from "./hello"
import { isAccepted, takeUpKey } from "./keys"
import { Handshake } from "./state"
import { Step } from "./step"

/** Client: names the server that it wants, in a box. */
export function writeHello1(channel: Channel, step: Step): i32 {
  const handshake = channel.handshake
  const message = reserve(channel.arena, channel.writer)
  if (!message) return STATUS_NO_MEMORY
  const hello = changetype<Hello1>(message)
  drawSession(channel)
  settleKeys(channel, step)
  hello.version = VERSION_1
  memory.copy(hello.sessionKey, handshake.sessionPublic, KEY_BYTES)
  const shared = handshake.addressedShared
  if (!agreeOnBoxKey(shared, handshake.addressed, handshake.sessionSecret)) return STATUS_WEAK_KEY
  sealBox(hello.expectedKey, handshake.expected, shared)
  commitMessage(channel.writer, HELLO_1_BYTES)
  channel.phase = PHASE_HELLO_SENT
  return 0
}

/** Server: proves its long-term key by sealing the client's session key with it. */
export function answerHello1(channel: Channel, hello: Hello1, step: Step): i32 {
  const handshake = channel.handshake
  const status = takeUpKey(channel, changetype<Hello2>(hello), hello.expectedKey, step)
  if (status < 0) return status
  const message = reserve(channel.arena, channel.writer)
  if (!message) return STATUS_NO_MEMORY
  const challenge = changetype<Challenge1>(message)
  drawSession(channel)
  memory.copy(handshake.peerSession, hello.sessionKey, KEY_BYTES)
  memory.copy(challenge.sessionKey, handshake.sessionPublic, KEY_BYTES)
  if (!agreeOnBoxKey(step.shared, hello.sessionKey, handshake.sessionSecret)) return STATUS_WEAK_KEY
  sealBox(challenge.serverKey, handshake.publicKey, step.shared)
  sealBox(challenge.proof, hello.sessionKey, step.longTermShared)
  commitMessage(channel.writer, CHALLENGE_1_BYTES)
  channel.phase = PHASE_CHALLENGE_SENT
  return 0
}

/** Client: checks who the server is, then proves its own long-term key by sealing the server's session key with it. */
export function answerChallenge1(channel: Channel, challenge: Challenge1, step: Step): i32 {
  const handshake = channel.handshake
  const status = checkPeer(channel, challenge.sessionKey, challenge.serverKey, challenge.proof, step)
  if (status < 0) return status
  const message = reserve(channel.arena, channel.writer)
  if (!message) return STATUS_NO_MEMORY
  const response = changetype<Response>(message)
  sealBox(response.clientKey, handshake.publicKey, step.shared)
  if (!agreeOnBoxKey(step.longTermShared, challenge.sessionKey, handshake.secretKey)) return STATUS_WEAK_KEY
  sealBox(response.answer, challenge.sessionKey, step.longTermShared)
  commitMessage(channel.writer, RESPONSE_BYTES)
  agreeOnKeys(handshake, ROLE_CLIENT, challenge.sessionKey)
  channel.phase = PHASE_PEER_PROVED
  return 0
}

/** Server: checks who the client is. The session keys are agreed on even where that fails: the client is told under them. */
export function checkResponse1(channel: Channel, response: Response, step: Step): i32 {
  const handshake = channel.handshake
  const status = checkPeer(channel, handshake.peerSession, response.clientKey, response.answer, step)
  agreeOnKeys(handshake, channel.role, handshake.peerSession)
  channel.phase = PHASE_PEER_PROVED
  return status
}

/**
 * The same checks on both sides, in the protocol's order: the long-term key box opens; it is the pinned key, if any; the proof opens
 * under that key; its data is our session key. `step.shared` is left holding what both session keys share.
 */
function checkPeer(channel: Channel, peerSession: usize, keyBox: Box, proof: Box, step: Step): i32 {
  const handshake = channel.handshake
  const peerKey = channel.peerKey
  if (!agreeOnBoxKey(step.shared, peerSession, handshake.sessionSecret)) return STATUS_WEAK_KEY
  if (!openBox(keyBox, peerKey, step.shared)) return STATUS_KEY_BOX
  if (!isCanonical(peerKey)) return STATUS_WEAK_KEY
  if (channel.has(OPTION_SERVER_KEY) && !isAccepted(channel, peerKey)) return STATUS_KEY_MISMATCH
  if (!shareWithPeer(channel, step)) return STATUS_WEAK_KEY
  if (!openBox(proof, step.key, step.longTermShared)) return STATUS_PROOF
  return equalKeys(step.key, handshake.sessionPublic) ? 0 : STATUS_PROOF
}

/** What our session key and the peer's long-term key share. */
function shareWithPeer(channel: Channel, step: Step): bool {
  const shared = step.longTermShared
  if (recallShared(shared, channel)) return true
  return agreeOnBoxKey(shared, channel.peerKey, channel.handshake.sessionSecret)
}

/** "Session keys": crypto_kx over the two session key pairs. */
function agreeOnKeys(handshake: Handshake, role: i32, peerSession: usize): void {
  const clientToServer = handshake.sessionKeys
  const serverToClient = clientToServer + KEY_BYTES
  if (role == ROLE_CLIENT) {
    crypto_kx_client_session_keys(
      serverToClient, clientToServer, handshake.sessionPublic, handshake.sessionSecret, peerSession
    )
  } else {
    crypto_kx_server_session_keys(
      clientToServer, serverToClient, handshake.sessionPublic, handshake.sessionSecret, peerSession
    )
  }
}
