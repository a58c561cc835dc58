// One connection's memory, its phases, its wipe.

import {
  EVENT_NONE, OPTION_MIDDLEBOX_KEY, OPTION_SERVER_KEY, OPTION_WASM_ONLY, PHASE_CREATED, PHASE_FAILED, PHASE_OPEN, PHASE_PEER_PROVED,
  ROLE_CLIENT, SERVES_2, SETUP_CONTEXT, SETUP_MIDDLEBOX_KEY, SETUP_PUBLIC_KEY, SETUP_SECRET_KEY, SETUP_SERVER_KEY
} from "../src/wire/abi"
import { KEY_BYTES } from "../src/wire/layout"
import {
  CHANNEL_ARENA, CHANNEL_BYTES, CHANNEL_EXPORTER, CHANNEL_HANDSHAKE, CHANNEL_HANDSHAKE_PLACE, CHANNEL_HASH, CHANNEL_KEY_INDEX,
  CHANNEL_MORE_BYTES, CHANNEL_MORE_PLACE, CHANNEL_OFFER_PLACE, CHANNEL_OPTIONS, CHANNEL_PEER_KEY, CHANNEL_PHASE, CHANNEL_READER,
  CHANNEL_REJECT, CHANNEL_ROLE, CHANNEL_STATUS, CHANNEL_STEP_PLACE, CHANNEL_VERSION, CHANNEL_VERSIONS, CHANNEL_WRITER, READER_BYTES,
  RUNNING_BYTES, TRANSCRIPT_BYTES
} from "../src/wire/memory"
import { STATUS_NO_MEMORY, STATUS_PHASE } from "../src/wire/status"
import { Handshake, PAIR_BYTES, createHandshake, keepKeys, releaseHandshake } from "./handshake/state"
import { Arena, allocate, release, wipe, wipeStack } from "./memory"
import { Reader, releaseReader } from "./reader"
import { Transcript } from "./transcript"
import { Writer, releaseBuffer, startWriter } from "./writer"

// Laid out in src/wire/memory.ts.
@unmanaged
export class Channel {
  get arena(): Arena { return changetype<Arena>(<usize>load<u32>(changetype<usize>(this), CHANNEL_ARENA)) }
  set arena(arena: Arena) { store<u32>(changetype<usize>(this), changetype<usize>(arena), CHANNEL_ARENA) }
  get handshake(): Handshake { return changetype<Handshake>(<usize>load<u32>(changetype<usize>(this), CHANNEL_HANDSHAKE)) }
  set handshake(handshake: Handshake) { store<u32>(changetype<usize>(this), changetype<usize>(handshake), CHANNEL_HANDSHAKE) }
  get status(): i32 { return load<i32>(changetype<usize>(this), CHANNEL_STATUS) }
  set status(status: i32) { store<i32>(changetype<usize>(this), status, CHANNEL_STATUS) }
  get phase(): i32 { return load<u8>(changetype<usize>(this), CHANNEL_PHASE) }
  set phase(phase: i32) { store<u8>(changetype<usize>(this), <u8>phase, CHANNEL_PHASE) }
  get role(): i32 { return load<u8>(changetype<usize>(this), CHANNEL_ROLE) }
  set role(role: i32) { store<u8>(changetype<usize>(this), <u8>role, CHANNEL_ROLE) }
  get version(): u32 { return load<u8>(changetype<usize>(this), CHANNEL_VERSION) }
  set version(version: u32) { store<u8>(changetype<usize>(this), <u8>version, CHANNEL_VERSION) }
  get versions(): u32 { return load<u8>(changetype<usize>(this), CHANNEL_VERSIONS) }
  set versions(bits: u32) { store<u8>(changetype<usize>(this), <u8>bits, CHANNEL_VERSIONS) }
  get options(): u32 { return load<u8>(changetype<usize>(this), CHANNEL_OPTIONS) }
  set options(bits: u32) { store<u8>(changetype<usize>(this), <u8>bits, CHANNEL_OPTIONS) }
  get keyIndex(): u32 { return load<u8>(changetype<usize>(this), CHANNEL_KEY_INDEX) }
  set keyIndex(index: u32) { store<u8>(changetype<usize>(this), <u8>index, CHANNEL_KEY_INDEX) }
  get rejectCode(): u32 { return load<u16>(changetype<usize>(this), CHANNEL_REJECT) }
  set rejectCode(code: u32) { store<u16>(changetype<usize>(this), <u16>code, CHANNEL_REJECT) }
  set handshakePlace(pointer: usize) { store<u32>(changetype<usize>(this), pointer, CHANNEL_HANDSHAKE_PLACE) }
  set offerPlace(pointer: usize) { store<u32>(changetype<usize>(this), pointer, CHANNEL_OFFER_PLACE) }
  set stepPlace(pointer: usize) { store<u32>(changetype<usize>(this), pointer, CHANNEL_STEP_PLACE) }
  set morePlace(pointer: usize) { store<u32>(changetype<usize>(this), pointer, CHANNEL_MORE_PLACE) }
  get moreBytes(): u32 { return load<u32>(changetype<usize>(this), CHANNEL_MORE_BYTES) }
  set moreBytes(bytes: u32) { store<u32>(changetype<usize>(this), bytes, CHANNEL_MORE_BYTES) }
  get peerKey(): usize { return changetype<usize>(this) + CHANNEL_PEER_KEY }
  get hash(): usize { return changetype<usize>(this) + CHANNEL_HASH }
  get exporter(): usize { return changetype<usize>(this) + CHANNEL_EXPORTER }
  get reader(): Reader { return changetype<Reader>(changetype<usize>(this) + CHANNEL_READER) }
  get writer(): Writer { return changetype<Writer>(changetype<usize>(this) + CHANNEL_WRITER) }

