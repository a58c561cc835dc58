import { type HostPrimitives, hostPrimitives, type Multiplier, type RecordCipher } from '../wasm/host.js'
import { KEY_BYTES } from '../wire/layout.js'
import { nodeCipher } from './cipher.js'
import { sodiumMultiplier } from './sodium.js'

/** What this runtime has faster than the code that is linked into channel.wasm; undefined if nothing. */
export function nativePrimitives(): HostPrimitives | undefined {
  return hostPrimitives(nativeCipher(), nativeMultiplier())
}

/** The platform's build of version 2's record cipher; undefined if it has none. */
export function nativeCipher(): RecordCipher | undefined {
  const cipher = nodeCipher()
  return cipher && works(cipher) ? cipher : undefined
}

/** X25519 if somebody installed it: node:crypto's takes longer than wasm, for it has to import each key. */
export function nativeMultiplier(): Multiplier | undefined {
  const multiplier = sodiumMultiplier()
  return multiplier && multiplies(multiplier) ? multiplier : undefined
}

/** Seals 4 zero bytes in place, with all else zero too, as every ChaCha20-Poly1305 does; refuses a changed tag; opens them. */
export function works(cipher: RecordCipher): boolean {
  const zeros = (length: number) => new Uint8Array(length)
  const bytes = Buffer.alloc(20)
  const [text, tag] = [bytes.subarray(0, 4), bytes.subarray(4)]
  const opens = () => cipher.open(zeros(32), zeros(12), zeros(2), text, tag)
  try {
    cipher.seal(zeros(32), zeros(12), zeros(2), text, tag)
    if (bytes.toString('hex') !== SEALED_ZEROS) return false
    bytes.writeUInt8(bytes.readUInt8(19) ^ 1, 19)
    if (opens() || bytes.readUInt32LE() === 0) return false
    bytes.write(SEALED_ZEROS, 'hex')
    return opens() && bytes.readUInt32LE() === 0
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

const SEALED_ZEROS = '9f07e7be3d671e6f64245bce9c29ce1902fdc133'
