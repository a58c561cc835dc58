// ChaCha20 (RFC 8439, section 2.4), four blocks at a time: each vector holds one word of all four. Poly1305 runs between its rounds, in the
// parts of a processor that do not work on vectors, and so costs next to nothing.

import { BLOCK_BYTES, Poly1305, absorb } from "./poly1305"

/*
 * ┌──────────────────────────────────────────────────────────────────────────────────┐
 * │ state u32[16]: of section 2.3, as a matrix:                                      │
 * │   constants [4]                                                                  │
 * │   key [8]                                                                        │
 * │   counter of the next block, nonce [3]                                           │
 * │ third row v128[4]: row c of the matrix in the rounds, for which there is no room │
 * │   in sixteen registers                                                           │
 * │ stream [256]: the four blocks that were made last                                │
 * └──────────────────────────────────────────────────────────────────────────────────┘
 */
const STATE: usize = 0
const KEY: usize = STATE + 16
const COUNTER: usize = KEY + 32
const NONCE: usize = COUNTER + 4
const THIRD_ROW: usize = NONCE + 12
const STREAM: usize = THIRD_ROW + 64
export const CHACHA20_BYTES: usize = STREAM + 256
export const STREAM_BYTES: u32 = 256

@unmanaged
export class ChaCha20 {
  get counter(): u32 { return load<u32>(changetype<usize>(this), COUNTER) }
  set counter(block: u32) { store<u32>(changetype<usize>(this), block, COUNTER) }
  get thirdRow(): usize { return changetype<usize>(this) + THIRD_ROW }
  get stream(): usize { return changetype<usize>(this) + STREAM }

  /** A word of the state, in all four blocks. */
  // @ts-ignore: decorator
  @inline
  word(index: usize): v128 { return v128.load32_splat(changetype<usize>(this) + 4 * index) }

  // @ts-ignore: decorator
  @inline
  row(index: usize): v128 { return v128.load(changetype<usize>(this) + 16 * index) }

  /** The counters of the next four blocks. */
  get counters(): v128 { return i32x4.add(this.word(12), i32x4(0, 1, 2, 3)) }
}

/** Takes a key [32] and a nonce [12]; the next block is number 0. */
export function startChaCha20(cipher: ChaCha20, key: usize, nonce: usize): void {
  const state = changetype<usize>(cipher)
  v128.store(state, i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574)) // "expand 32-byte k"
  v128.store(state, v128.load(key), KEY)
  v128.store(state, v128.load(key, 16), KEY + 16)
  cipher.counter = 0
  store<u64>(state, load<u64>(nonce), NONCE)
  store<u32>(state, load<u32>(nonce, 8), NONCE + 8)
}

