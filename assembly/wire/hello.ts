// hello: the client's first message, in both versions.

import {
  HELLO_1_BYTES, HELLO_1_EXPECTED_KEY, HELLO_1_SESSION_KEY, HELLO_1_VERSION,
  HELLO_2_BYTES, HELLO_2_EXPECTED_KEY, HELLO_2_KEM_KEY, HELLO_2_SESSION_KEY, HELLO_2_VERSION
} from "../../src/wire/layout"
import { Box } from "./box"

/*
 * ┌─────────────┬────────────────────────────────┬───────────────────────────────┐
 * │ version u32 │ client session public key [32] │ expected server key: box [72] │
 * └─────────────┴────────────────────────────────┴───────────────────────────────┘
 */
@unmanaged
export class Hello1 {
  get version(): u32 { return load<u32>(changetype<usize>(this), HELLO_1_VERSION) }
  set version(version: u32) { store<u32>(changetype<usize>(this), version, HELLO_1_VERSION) }
  get sessionKey(): usize { return changetype<usize>(this) + HELLO_1_SESSION_KEY }
  get expectedKey(): Box { return changetype<Box>(changetype<usize>(this) + HELLO_1_EXPECTED_KEY) }
}

/*
 * ┌─────────────┬────────────────────────────────┬──────────────────────────────┬───────────────────────────────┐
 * │ version u32 │ client session public key [32] │ ML-KEM-768 public key [1184] │ expected server key: box [72] │
 * └─────────────┴────────────────────────────────┴──────────────────────────────┴───────────────────────────────┘
 */
@unmanaged
export class Hello2 {
  set version(version: u32) { store<u32>(changetype<usize>(this), version, HELLO_2_VERSION) }
  get sessionKey(): usize { return changetype<usize>(this) + HELLO_2_SESSION_KEY }
  get kemKey(): usize { return changetype<usize>(this) + HELLO_2_KEM_KEY }
  get expectedKey(): Box { return changetype<Box>(changetype<usize>(this) + HELLO_2_EXPECTED_KEY) }
}

// Who does not yet know which of the two it is looks at the first field of either.
if (HELLO_1_VERSION != HELLO_2_VERSION) ERROR("the hello's version has moved")
if (HELLO_1_BYTES != 108) ERROR("version 1's hello has changed")
if (HELLO_2_BYTES != 1292) ERROR("version 2's hello has changed")
