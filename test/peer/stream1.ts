// Records of version 1: crypto_secretstream_xchacha20poly1305, docs/protocol.md "The stream", "Version 1".

import { concat, NONCE_LENGTH, type Random, readU16, sodium, u16 } from './primitives.js'
import {
  checkPadding,
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

const OVERHEAD = 2 + 17
const MAXIMUM_LENGTH = 16384
// What the published program survives: "The published program".
const WRITER_LENGTH = 8192
const REKEY_RECORDS = 2 ** 19
const REKEY_BYTES = 2 ** 29

export class Writer1 implements RecordWriter {
  readonly header: Uint8Array
  readonly maximumData = WRITER_LENGTH - OVERHEAD - 3
  #state: ReturnType<typeof sodium.crypto_secretstream_xchacha20poly1305_init_pull>
  #records = 0
  #bytes = 0
  #ended = false

  constructor(key: Uint8Array, random: Random) {
    this.header = random(NONCE_LENGTH)
    // init_push draws a header of its own; the state that init_pull makes of a header is the one it would have made.
    this.#state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(this.header, key)
  }

  data(data: Uint8Array, options: WriteOptions = {}): Uint8Array {
    // TAG_PUSH with TAG_REKEY is TAG_FINAL: the two marks cannot share a record.
    if (options.endOfMessage && options.rekey) throw new Error('version 1 cannot end a message and rekey in one record')
    // A key that is due waits for a record that does not end a message; the limits leave room for that.
    const due = this.#records >= REKEY_RECORDS || this.#bytes >= REKEY_BYTES
    const rekey = options.rekey || (due && !options.endOfMessage)
    const tag = options.endOfMessage ? TAG.PUSH : rekey ? TAG.REKEY : TAG.MESSAGE
    // An empty data record of size 3 looks like the end to the published program: nothing to say is said with size 0.
    if (data.length === 0) return this.seal(emptyOf(options.padding), tag)
    return this.seal(plaintextOf(TYPE.data, data, options.padding), tag)
  }

  keepAlive({ padding = 0 } = {}): Uint8Array {
    return this.seal(emptyOf(padding), TAG.MESSAGE)
  }

  alert(code: number, text: string, { padding = 0 } = {}): Uint8Array {
    const record = this.seal(plaintextOf(TYPE.alert, codeAnd(code, text), padding), TAG.MESSAGE)
    this.#ended = true
    return record
  }

  control(): never {
    throw new Error('version 1 has no control records')
  }

  final(data: Uint8Array = new Uint8Array(), { padding = 0 }: WriteOptions = {}): Uint8Array {
    if (data.length > 0) throw new Error("version 1's final record is empty")
    return this.seal(emptyOf(padding), TAG.FINAL)
  }

  /** Seals any plaintext with any tag: for tests that need records which no writer makes. */
  seal(plaintext: Uint8Array, tag: number): Uint8Array {
    if (this.#ended) throw new Error('written after the end')
    const length = plaintext.length + OVERHEAD
    if (length > MAXIMUM_LENGTH) throw new Error(`a record of ${length} bytes is too long`)
    const sealed = sodium.crypto_secretstream_xchacha20poly1305_push(this.#state, plaintext, null, tag)
    const turned = (tag & TAG.REKEY) !== 0
    this.#records = turned ? 0 : this.#records + 1
    this.#bytes = turned ? 0 : this.#bytes + length
    if (tag === TAG.FINAL) this.#ended = true
    return concat(u16(length), sealed)
  }
}

export class Opener1 implements Opener {
  readonly headerLength = NONCE_LENGTH
  readonly maximumLength = MAXIMUM_LENGTH
  #key: Uint8Array
  #state: ReturnType<typeof sodium.crypto_secretstream_xchacha20poly1305_init_pull> | null = null

  constructor(key: Uint8Array) {
    this.#key = key
  }

  start(header: Uint8Array): void {
    this.#state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(header, this.#key)
  }

  open(record: Uint8Array): PeerRecord {
    const opened = sodium.crypto_secretstream_xchacha20poly1305_pull(this.#state!, record.subarray(2), null)
    if (!opened) throw new Error('a record does not open')
    const { message: plaintext, tag } = opened
    if (tag > TAG.FINAL) throw new Error(`a record with tag ${tag}`)
    const marks = { endOfMessage: tag === TAG.PUSH, rekey: tag === TAG.REKEY, final: tag === TAG.FINAL }
    if (readU16(plaintext) === 0) {
      const padding = checkPadding(plaintext.subarray(2))
      if (tag === TAG.MESSAGE) return { kind: 'keepAlive', ...marks, padding }
      return recordOf(TYPE.data, new Uint8Array(), { ...marks, padding })
    }
    const { data, padding } = readPlaintext(plaintext)
    const type = plaintext[2]!
    if (type === TYPE.control) throw new Error('a control record in version 1')
    if (marks.final) throw new Error('a final record that is not empty')
    return recordOf(type, data, { ...marks, padding })
  }
}

/** Size 0: no type, no data. */
function emptyOf(padding = 0): Uint8Array {
  return new Uint8Array(2 + padding)
}

export const TAG = { MESSAGE: 0, PUSH: 1, REKEY: 2, FINAL: 3 } as const
