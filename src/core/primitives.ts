import { KEY_BYTES, MAC_BYTES, PLAINTEXT_DATA, RECORD_NONCE_BYTES, RECORD_SEALED } from '../wire/layout.js'
import { ChannelRecords } from './channel-records.js'
import type { Core } from './core.js'

/**
 * The platform's own build of version 2's record cipher, ChaCha20-Poly1305 as of RFC 8439 (docs/protocol.md, "The stream"). What it is
 * given are views, valid until it returns; what it returns is the caller's.
 */
export interface RecordCipher {
  /** Where it comes from, such as `node:crypto`. */
  readonly name: string
  /** Records of at least so many bytes gain by it. */
  readonly from: number
  /** The longest data, of at most so many bytes, for which it is at its fastest. Records that are full anyway are made so long. */
  fit(most: number): number
  /** Seals the parts as one plaintext. Returns the ciphertext in pieces, and the tag [16] as the last. */
  seal(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, parts: Uint8Array[]): Uint8Array[]
  /** Opens ciphertext ‖ tag [16]. Undefined where the tag does not fit. */
  open(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}

/** The platform's own build of X25519 (RFC 7748). */
export interface Multiplier {
  /** Where it comes from, such as `sodium-native`. */
  readonly name: string
  /** Writes the product [32] to `out`; without `publicKey`, the secret key's own public key. False where that one is weak. */
  multiply(out: Uint8Array, secretKey: Uint8Array, publicKey?: Uint8Array): boolean
}

/** Makes a core's. It comes from outside, so that what has no cipher, such as a page, does not carry all of this. */
export type HostPrimitivesOf = (core: Core) => HostPrimitives

/** Those of a host that has this cipher, and may have this multiplier; undefined for one that has none. */
export function primitivesBy(cipher: RecordCipher | undefined, multiplier?: Multiplier): HostPrimitivesOf | undefined {
  return cipher && (core => new HostPrimitives(core, cipher, multiplier))
}

/** What the core asks of the host, and for records their bytes, which do not come into linear memory (assembly/host.ts). */
export class HostPrimitives {
  readonly cipher: RecordCipher
  #multiplier: Multiplier | undefined
  #memory: Core
  #parts: Uint8Array[] = []
  #sealed: Uint8Array[] = []
  #opened: Uint8Array | undefined

  constructor(core: Core, cipher: RecordCipher, multiplier?: Multiplier) {
    this.#memory = core
    this.cipher = cipher
    this.#multiplier = multiplier
  }

  /** Where they come from, such as `node:crypto`, or `node:crypto, sodium-native`. */
  get name(): string {
    return [...new Set([this.cipher.name, this.#multiplier?.name ?? this.cipher.name])].join(', ')
  }

  /** Those of one channel. */
  of(channel: number): ChannelRecords {
    return new ChannelRecords(this.#memory, this, channel)
  }

  /** Runs `seal`, in which the core seals a record of these parts, and returns the record in pieces: none where it does not. */
  sealing(parts: Uint8Array[], seal: () => void): Uint8Array[] {
    this.#parts = parts
    this.#sealed = []
    seal()
    return this.#sealed
  }

  /** The plaintext that was opened last: its data are all that is behind the size and type. */
  takeData(): Uint8Array {
    const data = this.#opened?.subarray(PLAINTEXT_DATA)
    this.#opened = undefined
    if (!data) throw new Error('no record was opened')
    return data
  }

  readonly imports = {
    multiply: (out: number, secretKey: number, publicKey: number): number => {
      if (!this.#multiplier) return -1
      const theirs = publicKey === 0 ? undefined : this.#key(publicKey)
      return this.#multiplier.multiply(this.#key(out), this.#key(secretKey), theirs) ? 0 : 1
    },
    sealRecord: (record: number, nonce: number, key: number): void => {
      const memory = this.#memory
      const lead = memory.view(record + RECORD_SEALED, PLAINTEXT_DATA)
      const plaintext = this.#lengthAt(record) - RECORD_SEALED - MAC_BYTES
      const padding = this.#parts.reduce((left, part) => left - part.length, plaintext - PLAINTEXT_DATA)
      const parts = [lead, ...this.#parts, ...(padding ? [new Uint8Array(padding)] : [])]
      const length = memory.copy(record, RECORD_SEALED)
      this.#sealed = [length, ...this.cipher.seal(this.#key(key), this.#nonce(nonce), length, parts)]
      this.#parts = []
    },
    openRecord: (record: number, nonce: number, key: number): number => {
      const memory = this.#memory
      const length = memory.view(record, RECORD_SEALED)
      const sealed = memory.view(record + RECORD_SEALED, this.#lengthAt(record) - RECORD_SEALED)
      this.#opened = this.cipher.open(this.#key(key), this.#nonce(nonce), length, sealed)
      if (!this.#opened) return 1
      memory.bytes.set(this.#opened.subarray(0, PLAINTEXT_DATA), record + RECORD_SEALED)
      return 0
    },
    revealRecord: (plaintext: number, length: number): void => {
      if (this.#opened?.length !== length) throw new Error('no such record was opened')
      this.#memory.bytes.set(this.#opened, plaintext)
      this.#opened = undefined
    },
  }

  #lengthAt(record: number): number {
    const { bytes } = this.#memory
    return (bytes[record] ?? 0) | ((bytes[record + 1] ?? 0) << 8)
  }

  #key(pointer: number): Uint8Array {
    return this.#memory.view(pointer, KEY_BYTES)
  }

  #nonce(pointer: number): Uint8Array {
    return this.#memory.view(pointer, RECORD_NONCE_BYTES)
  }
}
