// "Reject": what answers a version 2 hello that opened, but cannot be served.

import { OPTION_MIDDLEBOX_KEY, OPTION_SERVER_KEY } from "../../src/wire/abi"
import { KEY_BYTES, REJECT_BYTES, VERSION_REJECT } from "../../src/wire/layout"
import { STATUS_NO_MEMORY } from "../../src/wire/status"
import { Channel } from "../channel"
import { allZero, wipe } from "../memory"
import { openBox, sealBox } from "../wire/box"
import { Hello2 } from "../wire/hello"
import { Reason, Reject } from "../wire/reject"
import { commitMessage, reserve } from "../writer"
import { BoxKey } from "./box-key"
import { Step } from "./step"

/** Server: rejects the hello. `step.longTermShared` is of our long-term key and the hello's session key. */
export function writeReject(channel: Channel, hello: Hello2, code: u32, step: Step): i32 {
  const message = reserve(channel.arena, channel.writer)
  if (!message) return STATUS_NO_MEMORY
  const boxKey = step.boxKey
  boxKey.deriveReject(step.longTermShared, hello)
  sealReject(changetype<Reject>(message), code, step.key, boxKey)
  commitMessage(channel.writer, REJECT_BYTES)
  return 0
}

/** Seals a reject. `data` is scratch [32]. */
export function sealReject(reject: Reject, code: u32, data: usize, boxKey: BoxKey): void {
  reject.version = VERSION_REJECT
  wipe(data, KEY_BYTES)
  changetype<Reason>(data).code = code
  sealBox(reject.box, data, boxKey.key)
}

/** Client: whether a reject is genuine, made for our hello by the key that it was addressed to. The code is kept. */
export function openReject(channel: Channel, reject: Reject, step: Step): bool {
  const handshake = channel.handshake
  if (!channel.has(OPTION_SERVER_KEY | OPTION_MIDDLEBOX_KEY)) return false
  const boxKey = step.boxKey
  boxKey.deriveReject(handshake.addressedShared, handshake.hello)
  if (!openBox(reject.box, step.key, boxKey.key)) return false
  const reason = changetype<Reason>(step.key)
  if (!allZero(reason.zeros, KEY_BYTES - 2)) return false
  channel.rejectCode = reason.code
  return true
}
