import crypto from 'node:crypto'
import { discard } from '../channel/discard.js'
import type { RecordCipher } from '../wasm/host.js'
import { MAC_BYTES } from '../wire/layout.js'

/**
 * ChaCha20-Poly1305 by node:crypto; undefined if this runtime's has none (Bun's).
 *
 * @param from the shortest record, in bytes, that gains by it
 */
export function nodeCipher(from = GAINS_FROM): RecordCipher | undefined {
  if (!crypto.getCiphers().includes(CIPHER)) return undefined
  keepFreedMemory()
  return { name: 'node:crypto', from, seal, open }
}

const seal: RecordCipher['seal'] = (key, nonce, additional, text, tag) => {
  const cipher = crypto.createCipheriv(CIPHER, key, nonce, OPTIONS)
  cipher.setAAD(additional, WHOLE)
  const sealed = cipher.update(text)
  // A stream cipher holds nothing back: this computes the tag.
  cipher.final()
  text.set(sealed)
  tag.set(cipher.getAuthTag())
  discard(sealed)
}

const open: RecordCipher['open'] = (key, nonce, additional, text, tag) => {
  const decipher = crypto.createDecipheriv(CIPHER, key, nonce, OPTIONS)
  decipher.setAAD(additional, WHOLE)
  decipher.setAuthTag(tag)
  const opened = decipher.update(text)
  const matches = tagMatches(decipher)
  if (matches) text.set(opened)
  discard(opened)
  return matches
}

/** A stream cipher holds nothing back: this compares the tag. */
function tagMatches(decipher: crypto.Decipher): boolean {
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}

/**
 * The cipher gives its result in new memory for every record, which is freed at once. If the C library is glibc, its malloc gives freed
 * memory back to the system, and the next record pays for every page once more, which takes longer than to seal it. One large piece
 * that is freed teaches it to keep twice as much: a rule of its own, for programs such as this.
 */
function keepFreedMemory(): void {
  discard(new Uint8Array(KEPT_BYTES / 2))
}

const CIPHER = 'chacha20-poly1305'
const OPTIONS = { authTagLength: MAC_BYTES }
const WHOLE = { plaintextLength: 0 }
// A call costs microseconds, whatever the length.
const GAINS_FROM = 8192
const KEPT_BYTES = 48 * 1024 * 1024
