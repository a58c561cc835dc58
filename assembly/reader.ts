// The receiving direction of the stream: records in, bytes and events out.

import {
  BUFFER_BYTES, EVENT_ALERT, EVENT_CONTROL, EVENT_DATA, EVENT_END, EVENT_MESSAGE, EVENT_NONE
} from "../src/wire/abi"
import { CODE_BYTES, PLAINTEXT_DATA, RECORD_SEALED, STREAM_HEADER_BYTES } from "../src/wire/layout"
import {
  READER_BUFFER, READER_DATA, READER_DEBT, READER_END, READER_ENDED, READER_FAILURE, READER_HEADER, READER_LENGTH, READER_PARKED,
  READER_PARKED_LENGTH, READER_PAYLOAD, READER_PAYLOAD_LENGTH, READER_PENDING, READER_START, READER_USED
} from "../src/wire/memory"
import {
  STATUS_RECORD_AFTER_END, STATUS_RECORD_CHEAP, STATUS_RECORD_LONG, STATUS_RECORD_PADDING, STATUS_RECORD_SHORT, STATUS_RECORD_SIZE,
  STATUS_RECORD_TYPE, STATUS_TOO_LONG
} from "../src/wire/status"
import {
  CHEAP_MOST, CHEAP_RECORD, CHEAP_REPAID, FLAG_FINAL, FLAG_MESSAGE_END, FLAG_REKEY, FLAG_RESERVED, RECORD_MAX_1, RECORD_MAX_2, RECORD_MIN, TYPE_ALERT, TYPE_CONTROL, TYPE_DATA,
  TYPE_MASK
} from "../src/wire/stream"
import { Cipher, openRecord, overheadOf, plaintextOf, startSecretstream } from "./cipher"
import { Arena, allZero, allocate, giveBuffer, release, takeBuffer } from "./memory"
import { Plaintext, Record } from "./wire/record"

// Laid out in src/wire/memory.ts.
@unmanaged
export class Reader {
  get cipher(): Cipher { return changetype<Cipher>(this) }
  get buffer(): usize { return load<u32>(changetype<usize>(this), READER_BUFFER) }
  set buffer(pointer: usize) { store<u32>(changetype<usize>(this), pointer, READER_BUFFER) }
  get start(): u32 { return load<u32>(changetype<usize>(this), READER_START) }
  set start(at: u32) { store<u32>(changetype<usize>(this), at, READER_START) }
  get end(): u32 { return load<u32>(changetype<usize>(this), READER_END) }
  set end(at: u32) { store<u32>(changetype<usize>(this), at, READER_END) }
  get used(): u32 { return load<u32>(changetype<usize>(this), READER_USED) }
  set used(bytes: u32) { store<u32>(changetype<usize>(this), bytes, READER_USED) }
  get data(): u32 { return load<u32>(changetype<usize>(this), READER_DATA) }
  set data(at: u32) { store<u32>(changetype<usize>(this), at, READER_DATA) }
  get length(): u32 { return load<u32>(changetype<usize>(this), READER_LENGTH) }
  set length(bytes: u32) { store<u32>(changetype<usize>(this), bytes, READER_LENGTH) }
  get payload(): u32 { return load<u32>(changetype<usize>(this), READER_PAYLOAD) }
  set payload(at: u32) { store<u32>(changetype<usize>(this), at, READER_PAYLOAD) }
  get payloadLength(): u32 { return load<u32>(changetype<usize>(this), READER_PAYLOAD_LENGTH) }
  set payloadLength(bytes: u32) { store<u32>(changetype<usize>(this), bytes, READER_PAYLOAD_LENGTH) }
  get parked(): usize { return load<u32>(changetype<usize>(this), READER_PARKED) }
  set parked(pointer: usize) { store<u32>(changetype<usize>(this), pointer, READER_PARKED) }
  get parkedLength(): u32 { return load<u32>(changetype<usize>(this), READER_PARKED_LENGTH) }
  set parkedLength(bytes: u32) { store<u32>(changetype<usize>(this), bytes, READER_PARKED_LENGTH) }
  get debt(): u32 { return load<u32>(changetype<usize>(this), READER_DEBT) }
  set debt(count: u32) { store<u32>(changetype<usize>(this), count, READER_DEBT) }
  get failure(): i32 { return load<i32>(changetype<usize>(this), READER_FAILURE) }
  set failure(status: i32) { store<i32>(changetype<usize>(this), status, READER_FAILURE) }
  get pending(): i32 { return load<u8>(changetype<usize>(this), READER_PENDING) }
  set pending(event: i32) { store<u8>(changetype<usize>(this), <u8>event, READER_PENDING) }
  get ended(): bool { return load<bool>(changetype<usize>(this), READER_ENDED) }
  set ended(yes: bool) { store<bool>(changetype<usize>(this), yes, READER_ENDED) }
  get header(): bool { return load<bool>(changetype<usize>(this), READER_HEADER) }
  set header(come: bool) { store<bool>(changetype<usize>(this), come, READER_HEADER) }
}

