import type { RecordCipher } from '../core/records.js'
import { nodeCipher } from './cipher.js'
import { sodiumCipher } from './sodium.js'

/** The fastest build of version 2's record cipher that this runtime has beside libsodium's wasm; undefined where it has none. */
export function nativeCipher(): RecordCipher | undefined {
  for (const find of [nodeCipher, sodiumCipher]) {
    const cipher = find()
    if (cipher && works(cipher)) return cipher
  }
  return undefined
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
