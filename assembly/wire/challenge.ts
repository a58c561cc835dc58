// challenge: the server's answer to a hello, in both versions.

import {
  CHALLENGE_1_BYTES, CHALLENGE_1_PROOF, CHALLENGE_1_SERVER_KEY, CHALLENGE_1_SESSION_KEY,
  CHALLENGE_2_BYTES, CHALLENGE_2_CIPHERTEXT, CHALLENGE_2_PROOF, CHALLENGE_2_SERVER_KEY, CHALLENGE_2_SESSION_KEY,
  CHALLENGE_2_VERSION
} from "../../src/wire/layout"
import { Box } from "./box"

/*
 * ┌────────────────────────────────┬────────────────────────────────┬─────────────────┐
 * │ server session public key [32] │ server long-term key: box [72] │ proof: box [72] │
 * └────────────────────────────────┴────────────────────────────────┴─────────────────┘
 */
@unmanaged
export class Challenge1 {
  get sessionKey(): usize { return changetype<usize>(this) + CHALLENGE_1_SESSION_KEY }
  get serverKey(): Box { return changetype<Box>(changetype<usize>(this) + CHALLENGE_1_SERVER_KEY) }
  get proof(): Box { return changetype<Box>(changetype<usize>(this) + CHALLENGE_1_PROOF) }
}

/*
 * ┌─────────────┬────────────────────────────────┬──────────────────────────────┬────────────────────────────────┬─────────────────┐
 * │ version u32 │ server session public key [32] │ ML-KEM-768 ciphertext [1088] │ server long-term key: box [72] │ proof: box [72] │
 * └─────────────┴────────────────────────────────┴──────────────────────────────┴────────────────────────────────┴─────────────────┘
 */
@unmanaged
export class Challenge2 {
  set version(version: u32) { store<u32>(changetype<usize>(this), version, CHALLENGE_2_VERSION) }
  get sessionKey(): usize { return changetype<usize>(this) + CHALLENGE_2_SESSION_KEY }
  get ciphertext(): usize { return changetype<usize>(this) + CHALLENGE_2_CIPHERTEXT }
  get serverKey(): Box { return changetype<Box>(changetype<usize>(this) + CHALLENGE_2_SERVER_KEY) }
  get proof(): Box { return changetype<Box>(changetype<usize>(this) + CHALLENGE_2_PROOF) }
}

if (CHALLENGE_1_BYTES != 176) ERROR("version 1's challenge has changed")
if (CHALLENGE_2_BYTES != 1268) ERROR("version 2's challenge has changed")
