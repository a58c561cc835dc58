// A record of the stream, and the plaintext that it seals.

import {
  PLAINTEXT_DATA, PLAINTEXT_SIZE, PLAINTEXT_TYPE, RECORD_LENGTH, RECORD_SEALED
} from "../../src/wire/layout"

/*
 * ┌────────────┬───────────────────────────────────────────────────────────┐
 * │ length u16 │ sealed plaintext; version 1 has a sealed tag byte ahead   │
 * └────────────┴───────────────────────────────────────────────────────────┘
 */
@unmanaged
export class Record {
  get length(): u32 { return load<u16>(changetype<usize>(this), RECORD_LENGTH) }
  set length(length: u32) { store<u16>(changetype<usize>(this), <u16>length, RECORD_LENGTH) }
  get sealed(): usize { return changetype<usize>(this) + RECORD_SEALED }
}

/*
 * ┌──────────┬─────────┬─────────────────┬──────────────────────────┐
 * │ size u16 │ type u8 │ data [size - 3] │ zero padding to the end  │
 * └──────────┴─────────┴─────────────────┴──────────────────────────┘
 */
@unmanaged
export class Plaintext {
  get size(): u32 { return load<u16>(changetype<usize>(this), PLAINTEXT_SIZE) }
  set size(size: u32) { store<u16>(changetype<usize>(this), <u16>size, PLAINTEXT_SIZE) }
  get type(): u32 { return load<u8>(changetype<usize>(this), PLAINTEXT_TYPE) }
  set type(type: u32) { store<u8>(changetype<usize>(this), <u8>type, PLAINTEXT_TYPE) }
  get data(): usize { return changetype<usize>(this) + PLAINTEXT_DATA }
}

if (PLAINTEXT_DATA != 3) ERROR("the record's plaintext has changed")
