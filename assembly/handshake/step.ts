// The scratch memory of one handshake message: a copy of the running transcript and the values in flight. A message is worked out
// here, committed in the last lines of its function, and the scratch is wiped.

import { KEY_BYTES } from "../../src/wire/layout"
import { PAIR_BYTES, Pair } from "../agreement"
import { Arena, allocate, release } from "../memory"
import { RUNNING_BYTES, TRANSCRIPT_BYTES, Transcript } from "../transcript"
import { Handshake } from "./state"

/*
 * ┌────────────┬────────────────────────┬──────────┬───────────┬──────────┬──────┐
 * │ transcript │ shared [32] ‖ kem [32] │ key [32] │ seed [64] │ sessions │ pair │
 * └────────────┴────────────────────────┴──────────┴───────────┴──────────┴──────┘
 */
const SHARED: usize = TRANSCRIPT_BYTES
const KEM: usize = SHARED + KEY_BYTES
const KEY: usize = KEM + KEY_BYTES
const SEED: usize = KEY + KEY_BYTES
const SESSIONS: usize = SEED + 2 * KEY_BYTES
const PAIR: usize = SESSIONS + PAIR_BYTES
const STEP_BYTES: usize = PAIR + PAIR_BYTES

@unmanaged
export class Step {
  get transcript(): Transcript { return changetype<Transcript>(this) }
  /** A Diffie-Hellman result; with `kem` behind it, the input of version 2's first mixKey. */
  get shared(): usize { return changetype<usize>(this) + SHARED }
  get kem(): usize { return changetype<usize>(this) + KEM }
  /** 32 bytes that a box held, or is to hold. */
  get key(): usize { return changetype<usize>(this) + KEY }
  get seed(): usize { return changetype<usize>(this) + SEED }
  /** Both session keys, in version 1. */
  get sessions(): Pair { return changetype<Pair>(changetype<usize>(this) + SESSIONS) }
  /** A long-term key and a session key. */
  get pair(): Pair { return changetype<Pair>(changetype<usize>(this) + PAIR) }
}

/** Scratch with a copy of the transcript as it stands, or null where memory has run out. */
export function beginStep(arena: Arena, handshake: Handshake): Step {
  const step = allocate(arena, STEP_BYTES)
  if (step) memory.copy(step, handshake.running, RUNNING_BYTES)
  return changetype<Step>(step)
}

/** Makes the step's transcript the running one. */
export function commitStep(step: Step, handshake: Handshake): void {
  memory.copy(handshake.running, changetype<usize>(step), RUNNING_BYTES)
}

export function endStep(arena: Arena, step: Step): void {
  release(arena, changetype<usize>(step), STEP_BYTES)
}
