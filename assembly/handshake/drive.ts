// From received bytes to handshake messages: how long the next one is, and whose function it is.

import {
  EVENT_NONE, EVENT_PROVED, OPTION_SERVER_KEY, PHASE_CREATED, PHASE_HELLO_SENT, PHASE_PEER_PROVED, ROLE_CLIENT, SERVES_1,
  SERVES_2
} from "../../src/wire/abi"
import {
  CHALLENGE_1_BYTES, CHALLENGE_2_BYTES, CODE_BYTES, HELLO_1_BYTES, HELLO_2_BYTES, REJECT_BYTES, RESPONSE_BYTES, VERSION_1, VERSION_2,
  VERSION_REJECT
} from "../../src/wire/layout"
import {
  STATUS_NO_MEMORY, STATUS_TOO_LONG, STATUS_VERSION_REFUSED, STATUS_VERSION_UNKNOWN
} from "../../src/wire/status"
import { ALERT_BAD_RESPONSE, TYPE_ALERT } from "../../src/wire/stream"
import { Channel, fail, startStream } from "../channel"
import { wipeStack } from "../memory"
import { Challenge1, Challenge2 } from "../wire/challenge"
import { Hello1, Hello2 } from "../wire/hello"
import { Reject } from "../wire/reject"
import { Response } from "../wire/response"
import { seal, window as writeWindow } from "../writer"
import { expectMessage } from "./state"
import { Step, beginStep, endStep } from "./step"
import { answerChallenge1, answerHello1, checkResponse1, writeHello1 } from "./version1"
import { answerChallenge2, answerHello2, checkResponse2, readReject, writeHello2 } from "./version2"

/** Client: the hello is written, and the challenge is awaited. */
export function beginHandshake(channel: Channel): i32 {
  channel.version = channel.versions & SERVES_2 ? 2 : 1
  const step = beginStep(channel)
  if (changetype<usize>(step) == 0) return fail(channel, STATUS_NO_MEMORY)
  let status = channel.version == 1 ? writeHello1(channel, step) : writeHello2(channel, step)
  endStep(channel.arena, step)
  if (status < 0) return fail(channel, status)
  // Version 2's challenge starts with a version, for a reject may come in its place; version 1's does not.
  if (channel.version == 1 && !expectMessage(channel.arena, channel.handshake, CHALLENGE_1_BYTES)) {
    return fail(channel, STATUS_NO_MEMORY)
  }
  wipeStack()
  return EVENT_NONE
}

/** `length` bytes of the incoming message were received; whole messages are dealt with. Returns an event or a status. */
export function receivedMessage(channel: Channel, length: u32): i32 {
  const handshake = channel.handshake
  if (length > handshake.room) return STATUS_TOO_LONG
  handshake.got += length
  if (handshake.room) return EVENT_NONE
  if (!handshake.message) return readHead(channel)
  const step = beginStep(channel)
  if (changetype<usize>(step) == 0) return fail(channel, STATUS_NO_MEMORY)
  const status = readMessage(channel, step)
  endStep(channel.arena, step)
  if (status < 0) return channel.phase == PHASE_PEER_PROVED ? failResponse(channel, status) : fail(channel, status)
  if (channel.phase != PHASE_PEER_PROVED && !expectMessage(channel.arena, handshake, RESPONSE_BYTES)) {
    return fail(channel, STATUS_NO_MEMORY)
  }
  wipeStack()
  return channel.phase == PHASE_PEER_PROVED ? EVENT_PROVED : EVENT_NONE
}

/** The version at the head of a hello, or of version 2's challenge, says how long the message is. */
function readHead(channel: Channel): i32 {
  const head = channel.handshake.head
  let size: u32 = 0
  if (channel.role == ROLE_CLIENT) {
    if (head == VERSION_2) size = CHALLENGE_2_BYTES
    else if (head == VERSION_REJECT) size = REJECT_BYTES
  } else if (head == VERSION_1) {
    if (!(channel.versions & SERVES_1)) return fail(channel, STATUS_VERSION_REFUSED)
    channel.version = 1
    size = HELLO_1_BYTES
  } else if (head == VERSION_2) {
    // Read whole even where version 2 is not served: a client that addressed this server is told so.
    channel.version = 2
    size = HELLO_2_BYTES
  }
  if (!size) return fail(channel, STATUS_VERSION_UNKNOWN)
  return expectMessage(channel.arena, channel.handshake, size) ? EVENT_NONE : fail(channel, STATUS_NO_MEMORY)
}

function readMessage(channel: Channel, step: Step): i32 {
  const handshake = channel.handshake
  const message = handshake.message
  const one = channel.version == 1
  if (channel.phase == PHASE_CREATED) {
    return one
      ? answerHello1(channel, changetype<Hello1>(message), step)
      : answerHello2(channel, changetype<Hello2>(message), step)
  }
  if (channel.phase == PHASE_HELLO_SENT) {
    if (one) return answerChallenge1(channel, changetype<Challenge1>(message), step)
    return handshake.size == REJECT_BYTES
      ? readReject(channel, changetype<Reject>(message), step)
      : answerChallenge2(channel, changetype<Challenge2>(message), step)
  }
  return one
    ? checkResponse1(channel, changetype<Response>(message), step)
    : checkResponse2(channel, changetype<Response>(message), step)
}

/** Version 1: a client whose response is bad is told so, with an alert on the stream that is now encrypted. */
function failResponse(channel: Channel, status: i32): i32 {
  if (startStream(channel) >= 0) {
    const window = writeWindow(channel.arena, channel.writer, CODE_BYTES)
    if (window) {
      store<u16>(window, ALERT_BAD_RESPONSE)
      seal(channel.arena, channel.writer, CODE_BYTES, TYPE_ALERT)
    }
  }
  return fail(channel, status)
}
