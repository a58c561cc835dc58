// The scratch memory of one handshake message: a copy of the running transcript and the values in flight. A message is worked out
// here, committed in the last lines of its function, and the scratch is wiped.

import { KEY_BYTES } from "../../src/wire/layout"
import { Arena, allocate, release } from "../memory"
import { RUNNING_BYTES, TRANSCRIPT_BYTES, Transcript } from "../transcript"
import { BOX_KEY_BYTES, BoxKey } from "./box-key"
import { Handshake } from "./state"

/*
 * ┌────────────┬────────────────────────┬──────────┬───────────┬───────────────────────┬─────────┐
 * │ transcript │ shared [32] ‖ kem [32] │ key [32] │ seed [64] │ long-term shared [32] │ box key │
 * └────────────┴────────────────────────┴──────────┴───────────┴───────────────────────┴─────────┘
 */
const SHARED: usize = TRANSCRIPT_BYTES
const KEM: usize = SHARED + KEY_BYTES
const KEY: usize = KEM + KEY_BYTES
const SEED: usize = KEY + KEY_BYTES
const LONG_TERM_SHARED: usize = SEED + 2 * KEY_BYTES
const BOX_KEY: usize = LONG_TERM_SHARED + KEY_BYTES
const STEP_BYTES: usize = BOX_KEY + BOX_KEY_BYTES

@unmanaged
export class Step {
  get transcript(): Transcript { return changetype<Transcript>(this) }
  /**
   * What two session keys share. Version 1: crypto_box_beforenm. Version 2: the product; with `kem` behind it, the input of the first
   * mixKey. There it also takes the product of the client's long-term key.
   */
  get shared(): usize { return changetype<usize>(this) + SHARED }
  get kem(): usize { return changetype<usize>(this) + KEM }
  /** 32 bytes that a box held, or is to hold. */
  get key(): usize { return changetype<usize>(this) + KEY }
  get seed(): usize { return changetype<usize>(this) + SEED }
  /** What a long-term and a session key share. Version 1: crypto_box_beforenm. Version 2: the product. */
  get longTermShared(): usize { return changetype<usize>(this) + LONG_TERM_SHARED }
  /** Version 2: of the hello's or the reject's box. */
  get boxKey(): BoxKey { return changetype<BoxKey>(changetype<usize>(this) + BOX_KEY) }
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
