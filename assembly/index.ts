// The ABI and nothing else. A returned i32 at or above 0 is a count or an event of src/wire/abi.ts; below, a status of
// src/wire/status.ts. Pointers are offsets into linear memory; where 0 is returned for one, memory has run out.

import { EVENT_NONE, PHASE_OPEN, PHASE_PEER_PROVED, ROLE_CLIENT } from "../src/wire/abi"
import { HASH_BYTES, KEY_BYTES } from "../src/wire/layout"
import { CIPHER_BYTES } from "../src/wire/memory"
import { STATUS_NO_MEMORY, STATUS_PHASE, STATUS_TOO_LONG } from "../src/wire/status"
import { Cipher, openRecord as openWhole } from "./cipher"
import { Channel, allocateChannel, closeChannel as close, fail, startStream } from "./channel"
import { beginHandshake, receivedMessage } from "./handshake/drive"
import { openHello as readHello, rejectHello as refuseHello } from "./handshake/route"
import { random } from "./host"
import { Arena, allocate as take, createArena as create, release as give, wipeStack } from "./memory"
import * as reader from "./reader"
import { newOpener } from "./record-opener"
import { crypto_generichash, crypto_scalarmult_base } from "./sodium"
import { Record } from "./wire/record"
import * as writer from "./writer"

/** What all channels of this instance share; created once. */
export function createArena(): usize {
  return changetype<usize>(create())
}

/** `size` zeroed bytes for the host's arguments. */
export function allocate(arena: usize, size: usize): usize {
  return take(changetype<Arena>(arena), size)
}

/** Wipes and frees what `allocate` gave. */
export function release(arena: usize, pointer: usize, size: usize): void {
  give(changetype<Arena>(arena), pointer, size)
}

/** Bytes of the heap in use: channels, handshakes, and record buffers that are not idle. */
export function bytesInUse(arena: usize): usize {
  return changetype<Arena>(arena).inUse
}

/** Record buffers handed out to channels. */
export function buffersInUse(arena: usize): u32 {
  return changetype<Arena>(arena).buffers
}

/** Draws a long-term key pair: secret key [32] at `pair`, public key [32] behind it. */
export function drawKeyPair(pair: usize): void {
  random(pair, KEY_BYTES)
  derivePublicKey(pair)
}

/** Derives the public key [32] behind the secret key [32] at `pair`. */
export function derivePublicKey(pair: usize): void {
  crypto_scalarmult_base(pair + KEY_BYTES, pair)
  wipeStack()
}

/** A name [32] for the secret and public key [64] at `pair`, under `key` [32]: it tells nothing of either to who has not got that key. */
export function namePair(name: usize, pair: usize, key: usize): void {
  crypto_generichash(name, HASH_BYTES, pair, 2 * KEY_BYTES, 0, key, KEY_BYTES)
  wipeStack()
}

/** A channel; a client's hello is then ready to be sent. `setup` is laid out in src/wire/abi.ts. */
export function createChannel(
  arena: usize, role: i32, versions: u32, options: u32, setup: usize, contextLength: u32, moreKeys: u32
): usize {
  const channel = allocateChannel(changetype<Arena>(arena), role, versions, options, setup, contextLength, moreKeys)
  if (changetype<usize>(channel) == 0) return 0
  if (role == ROLE_CLIENT) beginHandshake(channel)
  else wipeStack()
  return changetype<usize>(channel)
}

/** Wipes and frees all that a channel holds. Its pointer is no longer valid. */
export function closeChannel(channel: usize): void {
  close(changetype<Channel>(channel))
}

/** After EVENT_PROVED: forgets the handshake and opens the stream. */
export function start(channel: usize): i32 {
  return startStream(changetype<Channel>(channel))
}

/** PHASE_*: how far the channel has come. */
export function phase(channel: usize): i32 {
  return changetype<Channel>(channel).phase
}

/** The channel's first error, or 0. */
export function status(channel: usize): i32 {
  return changetype<Channel>(channel).status
}

/** The protocol's version; 0 where a server does not know it yet. */
export function version(channel: usize): u32 {
  return changetype<Channel>(channel).version
}

/** The code of a reject that was received. */
export function rejectCode(channel: usize): u32 {
  return changetype<Channel>(channel).rejectCode
}

