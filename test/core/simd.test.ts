// The record cipher that channel.wasm has in libsodium's place, by itself, beside libsodium's: lengths, places in memory, what it refuses,
// and what it leaves behind.

import { createRequire } from 'node:module'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cipherBytes, instantiate } from '../support/assembly.js'

const NAME = 'crypto_aead_chacha20poly1305_ietf_'
const TAG = 16

const { libsodium } = createRequire(import.meta.url)('libsodium-wrappers')
await libsodium.ready

// Where things lie in the cipher's memory, which ends with what there is room for behind OUT.
const STACK = 1024
const STACK_BYTES = 65_536
const LENGTH = STACK + STACK_BYTES
const KEY = LENGTH + 64
const NONCE = KEY + 64
const ADDITIONAL = NONCE + 64
const IN = 0x20000
const OUT = 0x40000
const { bytes: all, call } = instantiate(cipherBytes, 6, STACK)
const bytes = all()
const encrypt = call[`${NAME}encrypt`]!
const decrypt = call[`${NAME}decrypt`]!

// libsodium's own memory, where the same things lie.
const theirs = libsodium._malloc(0x60000) as number

interface Sealing {
  key: Buffer
  nonce: Buffer
  additional: Buffer
  text: Buffer
}

function sealing(length: number, additional = 2): Sealing {
  return { key: random(32), nonce: random(12), additional: random(additional), text: random(length) }
}

const random = (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length)))

/** What libsodium makes of it: ciphertext and tag. */
function sealedByLibsodium({ key, nonce, additional, text }: Sealing): Buffer {
  const heap = libsodium.HEAPU8 as Uint8Array
  for (const [part, at] of [
    [key, KEY],
    [nonce, NONCE],
    [additional, ADDITIONAL],
    [text, IN],
  ] as const)
    heap.set(part, theirs + at)
  const [m, k, n, ad] = [IN, KEY, NONCE, ADDITIONAL].map(at => theirs + at)
  libsodium[`_${NAME}encrypt`](m, 0, m, text.length, 0, ad, additional.length, 0, 0, n, k)
  return Buffer.from(heap.slice(m, m! + text.length + TAG))
}

interface Places {
  from: number
  to: number
  key?: number
  nonce?: number
  additional?: number
}

const IN_PLACE: Places = { from: IN, to: IN }

function seal(it: Sealing, places: Places = IN_PLACE): Buffer {
  const { from, to, key, nonce, additional } = place(it, places)
  bytes.set(it.text, from)
  assert.is(encrypt(to, LENGTH, from, it.text.length, 0, additional, it.additional.length, 0, 0, nonce, key), 0)
  assert.is(bytes.readBigUInt64LE(LENGTH), BigInt(it.text.length + TAG))
  return Buffer.from(bytes.subarray(to, to + it.text.length + TAG))
}

/** The plaintext; or undefined where it is refused, and zeros are in its place. */
function open(it: Sealing, sealed: Buffer, places: Places = IN_PLACE): Buffer | undefined {
  const { from, to, key, nonce, additional } = place(it, places)
  bytes.set(sealed, from)
  const length = Math.max(0, sealed.length - TAG)
  const status = decrypt(to, LENGTH, 0, from, sealed.length, 0, additional, it.additional.length, 0, nonce, key)
  const opened = Buffer.from(bytes.subarray(to, to + length))
  assert.is(bytes.readBigUInt64LE(LENGTH), status === 0 ? BigInt(length) : 0n)
  if (status === 0) return opened
  assert.is(status, -1)
  assert.ok(sealed.length < TAG || opened.every(byte => byte === 0), 'something is left of what was refused')
  return undefined
}

function place(it: Sealing, { from, to, key = KEY, nonce = NONCE, additional = ADDITIONAL }: Places) {
  bytes.set(it.key, key)
  bytes.set(it.nonce, nonce)
  bytes.set(it.additional, additional)
  return { from, to, key, nonce, additional }
}

function checkBoth(it: Sealing, places?: Places, expected = sealedByLibsodium(it)): void {
  const what = `${it.text.length} bytes, ${it.additional.length} additional, ${JSON.stringify(places)}`
  assert.ok(seal(it, places).equals(expected), what)
  assert.ok(open(it, expected, places)?.equals(it.text), what)
}

// RFC 8439, section 2.8.2 and appendix A.5.
const VECTORS = [
  {
    name: '2.8.2',
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    nonce: '070000004041424344454647',
    additional: '50515253c0c1c2c3c4c5c6c7',
    text: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    sealed:
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b29' +
      '05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b' +
      '61161ae10b594f09e26a7e902ecbd0600691',
  },
  {
    name: 'A.5',
    key: '1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0',
    nonce: '000000000102030405060708',
    additional: 'f33388860000000000004e91',
    text:
      'Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted by ' +
      'other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them other ' +
      'than as /“work in progress./”',
    sealed:
      '64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100' +
      'd4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b350638' +
      '3606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa115' +
      '5b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10' +
      '49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38',
  },
]

