// Allocation and wiping. libsodium's malloc owns the heap; everything the core takes from it goes through here, and is wiped when it
// comes back.

import { BUFFER_BYTES } from "../src/wire/abi"
import { ARENA_BUFFERS, ARENA_BYTES, ARENA_FREE, ARENA_IDLE, ARENA_IN_USE } from "../src/wire/memory"
import { STACK_BASE, STACK_TOP, free, malloc } from "./sodium"

// What all channels of one instance share. There are no globals, so the host keeps the pointer. Laid out in src/wire/memory.ts.
@unmanaged
export class Arena {
  get free(): usize { return load<u32>(changetype<usize>(this), ARENA_FREE) }
  set free(pointer: usize) { store<u32>(changetype<usize>(this), pointer, ARENA_FREE) }
  get idle(): u32 { return load<u32>(changetype<usize>(this), ARENA_IDLE) }
  set idle(count: u32) { store<u32>(changetype<usize>(this), count, ARENA_IDLE) }
  get inUse(): usize { return load<u32>(changetype<usize>(this), ARENA_IN_USE) }
  set inUse(bytes: usize) { store<u32>(changetype<usize>(this), bytes, ARENA_IN_USE) }
  get buffers(): u32 { return load<u32>(changetype<usize>(this), ARENA_BUFFERS) }
  set buffers(count: u32) { store<u32>(changetype<usize>(this), count, ARENA_BUFFERS) }
}

/** A new arena, or null where memory has run out. */
export function createArena(): Arena {
  const pointer = malloc(ARENA_BYTES)
  if (pointer) wipe(pointer, ARENA_BYTES)
  return changetype<Arena>(pointer)
}

/** `size` zeroed bytes, or 0 where memory has run out. */
export function allocate(arena: Arena, size: usize): usize {
  const pointer = malloc(size)
  if (!pointer) return 0
  wipe(pointer, size)
  arena.inUse += size
  return pointer
}

/** Wipes and frees what `allocate` gave. */
export function release(arena: Arena, pointer: usize, size: usize): void {
  if (!pointer) return
  wipe(pointer, size)
  free(pointer)
  arena.inUse -= size
}

/** A record buffer of BUFFER_BYTES, with nothing secret in it, or 0 where memory has run out. */
export function takeBuffer(arena: Arena): usize {
  let buffer = arena.free
  if (buffer) {
    arena.free = load<u32>(buffer)
    arena.idle -= 1
  } else {
    buffer = malloc(BUFFER_BYTES)
    if (!buffer) return 0
  }
  arena.buffers += 1
  arena.inUse += BUFFER_BYTES
  return buffer
}

/** Takes a record buffer back, wiping its first `used` bytes: the caller vouches that the others hold nothing secret. */
export function giveBuffer(arena: Arena, buffer: usize, used: usize): void {
  if (!buffer) return
  wipe(buffer, used)
  arena.buffers -= 1
  arena.inUse -= BUFFER_BYTES
  if (arena.idle >= IDLE_MAX) return free(buffer)
  store<u32>(buffer, arena.free)
  arena.free = buffer
  arena.idle += 1
}

export function wipe(pointer: usize, size: usize): void {
  memory.fill(pointer, 0, size)
}

/** Wipes what libsodium's calls have left on its stack. The core has no frames there, so between calls all of it is free. */
export function wipeStack(): void {
  wipe(STACK_BASE, STACK_TOP - STACK_BASE)
}

/** Whether two keys are equal, in constant time. */
export function equalKeys(a: usize, b: usize): bool {
  return differenceOf(a, b) == 0
}

/** All ones if two keys are equal, else 0; without a branch. */
export function maskIfEqual(a: usize, b: usize): u64 {
  return maskIfZero(differenceOf(a, b))
}

/** All ones for 0, else 0; without a branch. */
export function maskIfZero(value: u64): u64 {
  return ((value | (0 - value)) >> 63) - 1
}

/** ORs the masked bytes of a key [32] onto `out` [32], which is zero, or has been given the other keys so. */
export function mergeKey(out: usize, key: usize, mask: u64): void {
  store<u64>(out, load<u64>(out) | (load<u64>(key) & mask))
  store<u64>(out, load<u64>(out, 8) | (load<u64>(key, 8) & mask), 8)
  store<u64>(out, load<u64>(out, 16) | (load<u64>(key, 16) & mask), 16)
  store<u64>(out, load<u64>(out, 24) | (load<u64>(key, 24) & mask), 24)
}

function differenceOf(a: usize, b: usize): u64 {
  return (
    (load<u64>(a) ^ load<u64>(b)) |
    (load<u64>(a, 8) ^ load<u64>(b, 8)) |
    (load<u64>(a, 16) ^ load<u64>(b, 16)) |
    (load<u64>(a, 24) ^ load<u64>(b, 24))
  )
}

/** Whether `length` bytes are zero, in time that depends on the length alone. */
export function allZero(pointer: usize, length: usize): bool {
  let seen: u64 = 0
  let at: usize = 0
  for (; at + 8 <= length; at += 8) seen |= load<u64>(pointer + at)
  for (; at < length; at++) seen |= load<u8>(pointer + at)
  return seen == 0
}

// Beyond this many idle buffers (2 MB) they go back to libsodium's heap.
const IDLE_MAX: u32 = 32
