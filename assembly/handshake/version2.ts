// Version 2's handshake: one function per message and side, in the order in which they cross the wire. Each works on the step's
// copy of the transcript and commits it in its last lines.

import { OPTION_SERVER_KEY, PHASE_CHALLENGE_SENT, PHASE_HELLO_SENT, PHASE_PEER_PROVED, SERVES_2 } from "../../src/wire/abi"
import {
  BOX_BYTES, CHALLENGE_2_BYTES, CHALLENGE_2_SERVER_KEY, HELLO_2_BYTES, KEY_BYTES, RESPONSE_BYTES, VERSION_2
} from "../../src/wire/layout"
import {
  STATUS_EXPECTED_OTHER, STATUS_KEY_BOX, STATUS_KEY_MISMATCH, STATUS_NO_MEMORY, STATUS_PROOF, STATUS_REJECTED,
  STATUS_REJECT_UNVERIFIED, STATUS_VERSION_REFUSED, STATUS_WEAK_KEY
} from "../../src/wire/status"
import { REJECT_NOT_MY_KEY, REJECT_VERSION_NOT_SERVED } from "../../src/wire/stream"
import { agree, isCanonical } from "../agreement"
import { Channel } from "../channel"
import { random } from "../host"
import { equalKeys } from "../memory"
import {
  crypto_kem_mlkem768_dec, crypto_kem_mlkem768_enc_deterministic, crypto_kem_mlkem768_seed_keypair
} from "../sodium"
import { Transcript } from "../transcript"
import { Box, openBox, sealBox } from "../wire/box"
import { Challenge2 } from "../wire/challenge"
import { Hello2 } from "../wire/hello"
import { Reject } from "../wire/reject"
import { Response } from "../wire/response"
import { commitMessage, reserve } from "../writer"
import { drawSession, recallShared, settleKeys } from "./hello"
import { EXPECTED_THIS, isAccepted, takeUpKey } from "./keys"
import { openReject, writeReject } from "./reject"
import { allocateOffer, forgetOffer } from "./state"
import { Step, commitStep } from "./step"

/** Client, 1: names the server that it wants, in a box, and offers an ML-KEM key. */
export function writeHello2(channel: Channel, step: Step): i32 {
  const handshake = channel.handshake
  const message = reserve(channel.arena, channel.writer)
  if (!message || !allocateOffer(channel.arena, handshake)) return STATUS_NO_MEMORY
  channel.offerPlace = handshake.offer
  const hello = changetype<Hello2>(message)
  drawSession(channel)
  random(step.seed, KEM_SEED_BYTES)
  crypto_kem_mlkem768_seed_keypair(hello.kemKey, handshake.kemSecret, step.seed)
  settleKeys(channel, step)
  hello.version = VERSION_2
  memory.copy(hello.sessionKey, handshake.sessionPublic, KEY_BYTES)
  const shared = handshake.addressedShared
  if (!agree(shared, handshake.sessionSecret, handshake.addressed, channel.outside)) return STATUS_WEAK_KEY
  step.boxKey.deriveHello(shared, hello)
  sealBox(hello.expectedKey, handshake.expected, step.boxKey.key)
  step.transcript.mixHash(message, HELLO_2_BYTES)

  memory.copy(changetype<usize>(handshake.hello), message, HELLO_2_BYTES)
  commitMessage(channel.writer, HELLO_2_BYTES)
  commitStep(step, handshake)
  channel.phase = PHASE_HELLO_SENT
  return 0
}

/** Server, 2: encapsulates to the client's ML-KEM key, names itself, and proves its long-term key over all that was said. */
export function answerHello2(channel: Channel, hello: Hello2, step: Step): i32 {
  const handshake = channel.handshake
  const transcript = step.transcript
  const status = checkHello(channel, hello, step)
  if (status < 0) return status

  const message = reserve(channel.arena, channel.writer)
  if (!message) return STATUS_NO_MEMORY
  const challenge = changetype<Challenge2>(message)
  drawSession(channel)
  random(step.seed, KEM_COINS_BYTES)
  transcript.mixHash(changetype<usize>(hello), HELLO_2_BYTES)
  challenge.version = VERSION_2
  memory.copy(challenge.sessionKey, handshake.sessionPublic, KEY_BYTES)
  if (crypto_kem_mlkem768_enc_deterministic(challenge.ciphertext, step.kem, hello.kemKey, step.seed) != 0) {
    return STATUS_WEAK_KEY
  }
  transcript.mixHash(message, CHALLENGE_2_SERVER_KEY)
  if (!agree(step.shared, handshake.sessionSecret, hello.sessionKey, channel.outside)) return STATUS_WEAK_KEY
  transcript.mixKey(step.shared, 2 * KEY_BYTES)
  sealMixed(challenge.serverKey, handshake.publicKey, transcript)
  transcript.mixKey(step.longTermShared, KEY_BYTES)
  sealMixed(challenge.proof, transcript.h, transcript)

  memory.copy(handshake.peerSession, hello.sessionKey, KEY_BYTES)
  commitMessage(channel.writer, CHALLENGE_2_BYTES)
  commitStep(step, handshake)
  channel.phase = PHASE_CHALLENGE_SENT
  return 0
}