/** How many received bytes can be taken now; 0 where opened data has to be consumed first. */
export function room(reader: Reader): u32 {
  // What has been opened stays where it is until it is consumed; after that the rest moves to the front.
  if (!reader.length && !reader.pending && reader.start) {
    const rest = reader.end - reader.start
    memory.copy(reader.buffer, reader.buffer + reader.start, rest)
    reader.start = 0
    reader.end = rest
  }
  return BUFFER_BYTES - reader.end - reader.parkedLength
}

/** Where received bytes belong, or 0: no memory. */
export function window(arena: Arena, reader: Reader): usize {
  if (!reader.buffer) {
    reader.buffer = takeBuffer(arena)
    if (reader.buffer) unpark(arena, reader)
  }
  return reader.buffer ? reader.buffer + reader.end : 0
}

/** `length` bytes were received into the window. */
export function received(reader: Reader, length: u32): i32 {
  if (!reader.buffer || length > <u32>BUFFER_BYTES - reader.end) return STATUS_TOO_LONG
  reader.end += length
  reader.used = max(reader.used, reader.end)
  repay(reader, CHEAP_REPAID)
  return 0
}

/** Received bytes that are not yet opened. */
export function held(reader: Reader): u32 {
  return reader.end - reader.start + reader.parkedLength
}

/**
 * Opens records until there is something to report that data cannot be joined with, and returns an event or a status. All data
 * opened in one call is one contiguous window.
 */
export function read(arena: Arena, reader: Reader): i32 {
  if (reader.length) return EVENT_DATA
  if (reader.failure) return reader.failure
  if (reader.pending) return report(arena, reader, reader.pending)
  if (!takeHeader(reader)) {
    park(arena, reader)
    return EVENT_NONE
  }
  while (reader.start < reader.end) {
    const event = readRecord(reader)
    if (event == INCOMPLETE) break
    if (event == EVENT_NONE) continue
    if (event == EVENT_MESSAGE) return event
    if (event < 0) reader.failure = event
    else reader.pending = event
    if (reader.length) return EVENT_DATA
    return event < 0 ? event : report(arena, reader, event)
  }
  if (reader.length) return EVENT_DATA
  releaseIdle(arena, reader)
  park(arena, reader)
  return EVENT_NONE
}

/** The data window. */
export function dataPointer(reader: Reader): usize {
  return reader.buffer + reader.data
}

/** `length` bytes of the data window were read. */
export function consume(arena: Arena, reader: Reader, length: u32): i32 {
  if (length > reader.length) return STATUS_TOO_LONG
  reader.data += length
  reader.length -= length
  if (!reader.length && !reader.pending) releaseIdle(arena, reader)
  return 0
}

export function releaseReader(arena: Arena, reader: Reader): void {
  release(arena, reader.parked, reader.parkedLength)
  reader.parked = 0
  reader.parkedLength = 0
  giveBuffer(arena, reader.buffer, reader.used)
  reader.buffer = 0
  reader.start = 0
  reader.end = 0
  reader.used = 0
  reader.length = 0
}

/** A status above every event: the next record has not come whole. */
const INCOMPLETE: i32 = 255

/** Version 1: the 24 bytes ahead of the first record. */
function takeHeader(reader: Reader): bool {
  if (reader.cipher.version != 1 || reader.header) return true
  if (reader.end - reader.start < <u32>STREAM_HEADER_BYTES) return false
  startSecretstream(reader.cipher, reader.buffer + reader.start)
  reader.start += STREAM_HEADER_BYTES
  reader.header = true
  return true
}

/** Opens the next record. Its data joins the window; an event or a status is what has to be reported behind it. */
function readRecord(reader: Reader): i32 {
  if (reader.ended) return STATUS_RECORD_AFTER_END
  const version = reader.cipher.version
  const available = reader.end - reader.start
  if (available < <u32>RECORD_SEALED) return INCOMPLETE
  const record = changetype<Record>(reader.buffer + reader.start)
  const length = record.length
  const longest: u32 = version == 1 ? RECORD_MAX_1 : RECORD_MAX_2
  if (length < <u32>RECORD_MIN) return STATUS_RECORD_SHORT
  if (length > longest) return STATUS_RECORD_LONG
  if (available < length) return INCOMPLETE
  const flags = openRecord(reader.cipher, record)
  if (flags < 0) return flags
  reader.start += length
  const plaintext = plaintextOf(record, version)
  const capacity = length - overheadOf(version)
  const size = plaintext.size
  if (version == 1 && size == 0) return readEmpty(reader, plaintext, capacity, flags)
  if (size < <u32>PLAINTEXT_DATA || size > capacity) return STATUS_RECORD_SIZE
  if (!allZero(changetype<usize>(plaintext) + size, capacity - size)) return STATUS_RECORD_PADDING
  // Version 1's flags are its tags: none in the type byte, and the end is an empty record.
  const forbidden: u32 = version == 1 ? (plaintext.type & ~TYPE_MASK) | (flags & FLAG_FINAL) : flags & FLAG_RESERVED
  if (forbidden) return STATUS_RECORD_TYPE
  return accept(reader, plaintext, size - PLAINTEXT_DATA, flags)
}

