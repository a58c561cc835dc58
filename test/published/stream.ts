// The published program's stream, with its faults: docs/protocol.md, "The published program". Where it would abort, this throws an
// `Abort`; what it only fails with is a `Failed` by the name that it has there.

import { closeSync, readSync, writeSync } from 'node:fs'
import { readU16, sodium, u16 } from '../peer/primitives.js'
import { plaintextOf, TYPE } from '../peer/record.js'
import { TAG, Writer1 } from '../peer/stream1.js'

/** A checked operation that does not hold ends the whole process. */
export class Abort extends Error {}

export class Failed extends Error {}

/** A connected socket, read and written with the system's own blocking calls. */
export class Wire {
  #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  /** What is there, of at most so many bytes; waits where nothing is. Returns 0 at the end. */
  read(into: Uint8Array): number {
    return called(() => readSync(this.#fd, into))
  }

  readExactly(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const read = this.read(bytes.subarray(at))
      if (read === 0) throw new Failed('EndOfStream')
      at += read
    }
    return bytes
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += called(() => writeSync(this.#fd, bytes, at))
  }

  /** A second close is of a descriptor that is none. */
  close(): void {
    try {
      closeSync(this.#fd)
    } catch (error) {
      throw new Abort(`close: ${(error as NodeJS.ErrnoException).code}`)
    }
  }
}

export class PublishedWriter {
  #wire: Wire
  #writer: Writer1
  #waiting: Uint8Array[] = []
  #alerted = false

  /** Sends the stream header. */
  constructor(wire: Wire, key: Uint8Array) {
    this.#wire = wire
    this.#writer = new Writer1(key, length => sodium.randombytes_buf(length))
    wire.write(this.#writer.header)
  }

  write(data: Uint8Array): void {
    this.#waiting.push(data)
  }

  /** One record of all that was written; its own end is never sent. */
  flush(): void {
    this.#seal(TYPE.data, Buffer.concat(this.#waiting.splice(0)))
  }

  alert(code: number, text: string): void {
    this.#seal(TYPE.alert, Buffer.concat([u16(code), Buffer.from(text)]))
    this.#alerted = true
  }

  #seal(type: number, data: Uint8Array): void {
    if (this.#alerted) throw new Failed('AlertAlreadyRaised')
    if (data.length > MOST_WRITTEN) throw new Failed('PlainTextRecordSizeToLarge')
    this.#wire.write(this.#writer.seal(plaintextOf(type, data), TAG.MESSAGE))
  }
}

export class PublishedReader {
  /** The alert that has ended the stream. */
  alert: { code: number; text: string } | undefined
  #wire: Wire
  #state: ReturnType<typeof sodium.crypto_secretstream_xchacha20poly1305_init_pull>
  #buffer = Buffer.alloc(BUFFER_BYTES)
  /** What was received and not yet used: a view of the buffer. */
  #incoming = this.#buffer.subarray(0, 0)
  #plaintext: Uint8Array = new Uint8Array()

  /** Waits for the other end's stream header. */
  constructor(wire: Wire, key: Uint8Array) {
    this.#wire = wire
    while (this.#incoming.length < HEADER) this.#readMore()
    this.#state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(this.#incoming.subarray(0, HEADER), key)
    this.#dropFirst(HEADER)
  }

  /** The next data, of at most so many bytes; none of an empty data record, which looks like the end. */
  read(most: number): Uint8Array {
    if (this.alert) throw new Failed('AnAlertWasRaised')
    if (this.#plaintext.length === 0) this.#plaintext = this.#open()
    const data = this.#plaintext.subarray(0, most)
    this.#plaintext = this.#plaintext.subarray(most)
    return data
  }

  #open(): Uint8Array {
    for (;;) {
      while (this.#incoming.length < 2) this.#readMore()
      const length = readU16(this.#incoming)
      if (length === 0 || length > BUFFER_BYTES) throw new Failed('InvalidCryptoEnvelopeSize')
      while (length > this.#incoming.length) this.#readMore()
      if (length <= 2) throw new Abort('index out of bounds')
      const opened = pull(this.#state, this.#incoming.subarray(2, length))
      this.#dropFirst(length)
      if (opened.length < 2) throw new Failed('DecryptedRecordIsTooSmall')
      const size = readU16(opened)
      // It skips an empty record, whatever its tag.
      if (size === 0) continue
      if (size < 3 || size > opened.length) throw new Abort('index out of bounds')
      const data = opened.subarray(3, size)
      if (opened[2] === TYPE.data) return data
      if (opened[2] !== TYPE.alert) throw new Abort('invalid enum value')
      this.#raise(data)
    }
  }

  /** It knows two codes; the conversion of any other is checked. */
  #raise(data: Uint8Array): never {
    if (data.length < 2) throw new Abort('index out of bounds')
    const code = readU16(data)
    if (code !== 1 && code !== 2) throw new Abort('invalid enum value')
    this.alert = { code, text: Buffer.from(data.subarray(2)).toString() }
    throw new Failed('AnAlertWasRaised')
  }

  /** Reads behind what is left, which it takes to be at the buffer's front: and so much less than fits as is left. */
  #readMore(): void {
    const left = this.#incoming.length
    const end = BUFFER_BYTES - left
    if (left > end) throw new Abort('index out of bounds')
    const read = this.#wire.read(this.#buffer.subarray(left, end))
    if (read === 0) throw new Failed('UnexpectedEndOfStream')
    this.#incoming = this.#buffer.subarray(0, left + read)
  }

  /** Copies what is left to the front, and goes on where it was: over what the copy has overwritten, if it was longer. */
  #dropFirst(length: number): void {
    this.#incoming.copyWithin(0, length)
    this.#incoming = this.#incoming.subarray(length)
  }
}

function pull(state: Parameters<typeof sodium.crypto_secretstream_xchacha20poly1305_pull>[0], sealed: Uint8Array) {
  // The wrapper throws where there is not even room for a tag.
  const opened =
    sealed.length >= SEAL && sodium.crypto_secretstream_xchacha20poly1305_pull(state, new Uint8Array(sealed), null)
  if (!opened) throw new Failed('FailedToDecryptRecord')
  return opened.message
}

function called(act: () => number): number {
  try {
    return act()
  } catch (error) {
    throw new Failed((error as NodeJS.ErrnoException).code ?? String(error))
  }
}

const HEADER = 24
const SEAL = 17
const BUFFER_BYTES = 16_384
const MOST_WRITTEN = 16_357
