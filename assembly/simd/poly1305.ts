// Poly1305 (RFC 8439, section 2.5) in words of 32 bits, whose products a u64 holds. It takes whole blocks only, as the construction of
// section 2.8 has no others. No branch and no address depends on the key or the data, only on lengths.

/*
 * ┌─────────────────────────────────────────────────────────────────────────────────────────┐
 * │ h0 u64 … h4 u64: the accumulator, in words of 32 bits; h0 and h4 may be a little longer │
 * │ r0 u64 … r3 u64: r in words of 32 bits, clamped, so each is below 2²⁸                   │
 * │ s1 u64 … s3 u64: r1 to r3, which clamping made multiples of 4, times 5/4                │
 * │ pad u64, u64: the second half of the key, added at the end                              │
 * └─────────────────────────────────────────────────────────────────────────────────────────┘
 */
const H0: usize = 0
const H1: usize = H0 + 8
const H2: usize = H1 + 8
const H3: usize = H2 + 8
const H4: usize = H3 + 8
const R0: usize = H4 + 8
const R1: usize = R0 + 8
const R2: usize = R1 + 8
const R3: usize = R2 + 8
const S1: usize = R3 + 8
const S2: usize = S1 + 8
const S3: usize = S2 + 8
const PAD: usize = S3 + 8
export const POLY1305_BYTES: usize = PAD + 16
export const BLOCK_BYTES: u32 = 16

@unmanaged
export class Poly1305 {
  get h0(): u64 { return load<u64>(changetype<usize>(this), H0) }
  set h0(word: u64) { store<u64>(changetype<usize>(this), word, H0) }
  get h1(): u64 { return load<u64>(changetype<usize>(this), H1) }
  set h1(word: u64) { store<u64>(changetype<usize>(this), word, H1) }
  get h2(): u64 { return load<u64>(changetype<usize>(this), H2) }
  set h2(word: u64) { store<u64>(changetype<usize>(this), word, H2) }
  get h3(): u64 { return load<u64>(changetype<usize>(this), H3) }
  set h3(word: u64) { store<u64>(changetype<usize>(this), word, H3) }
  get h4(): u64 { return load<u64>(changetype<usize>(this), H4) }
  set h4(word: u64) { store<u64>(changetype<usize>(this), word, H4) }
  get r0(): u64 { return load<u64>(changetype<usize>(this), R0) }
  set r0(word: u64) { store<u64>(changetype<usize>(this), word, R0) }
  get r1(): u64 { return load<u64>(changetype<usize>(this), R1) }
  set r1(word: u64) { store<u64>(changetype<usize>(this), word, R1) }
  get r2(): u64 { return load<u64>(changetype<usize>(this), R2) }
  set r2(word: u64) { store<u64>(changetype<usize>(this), word, R2) }
  get r3(): u64 { return load<u64>(changetype<usize>(this), R3) }
  set r3(word: u64) { store<u64>(changetype<usize>(this), word, R3) }
  get s1(): u64 { return load<u64>(changetype<usize>(this), S1) }
  set s1(word: u64) { store<u64>(changetype<usize>(this), word, S1) }
  get s2(): u64 { return load<u64>(changetype<usize>(this), S2) }
  set s2(word: u64) { store<u64>(changetype<usize>(this), word, S2) }
  get s3(): u64 { return load<u64>(changetype<usize>(this), S3) }
  set s3(word: u64) { store<u64>(changetype<usize>(this), word, S3) }
  get pad(): usize { return changetype<usize>(this) + PAD }
}

/** Takes a one-time key [32]: r, which is clamped (section 2.5.1), and the pad. */
export function startPoly1305(poly: Poly1305, key: usize): void {
  poly.h0 = 0
  poly.h1 = 0
  poly.h2 = 0
  poly.h3 = 0
  poly.h4 = 0
  poly.r0 = load<u32>(key) & 0x0fffffff
  poly.r1 = load<u32>(key, 4) & 0x0ffffffc
  poly.r2 = load<u32>(key, 8) & 0x0ffffffc
  poly.r3 = load<u32>(key, 12) & 0x0ffffffc
  poly.s1 = poly.r1 + (poly.r1 >> 2)
  poly.s2 = poly.r2 + (poly.r2 >> 2)
  poly.s3 = poly.r3 + (poly.r3 >> 2)
  v128.store(poly.pad, v128.load(key, 16))
}

/** Takes the 16 bytes at `block`. */
// @ts-ignore: decorator
@inline
export function absorb(poly: Poly1305, block: usize): void {
  absorbWords(poly, load<u32>(block), load<u32>(block, 4), load<u32>(block, 8), load<u32>(block, 12))
}

