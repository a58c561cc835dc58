// The messages of one direction, from bytes that come in pieces of any size.

import { VERSION_BYTES } from '../wire/layout.js'
import { RECORD_MAX_1, RECORD_MAX_2, RECORD_MIN } from '../wire/stream.js'
import { fields, type InspectedField, identify } from './fields.js'
import { followerOf, lengthOf, type MessageKind, u16 } from './layouts.js'

/** A message or record on the wire. */
export interface Message {
  readonly kind: MessageKind
  /** From the start of its direction. */
  readonly offset: number
  /** Fewer than its length where it is cut. */
  readonly bytes: Uint8Array
  /** What a record seals, where there is a key for it. */
  readonly plaintext?: Uint8Array
  /** Why nothing behind it is told. */
  readonly trouble?: string
}

/** Opens the records of a direction, in order. Throws where one does not open. */
export type Open = (record: Uint8Array) => Uint8Array

/** What opens a direction's records, if anything does. In version 1 it depends on the stream header, 24 bytes. */
export type OpenerFor = (version: 1 | 2, header?: Uint8Array) => Open | undefined

interface Options {
  from: 'client' | 'server'
  /** The first message, where the bytes do not tell. */
  first?: (() => MessageKind | undefined) | undefined
  openerFor?: OpenerFor | undefined
  /** Whether messages may be views of the bytes that are pushed. Default false: they are copies. */
  views?: boolean
  /** Is told a field of a message as soon as it is whole. */
  onField?: (field: InspectedField, kind: MessageKind, offset: number) => void
}

export class DirectionReader {
  /** The first message, once it is known. */
  kind: MessageKind | undefined
  /** Whether the first bytes are of none of this protocol's messages: what follows is passed over. */
  foreign = false
  #options: Options
  /** The kind of the message that is being read; undefined ahead of the first, and where what follows is not known. */
  #next: MessageKind | undefined
  #over = false
  #offset = 0
  /** The beginning of that message. */
  #held: Uint8Array = new Uint8Array(VERSION_BYTES)
  #got = 0
  #told = 0
  #open: Open | undefined
  #records = 0

  constructor(options: Options) {
    this.#options = options
  }

  /** The messages that have become whole with these bytes. */
  push(bytes: Uint8Array): Message[] {
    const messages: Message[] = []
    let at = 0
    while (at < bytes.length && !this.#over) {
      const rest = bytes.subarray(at)
      if (!this.#next) at += this.#begin(rest)
      else {
        const whole = this.#got === 0 && rest.length >= lengthOf(this.#next, rest)
        at += whole ? this.#take(rest, messages) : this.#gather(rest, messages)
      }
    }
    return messages
  }

  /** There are no more bytes: the message that was cut, if there is one. */
  end(): Message | undefined {
    if (!this.#next || this.#over || this.#got === 0) return undefined
    return { kind: this.#next, offset: this.#offset, bytes: this.#held.slice(0, this.#got) }
  }

  /** Settles what the first message is: by its first four bytes, unless that is known. Returns how many it took. */
  #begin(rest: Uint8Array): number {
    const known = this.#options.first?.()
    const took = known ? 0 : this.#hold(rest, VERSION_BYTES)
    if (!known && this.#got < VERSION_BYTES) return took
    this.#next = known ?? identify(this.#held.subarray(0, this.#got), this.#options.from)
    this.kind = this.#next
    this.foreign = !this.#next
    this.#over = this.foreign
    if (this.#next) this.#tell(this.#held.subarray(0, this.#got))
    return took
  }

  /** A message that is there in one piece. */
  #take(rest: Uint8Array, messages: Message[]): number {
    const length = lengthOf(this.#next as MessageKind, rest)
    const bytes = this.#options.views ? rest.subarray(0, length) : rest.slice(0, length)
    this.#tell(bytes)
    messages.push(this.#finish(bytes))
    return length
  }

  /** A piece of a message: as far as its length is known, and it goes. */
  #gather(rest: Uint8Array, messages: Message[]): number {
    const kind = this.#next as MessageKind
    const length = isRecord(kind) && this.#got < RECORD_HEAD ? RECORD_HEAD : this.#length()
    const took = this.#hold(rest, length)
    this.#tell(this.#held.subarray(0, this.#got))
    if (this.#got === this.#length()) messages.push(this.#finish(this.#held.slice(0, this.#got)))
    return took
  }

  #length(): number {
    return lengthOf(this.#next as MessageKind, this.#held.subarray(0, this.#got))
  }

  #hold(rest: Uint8Array, length: number): number {
    const took = Math.min(Math.max(length - this.#got, 0), rest.length)
    if (this.#held.length < length) {
      const larger = new Uint8Array(length)
      larger.set(this.#held.subarray(0, this.#got))
      this.#held = larger
    }
    this.#held.set(rest.subarray(0, took), this.#got)
    this.#got += took
    return took
  }

  /** The fields that have become whole. */
  #tell(bytes: Uint8Array): void {
    const { onField } = this.#options
    const kind = this.#next as MessageKind
    if (!onField || (isRecord(kind) && bytes.length < RECORD_HEAD)) return
    const found = fields(kind, bytes)
    for (let field = found[this.#told]; field && field.missing === 0; field = found[this.#told]) {
      // The bytes that it has so far may move.
      onField(copied(field), kind, this.#offset)
      this.#told += 1
    }
  }

  #finish(bytes: Uint8Array): Message {
    const kind = this.#next as MessageKind
    const version = this.kind?.endsWith('1') || this.kind === 'header' ? 1 : 2
    if (kind === 'header') this.#open = this.#options.openerFor?.(1, bytes)
    else if (kind === 'record2' && this.#records++ === 0) this.#open = this.#options.openerFor?.(2)
    const message: Message = { kind, offset: this.#offset, bytes }
    const told = isRecord(kind) ? readRecord(message, this.#open) : message
    if (told.trouble !== undefined) this.#open = undefined
    this.#offset += bytes.length
    this.#got = 0
    this.#told = 0
    this.#next = isForbidden(told) ? undefined : followerOf(kind, version)
    this.#over = !this.#next
    return told
  }
}

function copied({ parts, ...field }: InspectedField): InspectedField {
  const copy = { ...field, bytes: field.bytes.slice() }
  return parts ? { ...copy, parts: parts.map(copied) } : copy
}

function readRecord(message: Message, open: Open | undefined): Message {
  if (!open || isForbidden(message)) return message
  try {
    return { ...message, plaintext: open(message.bytes) }
  } catch {
    return { ...message, trouble: 'it does not open under the logged key: the records behind it are left sealed' }
  }
}

function isRecord(kind: MessageKind): boolean {
  return kind === 'record1' || kind === 'record2'
}

/** A record whose length field no record has: where the next one starts is not known. */
function isForbidden({ kind, bytes }: Message): boolean {
  if (!isRecord(kind)) return false
  const length = u16(bytes)
  return length < RECORD_MIN || length > (kind === 'record1' ? RECORD_MAX_1 : RECORD_MAX_2)
}

/** A record's length comes first. */
const RECORD_HEAD = 2
