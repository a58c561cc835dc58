// Version 2's record cipher, ChaCha20-Poly1305 (RFC 8439, section 2.8), for vectors of 128 bits. It has libsodium's names and signatures, so
// that the linker can give the core either (tools/link/main.js). An output may lie where its input is, or below, but not begin inside it;
// and there has to be one, while libsodium can check a tag alone. All else is a bug of ours, and a trap before anything is written.

import { MAC_BYTES } from "../../src/wire/layout"
import { STACK_BASE } from "../sodium"
import { CHACHA20_BYTES, ChaCha20, STREAM_BYTES, nextStream, shortStream, startChaCha20, xorStream } from "./chacha20"
import {
  BLOCK_BYTES, POLY1305_BYTES, Poly1305, absorbPadded, absorbPair, finishPoly1305, startPoly1305
} from "./poly1305"

/*
 * The scratch lies where libsodium's stack ends, which is free: neither calls the other. It is wiped before a call returns.
 *
 * ┌─────────────────────┐
 * │ ChaCha20            │
 * │ Poly1305            │
 * └─────────────────────┘
 */
const POLY1305: usize = CHACHA20_BYTES
const SCRATCH_BYTES: usize = POLY1305 + POLY1305_BYTES

/** Seals `mlen` bytes at `m` as ciphertext ‖ tag [16] at `c`. Always 0. */
export function crypto_aead_chacha20poly1305_ietf_encrypt(
  c: usize, clen_p: usize, m: usize, mlen: i32, mlenHigh: i32, ad: usize, adlen: i32, adlenHigh: i32,
  nsec: usize, npub: usize, k: usize
): i32 {
  if ((mlenHigh | adlenHigh) != 0 || !possible(c, m, mlen) || !inMemory(ad, adlen)) unreachable()
  const cipher = changetype<ChaCha20>(STACK_BASE)
  const poly = changetype<Poly1305>(STACK_BASE + POLY1305)
  const length = <u32>mlen
  start(cipher, poly, npub, k, length)
  absorbPadded(poly, ad, adlen)

  // Poly1305 takes what was sealed with the last blocks while the next are made.
  let taken: u32 = 0
  let sealed = min(length, FIRST_BYTES)
  xorStream(cipher, KEY_BLOCK_BYTES, c, m, sealed)
  while (sealed < length) {
    nextStream(cipher, poly, c + taken, (sealed - taken) / PAIR_BYTES)
    taken = sealed
    const part = min(length - sealed, STREAM_BYTES)
    xorStream(cipher, 0, c + sealed, m + sealed, part)
    sealed += part
  }
  absorbPadded(poly, c + taken, length - taken)

  absorbPair(poly, <u32>adlen, length)
  finishPoly1305(poly, c + length)
  if (clen_p) store<u64>(clen_p, <u64>length + TAG_BYTES)
  wipeScratch()
  return 0
}

/** Opens ciphertext ‖ tag [16], `clen` bytes at `c`, to `m`. Where the tag does not fit it returns -1, and `m` is zeros. */
export function crypto_aead_chacha20poly1305_ietf_decrypt(
  m: usize, mlen_p: usize, nsec: usize, c: usize, clen: i32, clenHigh: i32, ad: usize, adlen: i32, adlenHigh: i32,
  npub: usize, k: usize
): i32 {
  if ((clenHigh | adlenHigh) != 0 || !possible(m, c, clen) || !inMemory(ad, adlen)) unreachable()
  if (mlen_p) store<u64>(mlen_p, 0)
  if (<u32>clen < TAG_BYTES) return -1
  const length = <u32>clen - TAG_BYTES
  const cipher = changetype<ChaCha20>(STACK_BASE)
  const poly = changetype<Poly1305>(STACK_BASE + POLY1305)
  start(cipher, poly, npub, k, length)
  absorbPadded(poly, ad, adlen)

  // Poly1305 takes what the blocks will open while they are made.
  let opened = min(length, FIRST_BYTES)
  absorbPadded(poly, c, opened)
  xorStream(cipher, KEY_BLOCK_BYTES, m, c, opened)
  while (opened < length) {
    const part = min(length - opened, STREAM_BYTES)
    const pairs = part / PAIR_BYTES
    nextStream(cipher, poly, c + opened, pairs)
    absorbPadded(poly, c + opened + pairs * PAIR_BYTES, part - pairs * PAIR_BYTES)
    xorStream(cipher, 0, m + opened, c + opened, part)
    opened += part
  }

  absorbPair(poly, <u32>adlen, length)
  finishPoly1305(poly, cipher.stream)
  const fits = equalTags(cipher.stream, c + length)
  wipeScratch()
  if (!fits) {
    memory.fill(m, 0, length)
    return -1
  }
  if (mlen_p) store<u64>(mlen_p, length)
  return 0
}

/** Block 0 is Poly1305's key (section 2.6); the three behind it are the stream's first. */
function start(cipher: ChaCha20, poly: Poly1305, nonce: usize, key: usize, length: u32): void {
  startChaCha20(cipher, key, nonce)
  if (length <= SHORT_BYTES) shortStream(cipher)
  else nextStream(cipher, poly, 0, 0)
  startPoly1305(poly, cipher.stream)
}

/** Whether `length` bytes at `from` can be replaced at `to`, without changing what is yet to be read of them. */
function possible(to: usize, from: usize, length: u32): bool {
  return to != 0 && inMemory(from, length) && inMemory(to, length + TAG_BYTES) && (to <= from || to - from >= length)
}

/** Whether the end of `length` bytes has an address at all: whether there is memory is seen when they are read. */
function inMemory(at: usize, length: u32): bool {
  return at + length >= at
}

/** In constant time. */
function equalTags(a: usize, b: usize): bool {
  return ((load<u64>(a) ^ load<u64>(b)) | (load<u64>(a, 8) ^ load<u64>(b, 8))) == 0
}

function wipeScratch(): void {
  for (let at: usize = 0; at < SCRATCH_BYTES; at += 16) v128.store(STACK_BASE + at, i64x2.splat(0))
}

const TAG_BYTES: u32 = MAC_BYTES
const KEY_BLOCK_BYTES: u32 = 64
const SHORT_BYTES: u32 = 2 * KEY_BLOCK_BYTES
const FIRST_BYTES: u32 = STREAM_BYTES - KEY_BLOCK_BYTES
const PAIR_BYTES: u32 = 2 * BLOCK_BYTES

if (SCRATCH_BYTES % 16 != 0) ERROR("the scratch is wiped 16 bytes at a time")
if (STREAM_BYTES / PAIR_BYTES > 10) ERROR("Poly1305 takes more than ChaCha20 has rounds for")
