// C2SP/wycheproof's vectors, through what channel.wasm is linked of: libsodium, and the record cipher in its place. They are not part of
// this repository; a folder beside it has them.

import { existsSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipped } from '../runtimes/skip.js'
import { cipherBytes, compile, instantiate, libsodium, link } from '../support/assembly.js'

const FOLDER = new URL('../../../../shared/vectors/wycheproof/', import.meta.url)

// A core that only passes calls on.
const source = `
import {
  crypto_aead_chacha20poly1305_ietf_decrypt, crypto_aead_chacha20poly1305_ietf_encrypt, crypto_kem_mlkem768_dec,
  crypto_kem_mlkem768_enc_deterministic, crypto_kem_mlkem768_seed_keypair, crypto_scalarmult, free, malloc
} from "./sodium"
export { sodiumAbort, sodiumAssert, sodiumGrow, sodiumRandom } from "./index"
export function allocate(size: usize): usize { return malloc(size) }
export function release(pointer: usize): void { free(pointer) }
export function multiply(q: usize, n: usize, p: usize): i32 { return crypto_scalarmult(q, n, p) }
export function drawKem(pk: usize, sk: usize, seed: usize): i32 { return crypto_kem_mlkem768_seed_keypair(pk, sk, seed) }
export function encapsulate(ct: usize, ss: usize, pk: usize, seed: usize): i32 {
  return crypto_kem_mlkem768_enc_deterministic(ct, ss, pk, seed)
}
export function decapsulate(ss: usize, ct: usize, sk: usize): i32 { return crypto_kem_mlkem768_dec(ss, ct, sk) }
export function seal(c: usize, m: usize, mlen: u32, ad: usize, adlen: u32, nonce: usize, key: usize): i32 {
  return crypto_aead_chacha20poly1305_ietf_encrypt(c, 0, m, mlen, 0, ad, adlen, 0, 0, nonce, key)
}
export function open(m: usize, c: usize, clen: u32, ad: usize, adlen: u32, nonce: usize, key: usize): i32 {
  return crypto_aead_chacha20poly1305_ietf_decrypt(m, 0, 0, c, clen, 0, ad, adlen, 0, nonce, key)
}
`
const core = await compile(source, 'core')