for (const { name, key, nonce, additional, text, sealed } of VECTORS) {
  test(`RFC 8439, ${name}`, () => {
    const [k, n, ad] = [key, nonce, additional].map(it => Buffer.from(it, 'hex')) as [Buffer, Buffer, Buffer]
    checkBoth({ key: k, nonce: n, additional: ad, text: Buffer.from(text) }, IN_PLACE, Buffer.from(sealed, 'hex'))
  })
}

test('every length up to 1,100', () => {
  for (let length = 0; length <= 1100; length++) checkBoth(sealing(length))
})

test('lengths around every multiple of 256, and of 256 less the key’s block, up to 65,535', () => {
  for (let multiple = 256; multiple <= 65_536; multiple += 256) {
    for (const length of [-65, -64, -63, -2, -1, 0, 1, 2]) {
      if (multiple + length <= 65_535) checkBoth(sealing(multiple + length))
    }
  }
})

test('additional data of 0 to 64 bytes', () => {
  for (let additional = 0; additional <= 64; additional++) {
    for (const length of [0, 1, 64, 192, 193, 700]) checkBoth(sealing(length, additional))
  }
})

test('keys, nonces and data of all ones and all zeros', () => {
  for (const [k, n, ad, text] of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map(bits)) {
    for (const length of [0, 16, 191, 192, 193, 448, 704, 16_384]) {
      checkBoth({
        key: Buffer.alloc(32, k),
        nonce: Buffer.alloc(12, n),
        additional: Buffer.alloc(16, ad),
        text: Buffer.alloc(length, text),
      })
    }
  }
})

/** Ciphertext of all ones is what Poly1305 has the most to carry for. */
test('ciphertext of all ones and all zeros', () => {
  for (const length of [16, 192, 448, 1000, 65_535]) {
    for (const fill of [0, 255]) {
      const it = { ...sealing(length), text: Buffer.alloc(length) }
      const stream = sealedByLibsodium(it).subarray(0, length)
      it.text = Buffer.from(stream.map(byte => byte ^ fill))
      const expected = sealedByLibsodium(it)
      assert.ok(expected.subarray(0, length).every(byte => byte === fill))
      checkBoth(it, IN_PLACE, expected)
    }
  }
})

test('apart, and with an output that begins before its input', () => {
  for (const length of [0, 1, 15, 16, 17, 100, 192, 200, 448, 449, 1000, 5000]) {
    checkBoth(sealing(length), { from: IN, to: OUT })
    checkBoth(sealing(length), { from: OUT, to: IN })
    for (const before of [1, 2, 15, 16, 17, 64, 255]) checkBoth(sealing(length), { from: IN, to: IN - before })
  }
})

test('an output that begins inside its input is refused before anything is written', () => {
  const it = sealing(500)
  const sealed = sealedByLibsodium(it)
  for (const inside of [1, 16, 499]) {
    assert.throws(() => seal(it, { from: IN, to: IN + inside }), /unreachable/)
    assert.ok(bytes.subarray(IN, IN + 500).equals(it.text))
    assert.throws(() => open(it, sealed, { from: IN, to: IN + inside }), /unreachable/)
    assert.ok(bytes.subarray(IN, IN + 516).equals(sealed))
  }
  checkBoth(it, { from: IN, to: IN + 516 })
})

test('pointers that no word begins at', () => {
  for (let offset = 0; offset < 16; offset++) {
    for (const length of [7, 64, 300, 1000]) {
      checkBoth(sealing(length, 13), { from: IN + offset, to: IN + offset })
      checkBoth(sealing(length, 13), { from: IN + offset, to: OUT + 15 - offset })
      const odd = { key: KEY + offset, nonce: NONCE + offset, additional: ADDITIONAL + 15 - offset }
      checkBoth(sealing(length, 13), { ...IN_PLACE, ...odd })
    }
  }
})

test('records that lie at the end of linear memory', () => {
  for (const length of [0, 1, 63, 192, 193, 449, 1000]) {
    const end = bytes.length - length - TAG
    checkBoth(sealing(length), { from: end, to: end })
  }
})

test('a flipped bit anywhere in data, tag, additional data, nonce or key is refused', () => {
  for (const length of [0, 1, 16, 17, 191, 192, 193, 300, 448, 449, 700]) {
    const it = sealing(length, 13)
    const sealed = seal(it)
    for (const part of [sealed, it.additional, it.nonce, it.key]) {
      for (let bit = 0; bit < 8 * part.length; bit++) {
        flip(part, bit)
        assert.is(open(it, sealed), undefined, `${length} bytes, bit ${bit} of ${part.length} bytes`)
        flip(part, bit)
      }
    }
    assert.ok(open(it, sealed)?.equals(it.text))
  }
})

