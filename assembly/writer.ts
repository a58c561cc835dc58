// The sending direction of the stream: framing, padding, flags, rekey, and the bytes that wait to be sent.

import { BUFFER_BYTES } from "../src/wire/abi"
import { PLAINTEXT_DATA, STREAM_HEADER_BYTES } from "../src/wire/layout"
import {
  WRITER_BLOCK, WRITER_BUFFER, WRITER_DIRTY, WRITER_END, WRITER_ENDED, WRITER_HEADER, WRITER_LIMIT, WRITER_RECORDS,
  WRITER_REKEY_AFTER, WRITER_SEALED, WRITER_START, WRITER_UNIT
} from "../src/wire/memory"
import { STATUS_ENDED, STATUS_NO_MEMORY, STATUS_TOO_LONG } from "../src/wire/status"
import {
  FLAG_FINAL, FLAG_MESSAGE_END, FLAG_REKEY, RECORD_LIMIT_1, RECORD_LIMIT_2, RECORD_MAX_1, RECORD_MAX_2, RECORD_MIN,
  REKEY_BYTES, REKEY_RECORDS, TYPE_ALERT, TYPE_DATA, TYPE_MASK
} from "../src/wire/stream"
import { Cipher, leadOf, overheadOf, plaintextOf, sealRecord, startSecretstream } from "./cipher"
import { random } from "./host"
import { Arena, giveBuffer, takeBuffer } from "./memory"
import { Record } from "./wire/record"

// Laid out in src/wire/memory.ts.
@unmanaged
export class Writer {
  get cipher(): Cipher { return changetype<Cipher>(this) }
  get buffer(): usize { return load<u32>(changetype<usize>(this), WRITER_BUFFER) }
  set buffer(pointer: usize) { store<u32>(changetype<usize>(this), pointer, WRITER_BUFFER) }
  get start(): u32 { return load<u32>(changetype<usize>(this), WRITER_START) }
  set start(at: u32) { store<u32>(changetype<usize>(this), at, WRITER_START) }
  get end(): u32 { return load<u32>(changetype<usize>(this), WRITER_END) }
  set end(at: u32) { store<u32>(changetype<usize>(this), at, WRITER_END) }
  get unit(): u32 { return load<u32>(changetype<usize>(this), WRITER_UNIT) }
  set unit(left: u32) { store<u32>(changetype<usize>(this), left, WRITER_UNIT) }
  get header(): bool { return load<bool>(changetype<usize>(this), WRITER_HEADER) }
  set header(waits: bool) { store<bool>(changetype<usize>(this), waits, WRITER_HEADER) }
  get ended(): bool { return load<bool>(changetype<usize>(this), WRITER_ENDED) }
  set ended(yes: bool) { store<bool>(changetype<usize>(this), yes, WRITER_ENDED) }
  get dirty(): u32 { return load<u32>(changetype<usize>(this), WRITER_DIRTY) }
  set dirty(end: u32) { store<u32>(changetype<usize>(this), end, WRITER_DIRTY) }
  get limit(): u32 { return load<u32>(changetype<usize>(this), WRITER_LIMIT) }
  set limit(bytes: u32) { store<u32>(changetype<usize>(this), bytes, WRITER_LIMIT) }
  get block(): u32 { return load<u32>(changetype<usize>(this), WRITER_BLOCK) }
  set block(bytes: u32) { store<u32>(changetype<usize>(this), bytes, WRITER_BLOCK) }
  get rekeyAfter(): u32 { return load<u32>(changetype<usize>(this), WRITER_REKEY_AFTER) }
  set rekeyAfter(bytes: u32) { store<u32>(changetype<usize>(this), bytes, WRITER_REKEY_AFTER) }
  get sealed(): u32 { return load<u32>(changetype<usize>(this), WRITER_SEALED) }
  set sealed(bytes: u32) { store<u32>(changetype<usize>(this), bytes, WRITER_SEALED) }
  get records(): u32 { return load<u32>(changetype<usize>(this), WRITER_RECORDS) }
  set records(count: u32) { store<u32>(changetype<usize>(this), count, WRITER_RECORDS) }

  /** The longest record that fits behind `end`, padding included, and is a multiple of the block. */
  longest(end: u32): u32 {
    const fits = min(this.limit, BUFFER_BYTES - end)
    const block = this.block
    return block ? fits - (fits % block) : fits
  }

  get rekeyDue(): bool {
    return this.sealed + this.limit > this.rekeyAfter || this.records + 2 > <u32>REKEY_RECORDS
  }
}

/** The key is in the cipher. In version 1 the stream header is drawn, and waits to be sent. False: no memory. */
export function startWriter(arena: Arena, writer: Writer, version: u32): bool {
  writer.cipher.version = version
  if (!writer.limit) writer.limit = version == 1 ? RECORD_LIMIT_1 : RECORD_LIMIT_2
  if (!writer.rekeyAfter) writer.rekeyAfter = REKEY_BYTES
  if (version != 1) return true
  const header = reserve(arena, writer)
  if (!header) return false
  random(header, STREAM_HEADER_BYTES)
  startSecretstream(writer.cipher, header)
  writer.end += STREAM_HEADER_BYTES
  writer.header = true
  return true
}

/** Where the next bytes to send are to be written, or 0: no memory. */
export function reserve(arena: Arena, writer: Writer): usize {
  if (!writer.buffer) writer.buffer = takeBuffer(arena)
  return writer.buffer ? writer.buffer + writer.end : 0
}

