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
  /** Seals `text` in place, and writes its tag [16] to `tag`. */
  seal(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, text: Uint8Array, tag: Uint8Array): void
  /** Opens `text` in place. False if `tag` [16] does not match: then the text is as it was. */
  open(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, text: Uint8Array, tag: Uint8Array): boolean
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

type FiveViews = [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]

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

/** Arguments go in, and the answer comes back: nothing is kept between calls but views, which say where, and not what. */
function importsOf(view: View, cipher?: RecordCipher, multiplier?: Multiplier): HostImports {
  const keyAt = (pointer: number) => view(pointer, KEY_BYTES)
  const run = (call: (...views: FiveViews) => boolean): CipherCall => {
    const [keyView, nonceView] = [sameAgain(view), sameAgain(view)]
    const [additionalView, textView, tagView] = [sameAgain(view), sameAgain(view), sameAgain(view)]
    return (bytes, length, additional, additionalLength, nonce, key) => {
      try {
        const done = call(
          keyView(key, KEY_BYTES),
          nonceView(nonce, RECORD_NONCE_BYTES),
          additionalView(additional, additionalLength),
          textView(bytes, length),
          tagView(bytes + length, MAC_BYTES),
        )
        return done ? DONE : REFUSED
      } catch {
        return NOT_DONE
      }
    }
  }
  return {
    multiply(out, secretKey, publicKey) {
      if (!multiplier) return NOT_DONE
      const theirs = publicKey === 0 ? undefined : keyAt(publicKey)
      return multiplier.multiply(keyAt(out), keyAt(secretKey), theirs) ? DONE : REFUSED
    },
    seal: run((key, nonce, additional, text, tag) => {
      cipher?.seal(key, nonce, additional, text, tag)
      return true
    }),
    open: run((key, nonce, additional, text, tag) => cipher?.open(key, nonce, additional, text, tag) ?? false),
  }
}

/** A view for every record would be garbage for every record, and most lie where the last one lay. */
function sameAgain(view: View): View {
  let last = new Uint8Array()
  return (pointer, length) => {
    // Memory that has grown leaves views of no bytes behind.
    if (last.byteOffset !== pointer || last.length !== length) last = view(pointer, length)
    return last
  }
}

// The core's answers, as assembly/host.ts has them.
const DONE = 0
const REFUSED = 1
const NOT_DONE = -1
