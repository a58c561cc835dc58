import { ChannelError } from '../errors.js'
import { KEY_BYTES } from '../wire/layout.js'
import { copyOf, isBytes, lengthOf } from './given.js'

const PUBLIC_PREFIX = 'pk_'
const SECRET_PREFIX = 'sk_'

/** `pk_` and 43 characters of base64url. @throws ChannelError USE_BAD_KEY unless it is 32 bytes */
export function encodePublicKey(publicKey: Uint8Array): string {
  return PUBLIC_PREFIX + toBase64Url(checkKey(publicKey, 'public key'))
}

/** `sk_` and 43 characters of base64url. @throws ChannelError USE_BAD_KEY unless it is 32 bytes */
export function encodeSecretKey(secretKey: Uint8Array): string {
  return SECRET_PREFIX + toBase64Url(checkKey(secretKey, 'secret key'))
}

/** Reads `pk_…`; bare base64url (43 characters) and hex (64) too. @throws ChannelError USE_BAD_KEY */
export function decodePublicKey(text: string): Uint8Array {
  if (typeof text === 'string' && text.trim().startsWith(SECRET_PREFIX)) {
    throw new ChannelError('USE_BAD_KEY', 'a secret key (sk_…) was given where a public key (pk_…) belongs', {
      next: 'give the public key; if the secret key was shown to anyone, make a new pair',
    })
  }
  return decode(text, PUBLIC_PREFIX, 'public key')
}

/** Reads `sk_…`; bare base64url (43 characters) and hex (64) too. @throws ChannelError USE_BAD_KEY, which never quotes the text */
export function decodeSecretKey(text: string): Uint8Array {
  if (typeof text === 'string' && text.trim().startsWith(PUBLIC_PREFIX)) {
    throw new ChannelError('USE_BAD_KEY', 'a public key (pk_…) was given where a secret key (sk_…) belongs', {
      next: 'give the secret key that was made with it',
    })
  }
  return decode(text, SECRET_PREFIX, 'secret key')
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

function decode(text: string, prefix: string, what: string): Uint8Array {
  if (typeof text !== 'string') throw new ChannelError('USE_BAD_KEY', `the ${what}’s text is not a string`)
  const body = text.trim().startsWith(prefix) ? text.trim().slice(prefix.length) : text.trim()
  const bytes = /^[0-9a-fA-F]{64}$/.test(body) ? fromHex(body) : fromBase64Url(body)
  if (!bytes) {
    const found = body.length === 43 ? 'characters that are not base64url' : `${body.length} characters`
    throw new ChannelError('USE_BAD_KEY', `a ${what} was expected, and its text has ${found}`)
  }
  return checkKey(bytes, what)
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