/** A handshake message of `length` bytes was written where `reserve` said; it goes out in one write. */
export function commitMessage(writer: Writer, length: u32): void {
  writer.end += length
  writer.unit = length
}

/** How many bytes the next record can carry; 0 where what waits has to be sent first. */
export function room(writer: Writer): u32 {
  return writer.ended ? 0 : roomFor(writer, writer.longest(writer.end))
}

/** How many bytes a record can carry at most, when nothing waits to be sent. */
export function roomWhenEmpty(writer: Writer): u32 {
  return roomFor(writer, writer.longest(0))
}

/** Where the next record's data belongs, or 0: no memory. The host writes at most `length` bytes there. */
export function window(arena: Arena, writer: Writer, length: u32): usize {
  const record = reserve(arena, writer)
  if (!record) return 0
  const lead = leadOf(writer.cipher.version) + PLAINTEXT_DATA
  writer.dirty = max(writer.dirty, writer.end + lead + length)
  return record + lead
}

/**
 * Seals a record of the `length` bytes in the window; `type` is a type with its flags. Where the key is due to turn over, this
 * record says so. Returns the record's length, or a status: then nothing was sealed.
 */
export function seal(arena: Arena, writer: Writer, length: u32, type: u32): i32 {
  if (writer.ended) return STATUS_ENDED
  const version = writer.cipher.version
  const empty = version == 1 && length == 0 && (type & TYPE_MASK) == TYPE_DATA
  const size = empty ? 0 : PLAINTEXT_DATA + length
  const filled = empty ? EMPTY_BYTES : size
  const total = padded(filled + overheadOf(version), writer.block)
  if (length > <u32>BUFFER_BYTES || total > writer.longest(writer.end)) return STATUS_TOO_LONG
  const pointer = reserve(arena, writer)
  if (!pointer) return STATUS_NO_MEMORY

  const flags = countRecord(writer, total, type)
  const record = changetype<Record>(pointer)
  const plaintext = plaintextOf(record, version)
  record.length = total
  plaintext.size = size
  if (!empty) plaintext.type = version == 1 ? type & TYPE_MASK : (type & TYPE_MASK) | flags
  memory.fill(changetype<usize>(plaintext) + filled, 0, total - overheadOf(version) - filled)
  sealRecord(writer.cipher, record, flags)

  writer.end += total
  if (writer.dirty <= writer.end) writer.dirty = 0
  if (version == 1 && !(flags & FLAG_REKEY) && !writer.ended && writer.rekeyDue) {
    seal(arena, writer, 0, TYPE_DATA | FLAG_REKEY)
  }
  return total
}

/** Where the bytes to send are. */
export function sendPointer(writer: Writer): usize {
  return writer.buffer + writer.start
}

/** How many bytes to send there are; in version 1 only those that go out in one write ("The published program"). */
export function sendLength(writer: Writer, version: u32): u32 {
  const waiting = writer.end - writer.start
  if (version != 1 || !waiting) return waiting
  if (!writer.unit) {
    writer.unit = writer.header ? STREAM_HEADER_BYTES : changetype<Record>(sendPointer(writer)).length
    writer.header = false
  }
  return writer.unit
}

/** `length` bytes were sent. With the last of them the buffer goes back. */
export function sent(arena: Arena, writer: Writer, length: u32): i32 {
  if (length > writer.end - writer.start) return STATUS_TOO_LONG
  writer.start += length
  writer.unit -= min(length, writer.unit)
  if (writer.start == writer.end) releaseBuffer(arena, writer)
  return 0
}

/** What was sealed needs no wiping; what the host may have left in a window does. */
export function releaseBuffer(arena: Arena, writer: Writer): void {
  giveBuffer(arena, writer.buffer, writer.dirty)
  writer.buffer = 0
  writer.start = 0
  writer.end = 0
  writer.unit = 0
  writer.dirty = 0
}

/** Counts a record of `total` bytes, and returns its flags: where the key is due to turn over, it says so. */
function countRecord(writer: Writer, total: u32, type: u32): u32 {
  let flags = type & ~TYPE_MASK
  writer.ended = (flags & FLAG_FINAL) != 0 || (type & TYPE_MASK) == TYPE_ALERT
  writer.sealed += total
  writer.records += 1
  // Secretstream has one tag a record: a version 1 record that ends a message cannot also turn the key over.
  if (writer.ended || !writer.rekeyDue || (writer.cipher.version == 1 && (flags & FLAG_MESSAGE_END))) return flags
  writer.sealed = 0
  writer.records = 0
  return flags | FLAG_REKEY
}

function roomFor(writer: Writer, record: u32): u32 {
  const taken = overheadOf(writer.cipher.version) + PLAINTEXT_DATA
  return record > taken ? record - taken : 0
}

function padded(length: u32, block: u32): u32 {
  return block ? ((length + block - 1) / block) * block : length
}

// An empty record of version 1 has a size of 0 and nothing else.
const EMPTY_BYTES: u32 = 2

if (RECORD_LIMIT_1 > RECORD_MAX_1) ERROR("version 1's record limit is over its maximum")
if (RECORD_MAX_2 > BUFFER_BYTES) ERROR("the longest record does not fit a buffer")
if (RECORD_MIN != 21) ERROR("the shortest record has changed")