/** Takes `length` bytes, and zeros up to a whole block: what RFC 8439 pads with (section 2.8). */
export function absorbPadded(poly: Poly1305, data: usize, length: u32): void {
  const end = data + length
  for (; data + BLOCK_BYTES <= end; data += BLOCK_BYTES) absorb(poly, data)
  if (data == end) return
  let low: u64 = 0
  let high: u64 = 0
  for (let at = end; at > data + 8; at--) high = (high << 8) | load<u8>(at - 1)
  for (let at = min(end, data + 8); at > data; at--) low = (low << 8) | load<u8>(at - 1)
  absorbPair(poly, low, high)
}

/** Takes one block of two numbers, the lower one first. */
export function absorbPair(poly: Poly1305, low: u64, high: u64): void {
  absorbWords(poly, low & WORD, low >> 32, high & WORD, high >> 32)
}

/** Writes the tag [16] to `out`: (h mod 2¹³⁰ - 5) + pad, modulo 2¹²⁸ (section 2.5.1). */
export function finishPoly1305(poly: Poly1305, out: usize): void {
  const h0 = poly.h0
  const h1 = poly.h1 + (h0 >> 32)
  const h2 = poly.h2 + (h1 >> 32)
  const h3 = poly.h3 + (h2 >> 32)
  const h4 = poly.h4 + (h3 >> 32)
  // h is below 2¹³⁰ + 2³². If 5 more reach 2¹³⁰, it is too large by 2¹³⁰ - 5: 5 are added, and 2¹³⁰ goes with all above 2¹²⁸.
  let carry = ((h0 & WORD) + 5) >> 32
  carry = ((h1 & WORD) + carry) >> 32
  carry = ((h2 & WORD) + carry) >> 32
  carry = ((h3 & WORD) + carry) >> 32
  const five = ((h4 + carry) >> 2) * 5
  const t0 = (h0 & WORD) + five + load<u32>(poly.pad)
  const t1 = (h1 & WORD) + load<u32>(poly.pad, 4) + (t0 >> 32)
  const t2 = (h2 & WORD) + load<u32>(poly.pad, 8) + (t1 >> 32)
  const t3 = (h3 & WORD) + load<u32>(poly.pad, 12) + (t2 >> 32)
  store<u32>(out, <u32>t0)
  store<u32>(out, <u32>t1, 4)
  store<u32>(out, <u32>t2, 8)
  store<u32>(out, <u32>t3, 12)
}

/**
 * h = (h + block + 2¹²⁸) × r, reduced in part. A product that belongs four words up, at 2¹²⁸, has s for r: 2¹³⁰ is 5 modulo
 * 2¹³⁰ - 5, so that 2¹²⁸ × r is 5/4 × r, where r is a multiple of 4.
 */
// @ts-ignore: decorator
@inline
function absorbWords(poly: Poly1305, m0: u64, m1: u64, m2: u64, m3: u64): void {
  const r0 = poly.r0, r1 = poly.r1, r2 = poly.r2, r3 = poly.r3
  const s1 = poly.s1, s2 = poly.s2, s3 = poly.s3

  // Sums of words: h0 was below 2³³, so each carry is 2 at most, and h4, which was 3 at most, is 6.
  let h0 = poly.h0 + m0
  let h1 = poly.h1 + m1 + (h0 >> 32)
  let h2 = poly.h2 + m2 + (h1 >> 32)
  let h3 = poly.h3 + m3 + (h2 >> 32)
  let h4 = poly.h4 + 1 + (h3 >> 32)
  h0 &= WORD
  h1 &= WORD
  h2 &= WORD
  h3 &= WORD

  // Sums of products: four of 2³² × 2²⁸ × 5/4 are 2⁶² × 5/4, and what h4 and a carry add is below 2³³.
  const d0 = h0 * r0 + h1 * s3 + h2 * s2 + h3 * s1
  const d1 = h0 * r1 + h1 * r0 + h2 * s3 + h3 * s2 + h4 * s1 + (d0 >> 32)
  const d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s3 + h4 * s2 + (d1 >> 32)
  const d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s3 + (d2 >> 32)
  h4 = h4 * r0 + (d3 >> 32)

  // h4 is below 2³², a quarter of it times 5 below 2³² × 5/4.
  poly.h0 = (d0 & WORD) + (h4 >> 2) * 5
  poly.h1 = d1 & WORD
  poly.h2 = d2 & WORD
  poly.h3 = d3 & WORD
  poly.h4 = h4 & 3
}

const WORD: u64 = 0xffffffff
