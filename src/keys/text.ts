import { ChannelError } from '../errors.js'
import { KEY_BYTES } from '../wire/layout.js'
import { copyOf, isBytes, lengthOf } from './given.js'

const PUBLIC_PREFIX = 'pk_'
const SECRET_PREFIX = 'sk_'

/** `pk_` and 43 characters of base64url. @throws ChannelError USE_BAD_KEY unless it is 32 bytes */
export function encodePublicKey(publicKey: Uint8Array): string {
  return PUBLIC_PREFIX + toBase64Url(checkPublicKey(publicKey, 'public key'))
}

/** `sk_` and 43 characters of base64url. @throws ChannelError USE_BAD_KEY unless it is 32 bytes */
export function encodeSecretKey(secretKey: Uint8Array): string {
  return SECRET_PREFIX + toBase64Url(checkKey(secretKey, 'secret key'))
}

/** Reads `pk_…`. @throws ChannelError USE_BAD_KEY */
export function decodePublicKey(text: string): Uint8Array {
  if (typeof text === 'string' && text.trim().startsWith(SECRET_PREFIX)) {
    throw new ChannelError('USE_BAD_KEY', 'a secret key (sk_…) was given where a public key (pk_…) belongs', {
      next: 'give the public key; if the secret key was shown to anyone, make a new pair',
    })
  }
  return checkPublicKey(decode(text, PUBLIC_PREFIX, 'public key'), 'public key')
}

/** Reads `sk_…`. @throws ChannelError USE_BAD_KEY, which never quotes the text */
export function decodeSecretKey(text: string): Uint8Array {
  if (typeof text === 'string' && text.trim().includes('\n')) {
    throw new ChannelError('USE_BAD_KEY', 'a secret key was expected, and this is the text of a whole file', {
      next: 'give its line that starts with sk_, or read it by readKeyPair(file)',
    })
  }
  if (typeof text === 'string' && text.trim().startsWith(PUBLIC_PREFIX)) {
    throw new ChannelError('USE_BAD_KEY', 'a public key (pk_…) was given where a secret key (sk_…) belongs', {
      next: 'give the secret key that was made with it',
    })
  }
  return checkKey(decode(text, SECRET_PREFIX, 'secret key'), 'secret key')
}

/**
 * Reads a key’s text that does not say which kind of key it is: 43 characters of base64url, or 64 of hex. A secret key that is taken
 * for a public one is shown to everyone: read what has a prefix by the two functions above.
 * @throws ChannelError USE_BAD_KEY, which never quotes the text
 */
export function decodeBareKey(text: string): Uint8Array {
  const body = trimmed(text, 'key')
  const bytes = /^[0-9a-fA-F]{64}$/.test(body) ? fromHex(body) : fromBase64Url(body)
  if (!bytes) throw unreadable('key', body)
  return checkKey(bytes, 'key')
}

/** A key as it is now, in a copy. @throws ChannelError USE_BAD_KEY, naming `what`, unless it is 32 bytes, not all zero */
export function checkKey(key: unknown, what: string): Uint8Array {
  if (typeof key === 'string') {
    throw new ChannelError('USE_BAD_KEY', `the ${what} is a string`, {
      next: `decode it first, with ${what.includes('secret') ? 'decodeSecretKey' : 'decodePublicKey'}`,
    })
  }
  if (!isBytes(key)) throw new ChannelError('USE_BAD_KEY', `the ${what} is not a Uint8Array`)
  if (lengthOf(key) !== KEY_BYTES) {
    throw new ChannelError('USE_BAD_KEY', `the ${what} has ${lengthOf(key)} bytes, not ${KEY_BYTES}`)
  }
  const copy = copyOf(key)
  if (copy.every(byte => byte === 0)) throw new ChannelError('USE_BAD_KEY', `the ${what} is all zeros`)
  return copy
}

/** As `checkKey`. @throws ChannelError USE_BAD_KEY, too, for a key that X25519 takes for another one */
export function checkPublicKey(key: unknown, what: string): Uint8Array {
  const copy = checkKey(key, what)
  if (isCanonical(copy)) return copy
  throw new ChannelError('USE_BAD_KEY', `the ${what} is no public key: it is not below 2^255 - 19`, {
    next: 'give the key as its owner has it: this one was changed, or made up',
  })
}

/** As the core’s `isCanonical`. */
function isCanonical(key: Uint8Array): boolean {
  const [first = 0, last = 0] = [key[0], key[KEY_BYTES - 1]]
  if (last !== 0x7f) return last < 0x7f
  return first < 0xed || key.subarray(1, KEY_BYTES - 1).some(byte => byte !== 0xff)
}

function decode(text: string, prefix: string, what: string): Uint8Array {
  const whole = trimmed(text, what)
  if (!whole.startsWith(prefix)) {
    throw new ChannelError('USE_BAD_KEY', `a ${what} was expected, and its text does not start with ${prefix}`)
  }
  const body = whole.slice(prefix.length)
  const bytes = fromBase64Url(body)
  if (!bytes) throw unreadable(what, body)
  return bytes
}

function trimmed(text: unknown, what: string): string {
  if (typeof text !== 'string') throw new ChannelError('USE_BAD_KEY', `the ${what}’s text is not a string`)
  return text.trim()
}

function unreadable(what: string, body: string): ChannelError {
  const found = body.length === 43 ? 'characters that are not base64url' : `${body.length} characters`
  return new ChannelError('USE_BAD_KEY', `a ${what} was expected, and its text has ${found}`)
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

/** 32 bytes, or undefined. Only the canonical spelling is read: a key has one text. */
function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) return undefined
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), char => char.charCodeAt(0))
  return toBase64Url(bytes) === text ? bytes : undefined
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16))
}