for (const [name, cipher] of [
  ['the cipher in libsodium’s place', cipherBytes],
  ['libsodium alone', undefined],
] as const) {
  const { call, bytes } = instantiate(link(core, libsodium, cipher))
  /** Calls with these parts of memory, and gives what they hold behind it. */
  const run = (use: string, parts: (Buffer | number)[]): { status: number; after: Buffer[] } => {
    const places = parts.map(part => (typeof part === 'number' ? part : call.allocate!(part.length + 1)))
    for (const [at, part] of parts.entries()) if (typeof part !== 'number') bytes().set(part, places[at])
    const status = call[use]!(...places)
    const after = parts.map((part, at) => {
      if (typeof part === 'number') return Buffer.alloc(0)
      const copy = Buffer.from(bytes().subarray(places[at], places[at]! + part.length))
      call.release!(places[at]!)
      return copy
    })
    return { status, after }
  }

  eachOf<Aead>('chacha20_poly1305_test.json', `ChaCha20-Poly1305, ${name}`, it => {
    const [key, iv, aad, msg, ct, tag] = [it.key, it.iv, it.aad, it.msg, it.ct, it.tag].map(fromHex) as Six
    if (iv.length !== 12) return false
    const sealed = Buffer.concat([ct, tag])
    const opened = run('open', [Buffer.alloc(msg.length, 1), sealed, sealed.length, aad, aad.length, iv, key])
    assert.is(opened.status, it.result === 'valid' ? 0 : -1)
    assert.is(opened.after[0]!.toString('hex'), it.result === 'valid' ? it.msg : '00'.repeat(msg.length))
    if (it.result !== 'valid') return true
    const made = run('seal', [Buffer.alloc(sealed.length), msg, msg.length, aad, aad.length, iv, key])
    assert.is(made.after[0]!.toString('hex'), it.ct + it.tag)
    return true
  })

  if (cipher) continue
  eachOf<Xdh>('x25519_test.json', 'X25519', it => {
    const { status, after } = run('multiply', [Buffer.alloc(32), fromHex(it.private), fromHex(it.public)])
    // A weak key, whose product is zero, is refused.
    const weak = it.flags?.includes('ZeroSharedSecret')
    assert.is(status, weak ? -1 : 0)
    if (!weak) assert.is(after[0]!.toString('hex'), it.shared)
    return true
  })

  eachOf<KemKey>('mlkem_768_keygen_seed_test.json', 'ML-KEM-768, keys from seeds', it => {
    const { status, after } = run('drawKem', [Buffer.alloc(1184), Buffer.alloc(2400), fromHex(it.seed)])
    assert.equal([status, ...after.slice(0, 2).map(hexOf)], [0, it.ek, it.dk])
    return true
  })

  eachOf<KemOpen>('mlkem_768_test.json', 'ML-KEM-768, from seed to secret', it => {
    const [seed, c] = [fromHex(it.seed), fromHex(it.c)]
    if (seed.length !== 64 || c.length !== 1088) return false
    const drawn = run('drawKem', [Buffer.alloc(1184), Buffer.alloc(2400), seed])
    assert.is(hexOf(drawn.after[0]!), it.ek)
    const { status, after } = run('decapsulate', [Buffer.alloc(32), c, drawn.after[1]!])
    assert.equal([it.result, status, hexOf(after[0]!)], ['valid', 0, it.K])
    return true
  })

  eachOf<KemSeal>('mlkem_768_encaps_test.json', 'ML-KEM-768, to a public key', it => {
    const key = fromHex(it.ek)
    if (key.length !== 1184) return false
    const { status, after } = run('encapsulate', [Buffer.alloc(1088), Buffer.alloc(32), key, fromHex(it.m)])
    if (it.result === 'valid') assert.equal([status, ...after.slice(0, 2).map(hexOf)], [0, it.c, it.K])
    else assert.is(status, -1)
    return true
  })
}

interface Case {
  tcId: number
  result: 'valid' | 'invalid' | 'acceptable'
  flags?: string[]
  comment?: string
}
type Aead = Case & Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>
type Xdh = Case & Record<'public' | 'private' | 'shared', string>
type KemKey = Case & Record<'seed' | 'ek' | 'dk', string>
type KemOpen = Case & Record<'seed' | 'ek' | 'c' | 'K', string>
type KemSeal = Case & Record<'ek' | 'm' | 'c' | 'K', string>
type Six = [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]

/**
 * One test of a file's vectors, all of which have to be there. `check` gives false where a length is wrong, of something that libsodium's
 * function has no length for: those have to be the ones that the file says so of.
 */
function eachOf<T extends Case>(file: string, name: string, check: (it: T) => boolean): void {
  const url = new URL(file, FOLDER)
  if (!existsSync(url)) return skipped(name, `wycheproof: there is no ../shared/vectors/wycheproof/${file}`)
  test(name, () => {
    const { numberOfTests, testGroups } = JSON.parse(readFileSync(url, 'utf8'))
    const all = testGroups.flatMap((group: { tests: T[] }) => group.tests) as T[]
    assert.is(all.length, numberOfTests)
    for (const it of all) {
      try {
        const wrongLength = it.flags?.includes('InvalidNonceSize') || /too (?:short|long)/.test(it.comment ?? '')
        assert.is(check(it), !wrongLength)
        if (wrongLength) assert.is(it.result, 'invalid')
      } catch (error) {
        throw new Error(`vector ${it.tcId}: ${(error as Error).message}`)
      }
    }
  })
}

function fromHex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

function hexOf(bytes: Buffer): string {
  return bytes.toString('hex')
}

test.run()
