// The primitives of docs/protocol.md, straight from libsodium-wrappers. Nothing here is shared with the product: this
// folder is a second implementation, written from the protocol page alone, and slow and plain on purpose.

import sodium from 'libsodium-wrappers'

await sodium.ready

export { sodium }

/** Gives `length` random bytes. Tests script it, so the order of the calls is part of the protocol ("Draws"). */
export type Random = (length: number) => Uint8Array

export interface KeyPair {
  publicKey: Uint8Array
  secretKey: Uint8Array
}

export const KEY_LENGTH = 32
export const NONCE_LENGTH = 24
export const BOX_LENGTH = 72

export const systemRandom: Random = length => sodium.randombytes_buf(length)

/** A random source that gives these values, one a call; throws if asked for another length, or for more. */
export function scriptedRandom(draws: Uint8Array[]): Random & { left(): number } {
  const remaining = [...draws]
  const random = (length: number) => {
    const value = remaining.shift()
    if (value?.length !== length)
      throw new Error(`drew ${length} bytes, but the script has ${value?.length ?? 'no more'}`)
    return value
  }
  return Object.assign(random, { left: () => remaining.length })
}

export function keyPairOf(secretKey: Uint8Array): KeyPair {
  return { publicKey: sodium.crypto_scalarmult_base(secretKey), secretKey }
}

export function drawKeyPair(random: Random): KeyPair {
  return keyPairOf(random(KEY_LENGTH))
}

/** "Sealed to a public key": data ‖ mac ‖ nonce. */
export function sealTo(
  data: Uint8Array,
  nonce: Uint8Array,
  recipient: Uint8Array,
  senderSecretKey: Uint8Array,
): Uint8Array {
  const sealed = orNull(() => sodium.crypto_box_detached(data, nonce, recipient, senderSecretKey))
  if (!sealed) throw new Error('the other end sent a public key of small order')
  return concat(sealed.ciphertext, sealed.mac, nonce)
}

/** The data of a box sealed to a public key, or null where it does not open. */
export function openFrom(box: Uint8Array, sender: Uint8Array, recipientSecretKey: Uint8Array): Uint8Array | null {
  checkCanonical(sender)
  const [data, mac, nonce] = cut(box, 32, 16, 24)
  return orNull(() => sodium.crypto_box_open_detached(data!, mac!, nonce!, sender, recipientSecretKey))
}

/** "Sealed under a key": data ‖ mac ‖ nonce. */
export function sealUnder(key: Uint8Array, data: Uint8Array, nonce: Uint8Array): Uint8Array {
  const { cipher, mac } = sodium.crypto_secretbox_detached(data, nonce, key)
  return concat(cipher, mac, nonce)
}

export function openUnder(key: Uint8Array, box: Uint8Array): Uint8Array | null {
  const [data, mac, nonce] = cut(box, 32, 16, 24)
  return orNull(() => sodium.crypto_secretbox_open_detached(data!, mac!, nonce!, key))
}

/** A public key of 2^255 - 19 or more is another spelling of a smaller one. */
export function checkCanonical(publicKey: Uint8Array): void {
  const value = BigInt(`0x${Buffer.from(publicKey).reverse().toString('hex')}`)
  if (value >= 2n ** 255n - 19n) throw new Error('the other end sent a public key that is not canonical')
}

/** `dh(a, B)`: throws where crypto_scalarmult returns non-zero, which is a public key of small order. */
export function dh(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  checkCanonical(publicKey)
  const shared = orNull(() => sodium.crypto_scalarmult(secretKey, publicKey))
  if (!shared) throw new Error('the other end sent a public key of small order')
  return shared
}

export function generichash(length: number, message: Uint8Array, key: Uint8Array | null = null): Uint8Array {
  return sodium.crypto_generichash(length, message, key)
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Cuts a message into parts of these lengths; throws if they do not add up to its length. */
export function cut(message: Uint8Array, ...lengths: number[]): Uint8Array[] {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (message.length !== total) throw new Error(`a message of ${message.length} bytes, where ${total} are due`)
  let offset = 0
  return lengths.map(length => {
    offset += length
    return message.subarray(offset - length, offset)
  })
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 255, value >> 8)
}

export function u32(value: number): Uint8Array {
  return concat(u16(value & 65535), u16(value >>> 16))
}

export function readU16(bytes: Uint8Array, offset = 0): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8)
}

export function readU32(bytes: Uint8Array, offset = 0): number {
  return (readU16(bytes, offset) | (readU16(bytes, offset + 2) << 16)) >>> 0
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

// The wrapper throws where libsodium returns non-zero.
function orNull<T>(attempt: () => T): T | null {
  try {
    return attempt()
  } catch {
    return null
  }
}