/** Version 1's record of size 0: the end, or a keep-alive; it may end a message that went before it. */
function readEmpty(reader: Reader, plaintext: Plaintext, capacity: u32, flags: u32): i32 {
  if (!allZero(changetype<usize>(plaintext), capacity)) return STATUS_RECORD_PADDING
  if (flags & FLAG_FINAL) {
    reader.ended = true
    return EVENT_END
  }
  if (owe(reader)) return STATUS_RECORD_CHEAP
  return flags & FLAG_MESSAGE_END ? EVENT_MESSAGE : EVENT_NONE
}

function accept(reader: Reader, plaintext: Plaintext, length: u32, flags: u32): i32 {
  const type = plaintext.type & TYPE_MASK
  // What ends the direction is the last of its kind.
  const cheap = type == TYPE_CONTROL || (flags & FLAG_REKEY) != 0 || (type == TYPE_DATA && !length)
  if (cheap && !(flags & FLAG_FINAL) && owe(reader)) return STATUS_RECORD_CHEAP
  if (type == TYPE_DATA) {
    joinData(reader, plaintext.data, length)
    if (flags & FLAG_FINAL) reader.ended = true
    // A message that ends with the direction is reported first; the end waits behind it.
    if (flags & FLAG_MESSAGE_END) {
      if (reader.ended) reader.pending = EVENT_END
      return EVENT_MESSAGE
    }
    return reader.ended ? EVENT_END : EVENT_NONE
  }
  if (type != TYPE_ALERT && (type != TYPE_CONTROL || reader.cipher.version == 1)) return STATUS_RECORD_TYPE
  if (length < <u32>CODE_BYTES) return STATUS_RECORD_SIZE
  reader.payload = <u32>(plaintext.data - reader.buffer)
  reader.payloadLength = length
  reader.ended = type == TYPE_ALERT || (flags & FLAG_FINAL) != 0
  return type == TYPE_ALERT ? EVENT_ALERT : EVENT_CONTROL
}

/** Records opened in one call become one window: only their framing between them is closed up. */
function joinData(reader: Reader, from: usize, length: u32): void {
  if (!length) return
  if (!reader.length) {
    reader.data = <u32>(from - reader.buffer)
  } else {
    memory.copy(dataPointer(reader) + reader.length, from, length)
  }
  reader.length += length
  repay(reader, length)
}

/** "Records without data": one more of them. True: there are too many. */
function owe(reader: Reader): bool {
  reader.debt += CHEAP_RECORD
  return reader.debt > <u32>CHEAP_MOST
}

function repay(reader: Reader, count: u32): void {
  reader.debt -= min(reader.debt, count)
}

/** The start of a record may be all that ever comes: it does not hold a buffer while it is short. */
function park(arena: Arena, reader: Reader): void {
  const rest = reader.end - reader.start
  if (!reader.buffer || !rest || rest > PARKED_MOST) return
  const parked = allocate(arena, rest)
  if (!parked) return
  memory.copy(parked, reader.buffer + reader.start, rest)
  releaseReader(arena, reader)
  reader.parked = parked
  reader.parkedLength = rest
}

function unpark(arena: Arena, reader: Reader): void {
  const parked = reader.parked
  const parkedLength = reader.parkedLength
  if (!parked) return
  memory.copy(reader.buffer, parked, parkedLength)
  release(arena, parked, parkedLength)
  reader.parked = 0
  reader.parkedLength = 0
  reader.end = parkedLength
  reader.used = parkedLength
}

/** Reports what waited behind the data. A control record that ends its direction is followed by that end. */
function report(arena: Arena, reader: Reader, event: i32): i32 {
  reader.pending = event == EVENT_CONTROL && reader.ended ? EVENT_END : EVENT_NONE
  if (event == EVENT_END) {
    releaseIdle(arena, reader)
  } else {
    reader.data = reader.payload
    reader.length = reader.payloadLength
  }
  return event
}

function releaseIdle(arena: Arena, reader: Reader): void {
  if (reader.buffer && reader.start == reader.end && !reader.length) releaseReader(arena, reader)
}

// In bytes. The tail of a read is longer, as a rule: that buffer would soon be taken again.
const PARKED_MOST: u32 = 2048