/** The peer's long-term key [32]: proved from EVENT_PROVED on; after STATUS_KEY_MISMATCH or STATUS_PROOF only claimed. */
export function peerKey(channel: usize): usize {
  return changetype<Channel>(channel).peerKey
}

/** Of a server's keys, counted as they stand in `setup`: the one that the client has asked for, from its hello on; 0 where it named none. */
export function keyIndex(channel: usize): u32 {
  return changetype<Channel>(channel).keyIndex
}

/** Version 2: the handshake hash [32]. */
export function handshakeHash(channel: usize): usize {
  return changetype<Channel>(channel).hash
}

/** Between EVENT_PROVED and `start`: the session keys, client to server [32] and server to client [32]; else 0. */
export function sessionKeys(channel: usize): usize {
  const it = changetype<Channel>(channel)
  return it.phase == PHASE_PEER_PROVED ? it.handshake.sessionKeys : 0
}

/** With `sessionKeys`: the client's session public key [32], which names the connection on the wire; else 0. */
export function clientSessionKey(channel: usize): usize {
  const it = changetype<Channel>(channel)
  if (it.phase != PHASE_PEER_PROVED) return 0
  return it.role == ROLE_CLIENT ? it.handshake.sessionPublic : it.handshake.peerSession
}

/** Version 2: derives `length` (16 to 64) bytes at `out` from the exporter secret and `label length u8 ‖ label ‖ context`. */
export function exportKey(channel: usize, out: usize, length: u32, input: usize, inputLength: u32): i32 {
  const it = changetype<Channel>(channel)
  if (it.status < 0) return it.status
  if (it.version != 2 || it.phase < PHASE_PEER_PROVED) return STATUS_PHASE
  crypto_generichash(out, length, input, inputLength, 0, it.exporter, KEY_BYTES)
  wipeStack()
  return length
}

/** How many received bytes can be taken now. 0: opened data has to be consumed first, or the stream started. */
export function receiveRoom(channel: usize): u32 {
  const it = changetype<Channel>(channel)
  if (it.phase == PHASE_OPEN) return reader.room(it.reader)
  return it.phase < PHASE_PEER_PROVED ? it.handshake.room : 0
}

/** Where received bytes belong. */
export function receivePointer(channel: usize): usize {
  const it = changetype<Channel>(channel)
  if (it.phase == PHASE_OPEN) return reader.window(it.arena, it.reader)
  return it.phase < PHASE_PEER_PROVED ? it.handshake.window : 0
}

/** `length` bytes were received into that window. In the handshake, returns an event. */
export function received(channel: usize, length: u32): i32 {
  const it = changetype<Channel>(channel)
  if (it.status < 0) return it.status
  if (it.phase == PHASE_OPEN) return reader.received(it.reader, length)
  return it.phase < PHASE_PEER_PROVED ? receivedMessage(it, length) : STATUS_TOO_LONG
}

/** Opens received records until there is something to report: an event. */
export function read(channel: usize): i32 {
  const it = changetype<Channel>(channel)
  if (it.status < 0) return it.status
  if (it.phase != PHASE_OPEN) return EVENT_NONE
  const event = reader.read(it.arena, it.reader)
  return event < 0 ? fail(it, event) : event
}

/** How many received bytes wait for the rest of their record. */
export function bytesHeld(channel: usize): u32 {
  return reader.held(changetype<Channel>(channel).reader)
}

/** Where the opened bytes are. */
export function dataPointer(channel: usize): usize {
  return reader.dataPointer(changetype<Channel>(channel).reader)
}

/** How many opened bytes there are. */
export function dataLength(channel: usize): u32 {
  return changetype<Channel>(channel).reader.length
}

/** `length` opened bytes were read. */
export function consume(channel: usize, length: u32): i32 {
  const it = changetype<Channel>(channel)
  return reader.consume(it.arena, it.reader, length)
}

/** How many bytes the next record can carry. 0: bytes have to be sent first, or this direction has ended. */
export function writeRoom(channel: usize): u32 {
  const it = changetype<Channel>(channel)
  return it.phase == PHASE_OPEN ? writer.room(it.writer) : 0
}

/** Where the next record's data belongs: at most `length` bytes, no more than `writeRoom`. */
export function writePointer(channel: usize, length: u32): usize {
  const it = changetype<Channel>(channel)
  return it.phase == PHASE_OPEN && length <= writer.room(it.writer) ? writer.window(it.arena, it.writer, length) : 0
}

