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

/** What a host has faster than the code that is linked into channel.wasm. A core is given it, so that browser bundles do not include it. */
export interface HostPrimitives {
  /** Where they come from, such as `node:crypto`, or `node:crypto, sodium-native`. */
  readonly name: string
  readonly cipher: RecordCipher | undefined
  /** What the core imports from the host, by name (assembly/host.ts). */
  imports(view: View): HostImports
}

/** A view of linear memory. */
export type View = (pointer: number, length: number) => Uint8Array<ArrayBuffer>

export interface HostImports {
  multiply(out: number, secretKey: number, publicKey: number): number
  seal: CipherCall
  open: CipherCall
}

type CipherCall = (
  bytes: number,
  length: number,
  additional: number,
  additionalLength: number,
  nonce: number,
  key: number,
) => number

/** What this cipher and this multiplier are to a core; undefined if there is neither. */
export function hostPrimitives(cipher?: RecordCipher, multiplier?: Multiplier): HostPrimitives | undefined {
  const names = [cipher, multiplier].flatMap(it => (it ? [it.name] : []))
  if (names.length === 0) return undefined
  return { name: [...new Set(names)].join(', '), cipher, imports: view => importsOf(view, cipher, multiplier) }
}

/** Arguments go in, and the answer comes back: nothing is kept between calls. */
function importsOf(view: View, cipher?: RecordCipher, multiplier?: Multiplier): HostImports {
  const keyAt = (pointer: number) => view(pointer, KEY_BYTES)
  const run =
    (call: (...views: [Uint8Array, Uint8Array, Uint8Array, Uint8Array]) => boolean): CipherCall =>
    (bytes, length, additional, additionalLength, nonce, key) => {
      try {
        const nonceView = view(nonce, RECORD_NONCE_BYTES)
        const done = call(keyAt(key), nonceView, view(additional, additionalLength), view(bytes, length + MAC_BYTES))
        return done ? DONE : REFUSED
      } catch {
        return NOT_DONE
      }
    }
  return {
    multiply(out, secretKey, publicKey) {
      if (!multiplier) return NOT_DONE
      const theirs = publicKey === 0 ? undefined : keyAt(publicKey)
      return multiplier.multiply(keyAt(out), keyAt(secretKey), theirs) ? DONE : REFUSED
    },
    seal: run((key, nonce, additional, bytes) => {
      cipher?.seal(key, nonce, additional, bytes)
      return true
    }),
    open: run((key, nonce, additional, bytes) => cipher?.open(key, nonce, additional, bytes) ?? false),
  }
}

// The core's answers, as assembly/host.ts has them.
const DONE = 0
const REFUSED = 1
const NOT_DONE = -1
