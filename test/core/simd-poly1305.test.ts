// The cipher's Poly1305 by itself, with keys and accumulators of choice: through the cipher, a one-time key cannot be chosen. What it
// has to give is calculated with whole numbers.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compile, instantiate } from '../support/assembly.js'

const POLY = 0
const KEY = 1024
const OUT = 2048
const DATA = 4096

const source = `
import { Poly1305, absorbPadded, finishPoly1305, startPoly1305 } from "./simd/poly1305"
export function start(poly: usize, key: usize): void { startPoly1305(changetype<Poly1305>(poly), key) }
export function take(poly: usize, data: usize, length: u32): void { absorbPadded(changetype<Poly1305>(poly), data, length) }
export function finish(poly: usize, out: usize): void { finishPoly1305(changetype<Poly1305>(poly), out) }
`
const { bytes: all, call } = instantiate(await compile(source, 'simd'), 1)
const bytes = all()
const { start, take, finish } = call

const P = 2n ** 130n - 5n
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn
const TOP = 2n ** 128n
const ONES = TOP - 1n

/** The tag of whole blocks, as the cipher calculates it. */
function tagOf(r: bigint, pad: bigint, blocks: bigint[]): bigint {
  bytes.set(bytesOf(r), KEY)
  bytes.set(bytesOf(pad), KEY + 16)
  for (const [at, block] of blocks.entries()) bytes.set(bytesOf(block), DATA + 16 * at)
  start!(POLY, KEY)
  take!(POLY, DATA, 16 * blocks.length)
  finish!(POLY, OUT)
  return numberOf(bytes.subarray(OUT, OUT + 16))
}

const accumulate = (r: bigint, blocks: bigint[]) =>
  blocks.reduce((h, block) => ((h + block + TOP) * (r & CLAMP)) % P, 0n)

function checkTag(r: bigint, pad: bigint, blocks: bigint[]): void {
  const expected = (accumulate(r, blocks) + pad) % TOP
  const found = tagOf(r, pad, blocks)
  if (found !== expected) assert.is(hexOf(found), hexOf(expected), `r ${hexOf(r)}, blocks ${blocks.map(hexOf)}`)
}

// RFC 8439, appendix A.3: those whose text is whole blocks.
const VECTORS: [name: string, r: string, pad: string, blocks: string, tag: string][] = [
  ['#7', '02', '', `${'ff'.repeat(16)}`, '03'],
  ['#8', '02', 'ff'.repeat(16), '02'.padEnd(32, '0'), '03'],
  ['#9', '01', '', `${'ff'.repeat(16)}f0${'ff'.repeat(15)}${'11'.padEnd(32, '0')}`, '05'],
  ['#10', '01', '', `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, ''],
  ['#11', '02', '', `fd${'ff'.repeat(15)}`, `fa${'ff'.repeat(15)}`],
]

for (const [name, r, pad, blocks, tag] of VECTORS) {
  test(`RFC 8439, A.3, vector ${name}`, () => {
    const read = (hex: string) => numberOf(Buffer.from(hex.padEnd(32, '0'), 'hex'))
    const list = blocks.match(/.{32}/g) ?? []
    assert.is(tagOf(read(r), read(pad), list.map(read)), read(tag))
  })
}

const RS = [
  0n,
  1n,
  2n,
  3n,
  4n,
  5n,
  CLAMP,
  CLAMP - 4n,
  0x0ffffffcn << 96n,
  0x0fffffffn,
  ONES,
  CLAMP ^ (0x0ffffffcn << 32n),
]

test('r and blocks of all ones, all zeros and in between', () => {
  for (const r of RS) {
    for (const pad of [0n, 1n, ONES, ONES - 1n]) {
      for (const block of [0n, 1n, ONES, ONES - 1n, ONES ^ 0xffffffffn, 0xffffffffn]) {
        for (let count = 0; count <= 40; count++) checkTag(r, pad, Array(count).fill(block))
      }
    }
  }
})

test('an accumulator that ends at, below and above 2^130 - 5, and where words carry', () => {
  const ends = [
    0n,
    1n,
    2n,
    3n,
    4n,
    5n,
    6n,
    P - 1n,
    P - 2n,
    P - 5n,
    P - 6n,
    TOP,
    TOP - 1n,
    TOP - 5n,
    2n ** 129n,
    3n * TOP,
  ]
  for (const word of [32n, 64n, 96n]) ends.push(2n ** word - 1n, 2n ** word, P - 2n ** word, 3n * TOP + 2n ** word - 1n)
  let reached = 0
  for (const r of [1n, 2n, 5n, CLAMP, ...Array.from({ length: 20 }, random)]) {
    for (const end of ends) {
      for (let tries = 0; tries < 12; tries++) {
        // The block that brings the accumulator there, if there is one.
        const before = Array.from({ length: 1 + tries }, random)
        const block = modulo(end * inverse(r & CLAMP) - accumulate(r, before) - TOP)
        if (block > ONES) continue
        reached++
        assert.is(accumulate(r, [...before, block]), end)
        for (const pad of [0n, ONES]) checkTag(r, pad, [...before, block])
      }
    }
  }
  assert.ok(reached > 1000, `${reached} were reached`)
})

test('random keys and blocks', () => {
  for (let round = 0; round < 3000; round++) checkTag(random(), random(), Array.from({ length: round % 37 }, random))
})

test('a last block that is not whole is filled with zeros, and no byte behind it is read', () => {
  for (let length = 0; length <= 48; length++) {
    const text = Buffer.from(crypto.getRandomValues(new Uint8Array(length)))
    const [r, pad] = [random(), random()]
    const padded = Buffer.concat([text, Buffer.alloc((16 - (length % 16)) % 16)])
    const blocks = Array.from({ length: padded.length / 16 }, (_, at) =>
      numberOf(padded.subarray(16 * at, 16 * at + 16)),
    )
    // Two calls are one, where the first takes whole blocks; what lies behind is not zero.
    for (const split of [0, 16, 32].filter(at => at <= length)) {
      bytes.fill(0xee, DATA, DATA + 100)
      bytes.set(text, DATA)
      bytes.set(bytesOf(r), KEY)
      bytes.set(bytesOf(pad), KEY + 16)
      start!(POLY, KEY)
      take!(POLY, DATA, split)
      take!(POLY, DATA + split, length - split)
      finish!(POLY, OUT)
      const expected = (accumulate(r, blocks) + pad) % TOP
      assert.is(numberOf(bytes.subarray(OUT, OUT + 16)), expected, `${length} bytes`)
    }
  }
})

test('data that ends with linear memory', () => {
  const size = bytes.length
  for (let length = 1; length <= 33; length++) take!(POLY, size - length, length)
  assert.throws(() => take!(POLY, size - 15, 16), /memory access out of bounds/)
})

function random(): bigint {
  return numberOf(crypto.getRandomValues(new Uint8Array(16)))
}

function modulo(value: bigint): bigint {
  return ((value % P) + P) % P
}

/** By Fermat: P is prime. */
function inverse(value: bigint): bigint {
  let result = 1n
  for (let base = value, exponent = P - 2n; exponent > 0n; exponent >>= 1n, base = (base * base) % P) {
    if (exponent & 1n) result = (result * base) % P
  }
  return result
}

function numberOf(text: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(text).reverse().toString('hex')}`)
}

function bytesOf(value: bigint): Buffer {
  return Buffer.from(hexOf(value), 'hex').reverse()
}

function hexOf(value: bigint): string {
  return value.toString(16).padStart(32, '0')
}

test.run()