/** Seals a record of the `length` bytes in that window. `type` is a type with flags (src/wire/stream.ts). Returns its length. */
export function seal(channel: usize, length: u32, type: u32): i32 {
  const it = changetype<Channel>(channel)
  if (it.status < 0) return it.status
  if (it.phase != PHASE_OPEN) return STATUS_PHASE
  const total = writer.seal(it.arena, it.writer, length, type)
  return total == STATUS_NO_MEMORY ? fail(it, total) : total
}

/** How many bytes a record can carry at most, when nothing waits to be sent. */
export function roomWhenEmpty(channel: usize): u32 {
  return writer.roomWhenEmpty(changetype<Channel>(channel).writer)
}

/** Whether a final record or an alert was sealed. */
export function writeEnded(channel: usize): bool {
  return changetype<Channel>(channel).writer.ended
}

/** Where the bytes to send are. */
export function sendPointer(channel: usize): usize {
  return writer.sendPointer(changetype<Channel>(channel).writer)
}

/** How many bytes to send there are; in version 1 those of one write. */
export function sendLength(channel: usize): u32 {
  const it = changetype<Channel>(channel)
  return writer.sendLength(it.writer, it.version)
}

/** `length` bytes were sent. */
export function sent(channel: usize, length: u32): i32 {
  const it = changetype<Channel>(channel)
  return writer.sent(it.arena, it.writer, length)
}

/**
 * Records are at most `limit` bytes, padded to a multiple of `block` (0: not padded), and turn their key over after `rekeyAfter` bytes;
 * 0 leaves a default. Version 2: the host's cipher is asked for records of at least `hostFrom` bytes; 0 for none.
 */
export function shapeRecords(channel: usize, limit: u32, block: u32, rekeyAfter: u32, hostFrom: u32): void {
  const it = changetype<Channel>(channel)
  const writer = it.writer
  it.reader.cipher.hostFrom = hostFrom
  writer.cipher.hostFrom = hostFrom
  if (limit) writer.limit = limit
  if (rekeyAfter) writer.rekeyAfter = rekeyAfter
  writer.block = block
}

/**
 * Middlebox: opens the hello that `length` received bytes begin with, by the secret key [32]; `expected` [32] is then the key that it
 * names. Returns its version, or EVENT_NONE where it has not come whole.
 */
export function openHello(arena: usize, secretKey: usize, hello: usize, length: u32, expected: usize): i32 {
  return readHello(changetype<Arena>(arena), secretKey, hello, length, expected)
}

/** Middlebox: the reject [76] that answers a version 2 hello which `openHello` has opened. */
export function rejectHello(arena: usize, secretKey: usize, hello: usize, code: u32, reject: usize): i32 {
  return refuseHello(changetype<Arena>(arena), secretKey, hello, code, reject)
}

/**
 * Key log: a cipher that opens one direction's records, from its key [32]; in version 1 from its stream header [24] too. 0: no memory.
 */
export function createOpener(arena: usize, version: u32, key: usize, header: usize): usize {
  return changetype<usize>(newOpener(changetype<Arena>(arena), version, key, header))
}

/** Opens a whole record in place, and returns its flags. */
export function openRecord(opener: usize, record: usize): i32 {
  return openWhole(changetype<Cipher>(opener), changetype<Record>(record))
}

/** Wipes and frees what `createOpener` gave. */
export function closeOpener(arena: usize, opener: usize): void {
  release(arena, opener, CIPHER_BYTES)
}

// libsodium's own imports. It asserts and aborts only on misuse, which is a bug of ours: a trap.

/** libsodium's assert. */
export function sodiumAssert(condition: usize, file: usize, line: i32, name: usize): void {
  unreachable()
}

/** libsodium's abort. */
export function sodiumAbort(): void {
  unreachable()
}

/** libsodium's random source: never used, for the core draws from the host (architecture: "Random bytes"). */
export function sodiumRandom(code: usize, signature: usize, args: usize): i32 {
  unreachable()
  return 0
}

/** libsodium's malloc wants the memory to be `size` bytes. */
export function sodiumGrow(size: usize): i32 {
  const pages = <i32>((size + 0xffff) >>> 16) - memory.size()
  return pages <= 0 || memory.grow(pages) >= 0 ? 1 : 0
}