/** Client, 3: checks who the server is, then names itself and proves its own long-term key. */
export function answerChallenge2(channel: Channel, challenge: Challenge2, step: Step): i32 {
  const handshake = channel.handshake
  const transcript = step.transcript
  transcript.mixHash(changetype<usize>(challenge), CHALLENGE_2_SERVER_KEY)
  if (crypto_kem_mlkem768_dec(step.kem, challenge.ciphertext, handshake.kemSecret) != 0) return STATUS_WEAK_KEY
  if (!agree(step.shared, handshake.sessionSecret, challenge.sessionKey, channel.outside)) return STATUS_WEAK_KEY
  transcript.mixKey(step.shared, 2 * KEY_BYTES)
  const status = checkPeer(channel, challenge.serverKey, challenge.proof, step)
  if (status < 0) return status

  const message = reserve(channel.arena, channel.writer)
  if (!message) return STATUS_NO_MEMORY
  const response = changetype<Response>(message)
  transcript.mixKey(0, 0)
  sealMixed(response.clientKey, handshake.publicKey, transcript)
  if (!agree(step.shared, handshake.secretKey, challenge.sessionKey, channel.outside)) return STATUS_WEAK_KEY
  transcript.mixKey(step.shared, KEY_BYTES)
  sealMixed(response.answer, transcript.h, transcript)

  commitMessage(channel.writer, RESPONSE_BYTES)
  forgetOffer(channel.arena, handshake)
  split(channel, transcript)
  return 0
}

/** Client: a reject in place of the challenge. */
export function readReject(channel: Channel, reject: Reject, step: Step): i32 {
  return openReject(channel, reject, step) ? STATUS_REJECTED : STATUS_REJECT_UNVERIFIED
}

/** Server, 4: checks who the client is. */
export function checkResponse2(channel: Channel, response: Response, step: Step): i32 {
  const transcript = step.transcript
  transcript.mixKey(0, 0)
  const status = checkPeer(channel, response.clientKey, response.answer, step)
  if (status < 0) return status
  split(channel, transcript)
  return 0
}

/**
 * Opens the hello's box with our long-term keys. A hello that opened but cannot be served is answered with a reject. `step.longTermShared`
 * is left holding the product of the key that we prove and the client's session key.
 */
function checkHello(channel: Channel, hello: Hello2, step: Step): i32 {
  const status = takeUpKey(channel, hello, hello.expectedKey, step)
  if (status == STATUS_EXPECTED_OTHER) writeReject(channel, hello, REJECT_NOT_MY_KEY, step)
  if (status < 0 || channel.versions & SERVES_2) return status
  if (status == EXPECTED_THIS) writeReject(channel, hello, REJECT_VERSION_NOT_SERVED, step)
  return STATUS_VERSION_REFUSED
}

/**
 * The same checks on both sides: the long-term key box opens under the box key as it stands; the key is canonical; it is the pinned
 * key, if any; the proof opens, and is h as it stood before the proof was mixed in.
 */
function checkPeer(channel: Channel, keyBox: Box, proof: Box, step: Step): i32 {
  const handshake = channel.handshake
  const transcript = step.transcript
  const peerKey = channel.peerKey
  if (!openBox(keyBox, peerKey, transcript.boxKey)) return STATUS_KEY_BOX
  if (!isCanonical(peerKey)) return STATUS_WEAK_KEY
  if (channel.has(OPTION_SERVER_KEY) && !isAccepted(channel, peerKey)) return STATUS_KEY_MISMATCH
  transcript.mixHash(changetype<usize>(keyBox), BOX_BYTES)
  if (!agreeWithPeer(channel, step)) return STATUS_WEAK_KEY
  transcript.mixKey(step.longTermShared, KEY_BYTES)
  if (!openBox(proof, step.key, transcript.boxKey)) return STATUS_PROOF
  if (!equalKeys(step.key, transcript.h)) return STATUS_PROOF
  transcript.mixHash(changetype<usize>(proof), BOX_BYTES)
  return 0
}

/** The product of our session key and the peer's long-term key. */
function agreeWithPeer(channel: Channel, step: Step): bool {
  const shared = step.longTermShared
  if (recallShared(shared, channel)) return true
  return agree(shared, channel.handshake.sessionSecret, channel.peerKey, channel.outside)
}

function sealMixed(box: Box, data: usize, transcript: Transcript): void {
  sealBox(box, data, transcript.boxKey)
  transcript.mixHash(changetype<usize>(box), BOX_BYTES)
}

/** The session keys, the exporter secret and the handshake hash; the chaining key is spent with them. */
function split(channel: Channel, transcript: Transcript): void {
  transcript.split(channel.handshake.sessionKeys)
  transcript.exporter(channel.exporter)
  memory.copy(channel.hash, transcript.h, KEY_BYTES)
  channel.phase = PHASE_PEER_PROVED
}

const KEM_SEED_BYTES: usize = 64
const KEM_COINS_BYTES: usize = 32
