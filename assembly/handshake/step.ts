// The scratch memory of one handshake message: a copy of the running transcript and the values in flight. A message is worked out
// here, committed in the last lines of its function, and the scratch is wiped.

import {
  RUNNING_BYTES, STEP_BOX_KEY, STEP_BYTES, STEP_KEM, STEP_KEY, STEP_LONG_TERM_SHARED, STEP_SEED, STEP_SHARED
} from "../../src/wire/memory"
import { Channel } from "../channel"
import { Arena, allocate, release } from "../memory"
import { Transcript } from "../transcript"
import { BoxKey } from "./box-key"
import { Handshake } from "./state"

// Laid out in src/wire/memory.ts.
@unmanaged
export class Step {
  get transcript(): Transcript { return changetype<Transcript>(this) }
  /**
   * What two session keys share. Version 1: crypto_box_beforenm. Version 2: the product; with `kem` behind it, the input of the first
   * mixKey. There it also takes the product of the client's long-term key.
   */
  get shared(): usize { return changetype<usize>(this) + STEP_SHARED }
  get kem(): usize { return changetype<usize>(this) + STEP_KEM }
  /** 32 bytes that a box held, or is to hold. */
  get key(): usize { return changetype<usize>(this) + STEP_KEY }
  get seed(): usize { return changetype<usize>(this) + STEP_SEED }
  /** What a long-term and a session key share. Version 1: crypto_box_beforenm. Version 2: the product. */
  get longTermShared(): usize { return changetype<usize>(this) + STEP_LONG_TERM_SHARED }
  /** Version 2: of the hello's or the reject's box. */
  get boxKey(): BoxKey { return changetype<BoxKey>(changetype<usize>(this) + STEP_BOX_KEY) }
}

/** Scratch with a copy of the transcript as it stands, or null where memory has run out. */
export function beginStep(channel: Channel): Step {
  const step = allocate(channel.arena, STEP_BYTES)
  channel.stepPlace = step
  if (step) memory.copy(step, channel.handshake.running, RUNNING_BYTES)
  return changetype<Step>(step)
}

/** Makes the step's transcript the running one. */
export function commitStep(step: Step, handshake: Handshake): void {
  memory.copy(handshake.running, changetype<usize>(step), RUNNING_BYTES)
}

export function endStep(arena: Arena, step: Step): void {
  release(arena, changetype<usize>(step), STEP_BYTES)
}
