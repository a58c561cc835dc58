import { type HostPrimitivesOf, type Multiplier, primitivesBy, type RecordCipher } from '../core/primitives.js'
import { KEY_BYTES } from '../wire/layout.js'
import { nodeCipher } from './cipher.js'
import { sodiumCipher, sodiumMultiplier } from './sodium.js'

/** What this runtime has beside libsodium's wasm; undefined where it has nothing. */
export function nativePrimitives(): HostPrimitivesOf | undefined {
  return primitivesBy(nativeCipher(), nativeMultiplier())
}

/** The fastest build of version 2's record cipher that this runtime has beside libsodium's wasm; undefined where it has none. */
export function nativeCipher(): RecordCipher | undefined {
  for (const find of [nodeCipher, sodiumCipher]) {
    const cipher = find()
    if (cipher && works(cipher)) return cipher
  }
  return undefined
}

/** X25519 where somebody installed it: node:crypto's takes longer than wasm, for it has to import each key. */
export function nativeMultiplier(): Multiplier | undefined {
  const multiplier = sodiumMultiplier()
  return multiplier && multiplies(multiplier) ? multiplier : undefined
}

/** Seals 4 zero bytes in two parts, with all else zero too, as every ChaCha20-Poly1305 does. */
export function works(cipher: RecordCipher): boolean {
  const zeros = (length: number) => new Uint8Array(length)
  try {
    const sealed = Buffer.concat(cipher.seal(zeros(32), zeros(12), zeros(2), [zeros(3), zeros(1)]))
    return sealed.toString('hex') === '9f07e7be3d671e6f64245bce9c29ce1902fdc133'
  } catch {
    return false
  }
}

/** Gives the first result of RFC 7748, section 5.2; takes 9 for the base point; and refuses a weak key. */
export function multiplies({ multiply }: Multiplier): boolean {
  const secretKey = Buffer.from('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4', 'hex')
  const product = (publicKey?: Uint8Array) => {
    const out = new Uint8Array(KEY_BYTES)
    return multiply(out, secretKey, publicKey) ? Buffer.from(out).toString('hex') : undefined
  }
  const key = (hex: string) => Buffer.from(hex.padEnd(2 * KEY_BYTES, '0'), 'hex')
  return (
    product(key('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c')) ===
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552' &&
    product() === product(key('09')) &&
    product(key('00')) === undefined
  )
}
