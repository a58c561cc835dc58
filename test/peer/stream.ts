// The two directions of a stream, of either version: docs/protocol.md, "The stream".

import type { Version } from './handshake.js'
import { concat, type Random, readU16 } from './primitives.js'
import type { Opener, PeerRecord, RecordWriter } from './record.js'
import { Opener1, Writer1 } from './stream1.js'
import { Opener2, Writer2 } from './stream2.js'

export { ALERT, type Marks, type PeerRecord, type RecordWriter, TYPE, type WriteOptions } from './record.js'

const MINIMUM_LENGTH = 21

export interface ReaderOptions {
  /** Version 1 only: take a stream that stops between records for its end, as the published program's does. */
  acceptMissingEnd?: boolean | undefined
}

/** Cuts a byte stream into records. The first error is kept, and thrown for ever. */
export class RecordReader {
  #opener: Opener
  #acceptMissingEnd: boolean
  #buffer = new Uint8Array()
  #started: boolean
  #ended = false
  #error: unknown = null

  constructor(version: Version, key: Uint8Array, options: ReaderOptions = {}) {
    this.#opener = version === 1 ? new Opener1(key) : new Opener2(key)
    this.#acceptMissingEnd = version === 1 && options.acceptMissingEnd === true
    this.#started = this.#opener.headerLength === 0
  }

  /** True when a final record or an alert has been read. */
  get ended(): boolean {
    return this.#ended
  }

  /** All the records that these bytes complete. */
  push(bytes: Uint8Array): PeerRecord[] {
    this.feed(bytes)
    const records: PeerRecord[] = []
    for (let record = this.next(); record; record = this.next()) records.push(record)
    return records
  }

  feed(bytes: Uint8Array): void {
    this.#buffer = new Uint8Array(concat(this.#buffer, bytes))
  }

  /** The next record, or null where more bytes are needed, or the stream has ended. */
  next(): PeerRecord | null {
    return this.#guard(() => {
      if (!this.#started && !this.#start()) return null
      if (this.#ended && this.#buffer.length > 0) throw new Error('bytes after the end of the stream')
      if (this.#buffer.length < 2) return null
      const length = readU16(this.#buffer)
      // Refused before it is waited for.
      if (length < MINIMUM_LENGTH || length > this.#opener.maximumLength) throw new Error(`a record of ${length} bytes`)
      if (this.#buffer.length < length) return null
      const record = this.#opener.open(this.#take(length))
      this.#ended = record.final || record.kind === 'alert'
      return record
    })
  }

  /** To be called when the byte stream stops: throws unless it has had its authenticated end. */
  finish(): void {
    this.#guard(() => {
      const between = this.#started && this.#buffer.length === 0
      if (between && (this.#ended || this.#acceptMissingEnd)) return
      throw new Error('the stream was cut short')
    })
  }

  #start(): boolean {
    if (this.#buffer.length < this.#opener.headerLength) return false
    this.#opener.start(this.#take(this.#opener.headerLength))
    this.#started = true
    return true
  }

  #take(length: number): Uint8Array {
    const taken = this.#buffer.slice(0, length)
    this.#buffer = this.#buffer.slice(length)
    return taken
  }

  #guard<T>(action: () => T): T {
    if (this.#error) throw this.#error
    try {
      return action()
    } catch (error) {
      this.#error = error
      throw error
    }
  }
}

/** The writer of one direction. In version 1 it draws the header at once. */
export function createWriter(version: Version, key: Uint8Array, random: Random): RecordWriter {
  return version === 1 ? new Writer1(key, random) : new Writer2(key)
}
