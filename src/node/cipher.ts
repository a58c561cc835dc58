import crypto from 'node:crypto'
import { discard } from '../channel/discard.js'
import type { RecordCipher } from '../wasm/host.js'
import { MAC_BYTES, RECORD_SEALED } from '../wire/layout.js'

/**
 * ChaCha20-Poly1305 by node:crypto; undefined if this runtime's has none (Bun's).
 *
 * @param from the shortest record, in bytes, that gains by it
 */
export function nodeCipher(from = GAINS_FROM): RecordCipher | undefined {
  if (!crypto.getCiphers().includes(CIPHER)) return undefined
  keepFreedMemory()
  return { name: 'node:crypto', from, recordLimit: RECORD_LIMIT, seal, open }
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
// OpenSSL's Poly1305 takes eight blocks of 16 bytes at a time, unless four to seven are left: then it takes four, and a record takes a
// fifth longer. So the longest record that is fast has 511 times eight blocks, three blocks and 15 bytes of plaintext. But that is 6
// bytes more than Linux puts into one segment on loopback: a second one, for 6 bytes, wakes the peer a second time. It has 510 times.
const PLAINTEXT_LIMIT = 510 * 128 + 63
const RECORD_LIMIT = RECORD_SEALED + PLAINTEXT_LIMIT + MAC_BYTES
// A call costs microseconds, whatever the length.
const GAINS_FROM = 8192
const KEPT_BYTES = 48 * 1024 * 1024
