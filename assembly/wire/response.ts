// response: the client's second message, the same in both versions.

import { RESPONSE_ANSWER, RESPONSE_BYTES, RESPONSE_CLIENT_KEY } from "../../src/wire/layout"
import { Box } from "./box"

/*
 * ┌────────────────────────────────┬──────────────────┐
 * │ client long-term key: box [72] │ answer: box [72] │
 * └────────────────────────────────┴──────────────────┘
 */
@unmanaged
export class Response {
  get clientKey(): Box { return changetype<Box>(changetype<usize>(this) + RESPONSE_CLIENT_KEY) }
  get answer(): Box { return changetype<Box>(changetype<usize>(this) + RESPONSE_ANSWER) }
}

if (RESPONSE_BYTES != 144) ERROR("the response has changed")
