// reject: what a server or middlebox that opened a version 2 hello's box, but cannot serve it, sends in place of the challenge.

import { REJECT_BOX, REJECT_BYTES, REJECT_CODE, REJECT_VERSION, REJECT_ZEROS } from "../../src/wire/layout"
import { Box } from "./box"

/*
 * ┌─────────────┬────────────────────────────────────┐
 * │ version u32 │ box [72] of { code u16 ‖ 30 zeros }│
 * └─────────────┴────────────────────────────────────┘
 */
@unmanaged
export class Reject {
  set version(version: u32) { store<u32>(changetype<usize>(this), version, REJECT_VERSION) }
  get box(): Box { return changetype<Box>(changetype<usize>(this) + REJECT_BOX) }
}

/** The 32 bytes in a reject's box. */
@unmanaged
export class Reason {
  get code(): u32 { return load<u16>(changetype<usize>(this), REJECT_CODE) }
  set code(code: u32) { store<u16>(changetype<usize>(this), <u16>code, REJECT_CODE) }
  get zeros(): usize { return changetype<usize>(this) + REJECT_ZEROS }
}

if (REJECT_BYTES != 76) ERROR("the reject has changed")