/** Makes the next four blocks of the stream. Meanwhile, Poly1305 takes `pairs` pairs of blocks at `data`, ten at most. */
export function nextStream(cipher: ChaCha20, poly: Poly1305, data: usize, pairs: u32): void {
  const rowC = cipher.thirdRow
  let a0 = cipher.word(0), a1 = cipher.word(1), a2 = cipher.word(2), a3 = cipher.word(3)
  let b0 = cipher.word(4), b1 = cipher.word(5), b2 = cipher.word(6), b3 = cipher.word(7)
  let d0 = cipher.counters, d1 = cipher.word(13), d2 = cipher.word(14), d3 = cipher.word(15)
  storeRow(rowC, cipher.word(8), cipher.word(9), cipher.word(10), cipher.word(11))

  let c: v128
  for (let round: u32 = 0; round < 10; round++) {
    // The four columns of the matrix; a quarter round (section 2.1) is two lines.
    c = v128.load(rowC)
    a0 = add(a0, b0); d0 = turn16(d0, a0); c = add(c, d0); b0 = turn12(b0, c)
    a0 = add(a0, b0); d0 = turn8(d0, a0); c = add(c, d0); b0 = turn7(b0, c)
    v128.store(rowC, c)
    c = v128.load(rowC, 16)
    a1 = add(a1, b1); d1 = turn16(d1, a1); c = add(c, d1); b1 = turn12(b1, c)
    a1 = add(a1, b1); d1 = turn8(d1, a1); c = add(c, d1); b1 = turn7(b1, c)
    v128.store(rowC, c, 16)
    c = v128.load(rowC, 32)
    a2 = add(a2, b2); d2 = turn16(d2, a2); c = add(c, d2); b2 = turn12(b2, c)
    a2 = add(a2, b2); d2 = turn8(d2, a2); c = add(c, d2); b2 = turn7(b2, c)
    v128.store(rowC, c, 32)
    c = v128.load(rowC, 48)
    a3 = add(a3, b3); d3 = turn16(d3, a3); c = add(c, d3); b3 = turn12(b3, c)
    a3 = add(a3, b3); d3 = turn8(d3, a3); c = add(c, d3); b3 = turn7(b3, c)
    v128.store(rowC, c, 48)
    if (round < pairs) absorb(poly, data)

    // The four diagonals.
    c = v128.load(rowC, 32)
    a0 = add(a0, b1); d3 = turn16(d3, a0); c = add(c, d3); b1 = turn12(b1, c)
    a0 = add(a0, b1); d3 = turn8(d3, a0); c = add(c, d3); b1 = turn7(b1, c)
    v128.store(rowC, c, 32)
    c = v128.load(rowC, 48)
    a1 = add(a1, b2); d0 = turn16(d0, a1); c = add(c, d0); b2 = turn12(b2, c)
    a1 = add(a1, b2); d0 = turn8(d0, a1); c = add(c, d0); b2 = turn7(b2, c)
    v128.store(rowC, c, 48)
    c = v128.load(rowC)
    a2 = add(a2, b3); d1 = turn16(d1, a2); c = add(c, d1); b3 = turn12(b3, c)
    a2 = add(a2, b3); d1 = turn8(d1, a2); c = add(c, d1); b3 = turn7(b3, c)
    v128.store(rowC, c)
    c = v128.load(rowC, 16)
    a3 = add(a3, b0); d2 = turn16(d2, a3); c = add(c, d2); b0 = turn12(b0, c)
    a3 = add(a3, b0); d2 = turn8(d2, a3); c = add(c, d2); b0 = turn7(b0, c)
    v128.store(rowC, c, 16)
    if (round < pairs) absorb(poly, data + BLOCK_BYTES)
    data += 2 * BLOCK_BYTES
  }

  // The state is added to what the rounds have made of it.
  const stream = cipher.stream
  storeBlocks(stream, add(a0, cipher.word(0)), add(a1, cipher.word(1)), add(a2, cipher.word(2)), add(a3, cipher.word(3)))
  storeBlocks(stream + 16, add(b0, cipher.word(4)), add(b1, cipher.word(5)), add(b2, cipher.word(6)), add(b3, cipher.word(7)))
  storeBlocks(
    stream + 32, add(v128.load(rowC), cipher.word(8)), add(v128.load(rowC, 16), cipher.word(9)),
    add(v128.load(rowC, 32), cipher.word(10)), add(v128.load(rowC, 48), cipher.word(11))
  )
  storeBlocks(stream + 48, add(d0, cipher.counters), add(d1, cipher.word(13)), add(d2, cipher.word(14)), add(d3, cipher.word(15)))
  cipher.counter += 4
}

/**
 * Makes the first three blocks of the stream, which is all that a short record takes, in three quarters of the time of four. Here a vector
 * holds a row of one block's matrix, and the diagonals are brought into columns and back.
 */
export function shortStream(cipher: ChaCha20): void {
  const a = cipher.row(0), b = cipher.row(1), c = cipher.row(2)
  const first = cipher.row(3), second = add(first, i32x4(1, 0, 0, 0)), third = add(first, i32x4(2, 0, 0, 0))
  let a0 = a, b0 = b, c0 = c, d0 = first
  let a1 = a, b1 = b, c1 = c, d1 = second
  let a2 = a, b2 = b, c2 = c, d2 = third
  for (let round: u32 = 0; round < 10; round++) {
    a0 = add(a0, b0); d0 = turn16(d0, a0); c0 = add(c0, d0); b0 = turn12(b0, c0)
    a1 = add(a1, b1); d1 = turn16(d1, a1); c1 = add(c1, d1); b1 = turn12(b1, c1)
    a2 = add(a2, b2); d2 = turn16(d2, a2); c2 = add(c2, d2); b2 = turn12(b2, c2)
    a0 = add(a0, b0); d0 = turn8(d0, a0); c0 = add(c0, d0); b0 = turn7(b0, c0)
    a1 = add(a1, b1); d1 = turn8(d1, a1); c1 = add(c1, d1); b1 = turn7(b1, c1)
    a2 = add(a2, b2); d2 = turn8(d2, a2); c2 = add(c2, d2); b2 = turn7(b2, c2)
    b0 = left1(b0); c0 = left2(c0); d0 = left3(d0)
    b1 = left1(b1); c1 = left2(c1); d1 = left3(d1)
    b2 = left1(b2); c2 = left2(c2); d2 = left3(d2)

    a0 = add(a0, b0); d0 = turn16(d0, a0); c0 = add(c0, d0); b0 = turn12(b0, c0)
    a1 = add(a1, b1); d1 = turn16(d1, a1); c1 = add(c1, d1); b1 = turn12(b1, c1)
    a2 = add(a2, b2); d2 = turn16(d2, a2); c2 = add(c2, d2); b2 = turn12(b2, c2)
    a0 = add(a0, b0); d0 = turn8(d0, a0); c0 = add(c0, d0); b0 = turn7(b0, c0)
    a1 = add(a1, b1); d1 = turn8(d1, a1); c1 = add(c1, d1); b1 = turn7(b1, c1)
    a2 = add(a2, b2); d2 = turn8(d2, a2); c2 = add(c2, d2); b2 = turn7(b2, c2)
    b0 = left3(b0); c0 = left2(c0); d0 = left1(d0)
    b1 = left3(b1); c1 = left2(c1); d1 = left1(d1)
    b2 = left3(b2); c2 = left2(c2); d2 = left1(d2)
  }
  const stream = cipher.stream
  storeRow(stream, add(a0, a), add(b0, b), add(c0, c), add(d0, first))
  storeRow(stream + 64, add(a1, a), add(b1, b), add(c1, c), add(d1, second))
  storeRow(stream + 128, add(a2, a), add(b2, b), add(c2, c), add(d2, third))
}