  has(option: u32): bool {
    return (this.options & option) != 0
  }

  /** Whether the host's own primitives may be used: in version 2 alone. */
  get outside(): bool {
    return this.version == 2 && !this.has(OPTION_WASM_ONLY)
  }
}

/** A channel with what `setup` says, copied; or null where memory has run out. */
export function allocateChannel(
  arena: Arena, role: i32, versions: u32, options: u32, setup: usize, contextLength: u32, moreKeys: u32
): Channel {
  const channel = changetype<Channel>(allocate(arena, CHANNEL_BYTES))
  if (changetype<usize>(channel) == 0) return channel
  channel.arena = arena
  channel.role = role
  channel.versions = versions
  channel.options = options
  channel.phase = PHASE_CREATED
  const handshake = createHandshake(arena)
  channel.handshake = handshake
  channel.handshakePlace = changetype<usize>(handshake)
  channel.moreBytes = moreKeys * (role == ROLE_CLIENT ? KEY_BYTES : PAIR_BYTES)
  if (
    changetype<usize>(handshake) == 0 ||
    !startTranscript(arena, handshake, versions, setup, contextLength) ||
    !keepKeys(arena, handshake, setup + SETUP_CONTEXT + contextLength, moreKeys, channel.moreBytes)
  ) {
    closeChannel(channel)
    return changetype<Channel>(0)
  }
  channel.morePlace = handshake.moreKeys
  memory.copy(handshake.secretKey, setup + SETUP_SECRET_KEY, KEY_BYTES)
  memory.copy(handshake.publicKey, setup + SETUP_PUBLIC_KEY, KEY_BYTES)
  if (options & OPTION_SERVER_KEY) memory.copy(handshake.expected, setup + SETUP_SERVER_KEY, KEY_BYTES)
  if (options & OPTION_MIDDLEBOX_KEY) memory.copy(handshake.addressed, setup + SETUP_MIDDLEBOX_KEY, KEY_BYTES)
  return channel
}

/** The peer has proved its key: takes up the session keys, forgets the handshake, and opens the stream. */
export function startStream(channel: Channel): i32 {
  if (channel.status < 0) return channel.status
  if (channel.phase != PHASE_PEER_PROVED) return STATUS_PHASE
  const handshake = channel.handshake
  const client = channel.role == ROLE_CLIENT
  const clientToServer = handshake.sessionKeys
  const serverToClient = clientToServer + KEY_BYTES
  memory.copy(channel.reader.cipher.key, client ? serverToClient : clientToServer, KEY_BYTES)
  memory.copy(channel.writer.cipher.key, client ? clientToServer : serverToClient, KEY_BYTES)
  channel.reader.cipher.version = channel.version
  forgetHandshake(channel)
  if (!startWriter(channel.arena, channel.writer, channel.version)) return fail(channel, STATUS_NO_MEMORY)
  channel.phase = PHASE_OPEN
  return EVENT_NONE
}

/** The first error sticks. Every secret is wiped; bytes that wait to be sent stay, for they may tell the peer why. */
export function fail(channel: Channel, status: i32): i32 {
  channel.status = status
  channel.phase = PHASE_FAILED
  forgetHandshake(channel)
  wipeStream(channel)
  wipeStack()
  return status
}

/** Wipes and frees all that the channel held. */
export function closeChannel(channel: Channel): void {
  forgetHandshake(channel)
  wipeStream(channel)
  releaseBuffer(channel.arena, channel.writer)
  release(channel.arena, changetype<usize>(channel), CHANNEL_BYTES)
  wipeStack()
}

function wipeStream(channel: Channel): void {
  releaseReader(channel.arena, channel.reader)
  wipe(changetype<usize>(channel.reader), READER_BYTES)
  wipe(channel.writer.cipher.key, KEY_BYTES)
  wipe(channel.exporter, KEY_BYTES)
}

function forgetHandshake(channel: Channel): void {
  releaseHandshake(channel.arena, channel.handshake, channel.moreBytes)
  channel.handshake = changetype<Handshake>(0)
}

/** Version 2: h and ck as both ends start, with the application's context. */
function startTranscript(arena: Arena, handshake: Handshake, versions: u32, setup: usize, contextLength: u32): bool {
  if (!(versions & SERVES_2)) return true
  const transcript = changetype<Transcript>(allocate(arena, TRANSCRIPT_BYTES))
  if (changetype<usize>(transcript) == 0) return false
  transcript.start()
  transcript.mixHash(setup + SETUP_CONTEXT, contextLength)
  memory.copy(handshake.running, changetype<usize>(transcript), RUNNING_BYTES)
  release(arena, changetype<usize>(transcript), TRANSCRIPT_BYTES)
  return true
}
