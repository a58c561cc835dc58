import crypto from 'node:crypto'
import type { RecordCipher } from '../core/primitives.js'
import { MAC_BYTES, PLAINTEXT_DATA } from '../wire/layout.js'

/**
 * ChaCha20-Poly1305 by node:crypto; undefined where this runtime's has none (Bun's).
 *
 * @param from records of at least so many bytes gain by it
 */
export function nodeCipher(from = GAINS_FROM): RecordCipher | undefined {
  if (!crypto.getCiphers().includes(CIPHER)) return undefined
  keepFreedMemory()
  return { name: 'node:crypto', from, fit, seal, open }
}

/**
 * OpenSSL's Poly1305 takes eight blocks at a time for all of an update, unless four to seven would be left: then it takes four at a time,
 * which makes sealing a fifth slower. Sealing gives it the lead of 3 bytes first, so that 13 bytes of data complete a block; opening
 * gives it all at once.
 */
const fit: RecordCipher['fit'] = most => {
  const left = (most - (BLOCK - PLAINTEXT_DATA)) % EIGHT_BLOCKS
  return left < THREE_BLOCKS ? most : most - (left - THREE_BLOCKS + 1)
}

const seal: RecordCipher['seal'] = (key, nonce, additional, parts) => {
  const cipher = crypto.createCipheriv(CIPHER, key, nonce, OPTIONS)
  cipher.setAAD(additional, WHOLE)
  const sealed: Uint8Array[] = parts.map(part => cipher.update(part))
  // A stream cipher holds nothing back: this computes the tag.
  cipher.final()
  sealed.push(cipher.getAuthTag())
  return sealed
}

const open: RecordCipher['open'] = (key, nonce, additional, sealed) => {
  const length = sealed.length - MAC_BYTES
  const decipher = crypto.createDecipheriv(CIPHER, key, nonce, OPTIONS)
  decipher.setAAD(additional, WHOLE)
  decipher.setAuthTag(sealed.subarray(length))
  const opened = decipher.update(sealed.subarray(0, length))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return opened
}

/**
 * The cipher hands out new memory for every record, which is garbage soon after. Where the C library is glibc, its malloc gives what a
 * garbage collection frees back to the system, and the next records pay for every page once more, which takes longer than to seal
 * them. One large piece that is freed teaches it to keep twice as much: a rule of its own, for programs such as this.
 */
function keepFreedMemory(): void {
  new ArrayBuffer(KEPT_BYTES / 2)
}

const CIPHER = 'chacha20-poly1305'
const OPTIONS = { authTagLength: MAC_BYTES }
const WHOLE = { plaintextLength: 0 }
const BLOCK = 16
const THREE_BLOCKS = 3 * BLOCK
const EIGHT_BLOCKS = 8 * BLOCK
// A call costs microseconds, whatever the length: sealing and opening took as long in wasm at 4 to 6 KB, and twice as long at 8.
const GAINS_FROM = 8192
// A collection of new objects comes at the latest when they hold 32 MB.
const KEPT_BYTES = 48 * 1024 * 1024