/** Writes `length` bytes at `from`, xor the stream behind its first `skipped` bytes, to `to`. */
export function xorStream(cipher: ChaCha20, skipped: usize, to: usize, from: usize, length: u32): void {
  let stream = cipher.stream + skipped
  const end = from + length
  for (; from + 16 <= end; from += 16) {
    v128.store(to, v128.xor(v128.load(from), v128.load(stream)))
    to += 16
    stream += 16
  }
  for (; from < end; from++) {
    store<u8>(to, load<u8>(from) ^ load<u8>(stream))
    to++
    stream++
  }
}

// @ts-ignore: decorator
@inline
function add(a: v128, b: v128): v128 {
  return i32x4.add(a, b)
}

// a xor b, each word rotated to the left. By 16 and by 8 bits, that is a change of places.

// @ts-ignore: decorator
@inline
function turn16(a: v128, b: v128): v128 {
  return i8x16.swizzle(v128.xor(a, b), i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13))
}

// @ts-ignore: decorator
@inline
function turn12(a: v128, b: v128): v128 {
  const x = v128.xor(a, b)
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20))
}

// @ts-ignore: decorator
@inline
function turn8(a: v128, b: v128): v128 {
  return i8x16.swizzle(v128.xor(a, b), i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14))
}

// @ts-ignore: decorator
@inline
function turn7(a: v128, b: v128): v128 {
  const x = v128.xor(a, b)
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25))
}

// A row's words, so many places to the left.

// @ts-ignore: decorator
@inline
function left1(row: v128): v128 {
  return i32x4.shuffle(row, row, 1, 2, 3, 0)
}

// @ts-ignore: decorator
@inline
function left2(row: v128): v128 {
  return i32x4.shuffle(row, row, 2, 3, 0, 1)
}

// @ts-ignore: decorator
@inline
function left3(row: v128): v128 {
  return i32x4.shuffle(row, row, 3, 0, 1, 2)
}

// @ts-ignore: decorator
@inline
function storeRow(row: usize, w0: v128, w1: v128, w2: v128, w3: v128): void {
  v128.store(row, w0)
  v128.store(row, w1, 16)
  v128.store(row, w2, 32)
  v128.store(row, w3, 48)
}

/** Writes a row of four words into each of the four blocks: a vector has one word of every block, a row four of one. */
// @ts-ignore: decorator
@inline
function storeBlocks(row: usize, w0: v128, w1: v128, w2: v128, w3: v128): void {
  const first = i32x4.shuffle(w0, w1, 0, 4, 1, 5), second = i32x4.shuffle(w2, w3, 0, 4, 1, 5)
  const third = i32x4.shuffle(w0, w1, 2, 6, 3, 7), fourth = i32x4.shuffle(w2, w3, 2, 6, 3, 7)
  v128.store(row, i64x2.shuffle(first, second, 0, 2))
  v128.store(row, i64x2.shuffle(first, second, 1, 3), 64)
  v128.store(row, i64x2.shuffle(third, fourth, 0, 2), 128)
  v128.store(row, i64x2.shuffle(third, fourth, 1, 3), 192)
}