test('another length of data or of additional data is refused', () => {
  for (const length of [0, 1, 16, 64, 192, 300]) {
    const it = sealing(length, 5)
    const sealed = seal(it)
    for (let end = 0; end < sealed.length; end++)
      assert.is(open(it, sealed.subarray(0, end)), undefined, `${end} bytes`)
    assert.is(open(it, Buffer.concat([sealed, Buffer.alloc(1)])), undefined)
    assert.is(open(it, Buffer.concat([Buffer.alloc(1), sealed])), undefined)
    for (const additional of [it.additional.subarray(1), it.additional.subarray(0, 4), Buffer.alloc(0)]) {
      assert.is(open({ ...it, additional }, sealed), undefined)
    }
    // Zeros are what Poly1305 is given behind the end, and only the lengths tell them apart.
    assert.is(open({ ...it, additional: Buffer.concat([it.additional, Buffer.alloc(1)]) }, sealed), undefined)
  }
})

test('what was refused is not in memory, and libsodium leaves no more of it', () => {
  const it = { ...sealing(1000), text: Buffer.from('what was refused'.repeat(62)) }
  const sealed = seal(it)
  flip(sealed, 8 * sealed.length - 1)
  for (const to of [IN, OUT]) {
    bytes.fill(0)
    assert.is(open(it, sealed, { from: IN, to }), undefined)
    assert.not.ok(bytes.includes('refused'))
  }
})

test('lengths beyond 32 bits are refused', () => {
  for (const [mHigh, adHigh] of [
    [1, 0],
    [0, 1],
    [-1, 0],
    [0, -1],
  ] as const) {
    assert.throws(() => encrypt(IN, 0, IN, 16, mHigh, ADDITIONAL, 2, adHigh, 0, NONCE, KEY), /unreachable/)
    assert.throws(() => decrypt(IN, 0, 0, IN, 32, mHigh, ADDITIONAL, 2, adHigh, NONCE, KEY), /unreachable/)
  }
  assert.throws(() => decrypt(IN, 0, 0, IN, 0, 1, ADDITIONAL, 2, 0, NONCE, KEY), /unreachable/)
})

test('what would end beyond the last address, or has no place to go, is refused', () => {
  const last = 2 ** 32 - 100
  for (const [to, from, length] of [
    [last, IN, 100],
    [IN, last, 100],
    [last, last, 100],
    [last, last, 90],
    [0, IN, 100],
    [IN, IN, -1],
    [IN, IN, -IN],
  ] as const) {
    const before = Buffer.from(bytes)
    assert.throws(() => encrypt(to, 0, from, length, 0, ADDITIONAL, 2, 0, 0, NONCE, KEY), /unreachable/)
    assert.throws(() => decrypt(to, 0, 0, from, length, 0, ADDITIONAL, 2, 0, NONCE, KEY), /unreachable/)
    assert.throws(() => encrypt(IN, 0, IN, 100, 0, last, 100, 0, 0, NONCE, KEY), /unreachable/)
    assert.ok(bytes.equals(before), `${length} bytes from ${from} to ${to}`)
  }
})

test('a length that goes beyond linear memory is a trap', () => {
  assert.throws(() => encrypt(IN, 0, IN, bytes.length - IN - 15, 0, ADDITIONAL, 2, 0, 0, NONCE, KEY), /out of bounds/)
})

test('nothing is written but the output, and nothing is left in the scratch', () => {
  for (const length of [0, 1, 63, 64, 192, 193, 448, 1000, 16_384]) {
    const it = sealing(length)
    const sealed = sealedByLibsodium(it)
    const broken = Buffer.from(sealed)
    flip(broken, 3)
    const seals = () => encrypt(OUT, 0, IN, length, 0, ADDITIONAL, 2, 0, 0, NONCE, KEY)
    const opens = () => decrypt(OUT, 0, 0, IN, length + TAG, 0, ADDITIONAL, 2, 0, NONCE, KEY)
    for (const [call, input, output] of [
      [seals, it.text, length + TAG],
      [opens, sealed, length],
      [opens, broken, length],
    ] as const) {
      bytes.fill(0xa5)
      place(it, IN_PLACE)
      bytes.set(input, IN)
      const before = Buffer.from(bytes)
      call()
      before.copy(bytes, OUT, OUT, OUT + output)
      const scratch = bytes.subarray(STACK, STACK + STACK_BYTES)
      assert.ok(scratch.every(byte => byte === 0xa5 || byte === 0))
      before.copy(bytes, STACK, STACK, STACK + STACK_BYTES)
      assert.ok(bytes.equals(before), `${length} bytes`)
    }
  }
})

function flip(part: Buffer, bit: number): void {
  part[bit >> 3]! ^= 1 << (bit & 7)
}

/** Four numbers' bits, as bytes of all ones or all zeros. */
function bits(number: number): [number, number, number, number] {
  return [0, 1, 2, 3].map(bit => (number & (1 << bit) ? 255 : 0)) as [number, number, number, number]
}

test.run()
