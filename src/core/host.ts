import { KEY_BYTES, MAC_BYTES, RECORD_NONCE_BYTES } from '../wire/layout.js'

/**
 * The platform's own build of version 2's record cipher, ChaCha20-Poly1305 as of RFC 8439 (docs/protocol.md, "The stream"). It works in
 * place on views of linear memory, which are valid until it returns, and keeps nothing. If it throws, the bytes are as they were, and the
 * linked cipher does the work.
 */
export interface RecordCipher {
  /** Where it comes from, such as `node:crypto`. */
  readonly name: string
  /** The shortest record, in bytes, that gains by it. */
  readonly from: number
  /** The longest record, in bytes, for which it is at its fastest. */
  readonly recordLimit: number
  /** Seals all but the last 16 of the bytes, and writes the tag there. */
  seal(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, bytes: Uint8Array): void
  /** Opens all but the last 16 of the bytes, which are the tag. False if the tag does not match: then the bytes are as they were. */
  open(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, bytes: Uint8Array): boolean
}

/** The platform's own build of X25519 (RFC 7748). */
export interface Multiplier {
  /** Where it comes from, such as `sodium-native`. */
  readonly name: string
  /** Writes the product [32] to `out`; without `publicKey`, the secret key's own public key. False if the public key is weak. */
  multiply(out: Uint8Array, secretKey: Uint8Array, publicKey?: Uint8Array): boolean
}

/** What a host has faster than the code that is linked into channel.wasm. */
export interface HostPrimitives {
  readonly cipher?: RecordCipher | undefined
  readonly multiplier?: Multiplier | undefined
}

/** Where they come from, such as `node:crypto`, or `node:crypto, sodium-native`; undefined if there are none. */
export function namesOf({ cipher, multiplier }: HostPrimitives): string | undefined {
  const names = [cipher, multiplier].flatMap(it => (it ? [it.name] : []))
  return names.length > 0 ? [...new Set(names)].join(', ') : undefined
}

/** A view of linear memory. */
export type View = (pointer: number, length: number) => Uint8Array<ArrayBuffer>

/** What the core imports from the host (assembly/host.ts). Arguments go in, and the answer comes back: nothing is kept between calls. */
export function hostImports(view: View, { cipher, multiplier }: HostPrimitives) {
  const keyAt = (pointer: number) => view(pointer, KEY_BYTES)
  const nonceAt = (pointer: number) => view(pointer, RECORD_NONCE_BYTES)
  return {
    multiply(out: number, secretKey: number, publicKey: number): number {
      if (!multiplier) return NOT_DONE
      const theirs = publicKey === 0 ? undefined : keyAt(publicKey)
      return multiplier.multiply(keyAt(out), keyAt(secretKey), theirs) ? DONE : REFUSED
    },
    seal(
      bytes: number,
      length: number,
      additional: number,
      additionalLength: number,
      nonce: number,
      key: number,
    ): number {
      if (!cipher) return NOT_DONE
      try {
        cipher.seal(keyAt(key), nonceAt(nonce), view(additional, additionalLength), view(bytes, length + MAC_BYTES))
        return DONE
      } catch {
        return NOT_DONE
      }
    },
    open(
      bytes: number,
      length: number,
      additional: number,
      additionalLength: number,
      nonce: number,
      key: number,
    ): number {
      if (!cipher) return NOT_DONE
      try {
        const sealed = view(bytes, length + MAC_BYTES)
        return cipher.open(keyAt(key), nonceAt(nonce), view(additional, additionalLength), sealed) ? DONE : REFUSED
      } catch {
        return NOT_DONE
      }
    },
  }
}

// The core's answers, as assembly/host.ts has them.
const DONE = 0
const REFUSED = 1
const NOT_DONE = -1
