// Records of version 2: crypto_aead_chacha20poly1305_ietf under a counter, docs/protocol.md "The stream", "Version 2".

import { concat, generichash, sodium, u16, u32, utf8 } from './primitives.js'
import {
  codeAnd,
  type Opener,
  type PeerRecord,
  plaintextOf,
  type RecordWriter,
  readPlaintext,
  recordOf,
  TYPE,
  type WriteOptions,
} from './record.js'

export const FLAG = { final: 0x80, endOfMessage: 0x40, rekey: 0x20, reserved: 0x10 } as const

const OVERHEAD = 2 + 16
const MAXIMUM_LENGTH = 65535
const MAXIMUM_COUNTER = 2 ** 48
const REKEY_RECORDS = 2 ** 20
const REKEY_BYTES = 2 ** 30

/** A direction's key and counter, as both its ends keep them. */
class Ratchet {
  key: Uint8Array
  counter = 0

  constructor(key: Uint8Array) {
    this.key = key
  }

  nonce(): Uint8Array {
    if (this.counter >= MAXIMUM_COUNTER) throw new Error('the counter has run out')
    const low = this.counter % 2 ** 32
    return concat(new Uint8Array(4), u32(low), u32((this.counter - low) / 2 ** 32))
  }

  advance(rekey: boolean): void {
    this.counter += 1
    if (!rekey) return
    this.key = generichash(32, utf8('nopki rekey'), this.key)
    this.counter = 0
  }
}

export class Writer2 implements RecordWriter {
  readonly header = new Uint8Array()
  readonly maximumData = MAXIMUM_LENGTH - OVERHEAD - 3
  #ratchet: Ratchet
  #bytes = 0
  #ended = false

  constructor(key: Uint8Array) {
    this.#ratchet = new Ratchet(key)
  }

  data(data: Uint8Array, options: WriteOptions = {}): Uint8Array {
    return this.#write(TYPE.data, data, options)
  }

  keepAlive({ padding = 0 } = {}): Uint8Array {
    // Not through #write: a rekey that falls due would make it a record that the application sees.
    return this.seal(plaintextOf(TYPE.data, new Uint8Array(), padding))
  }

  alert(code: number, text: string, { padding = 0 } = {}): Uint8Array {
    const record = this.#write(TYPE.alert, codeAnd(code, text), { padding })
    this.#ended = true
    return record
  }

  control(code: number, payload: Uint8Array, options: WriteOptions = {}): Uint8Array {
    return this.#write(TYPE.control, codeAnd(code, payload), options)
  }

  final(data: Uint8Array = new Uint8Array(), options: WriteOptions = {}): Uint8Array {
    return this.#write(TYPE.data | FLAG.final, data, options)
  }

  /** Seals any plaintext; the flags are in its type byte. For tests that need records which no writer makes. */
  seal(plaintext: Uint8Array): Uint8Array {
    if (this.#ended) throw new Error('written after the end')
    const length = plaintext.length + OVERHEAD
    if (length > MAXIMUM_LENGTH) throw new Error(`a record of ${length} bytes is too long`)
    const { key } = this.#ratchet
    const head = u16(length)
    const sealed = sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, head, null, this.#ratchet.nonce(), key)
    const rekey = (plaintext[2]! & FLAG.rekey) !== 0
    this.#ratchet.advance(rekey)
    this.#bytes = rekey ? 0 : this.#bytes + length
    if (plaintext[2]! & FLAG.final) this.#ended = true
    return concat(head, sealed)
  }

  #write(type: number, data: Uint8Array, options: WriteOptions): Uint8Array {
    const full = this.#bytes + data.length + OVERHEAD + 3 >= REKEY_BYTES
    const due = full || this.#ratchet.counter >= REKEY_RECORDS - 1
    const end = options.endOfMessage ? FLAG.endOfMessage : 0
    const rekey = options.rekey || due ? FLAG.rekey : 0
    return this.seal(plaintextOf(type | end | rekey, data, options.padding))
  }
}

export class Opener2 implements Opener {
  readonly headerLength = 0
  readonly maximumLength = MAXIMUM_LENGTH
  #ratchet: Ratchet

  constructor(key: Uint8Array) {
    this.#ratchet = new Ratchet(key)
  }

  start(): void {}

  open(record: Uint8Array): PeerRecord {
    const plaintext = this.#decrypt(record)
    const { data, padding } = readPlaintext(plaintext)
    const byte = plaintext[2]!
    if (byte & FLAG.reserved) throw new Error('a record with the reserved flag')
    const marks = {
      endOfMessage: (byte & FLAG.endOfMessage) !== 0,
      rekey: (byte & FLAG.rekey) !== 0,
      final: (byte & FLAG.final) !== 0,
      padding,
    }
    this.#ratchet.advance(marks.rekey)
    if (byte === TYPE.data && data.length === 0) return { kind: 'keepAlive', ...marks }
    return recordOf(byte & 0x0f, data, marks)
  }

  #decrypt(record: Uint8Array): Uint8Array {
    const [head, sealed] = [record.subarray(0, 2), record.subarray(2)]
    const { key } = this.#ratchet
    try {
      return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, head, this.#ratchet.nonce(), key)
    } catch {
      throw new Error('a record does not open')
    }
  }
}
