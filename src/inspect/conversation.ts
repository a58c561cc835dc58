// From bytes to messages: of one direction that is there whole, and of a connection as it goes on.

import { HELLO_1_SESSION_KEY } from '../wire/layout.js'
import { DirectionReader, type Message, type Open, type OpenerFor } from './direction.js'
import type { InspectedField } from './fields.js'
import { type LoggedKey, parseKeyLog, toHex } from './keylog.js'
import type { MessageKind } from './layouts.js'
import { type MakeOpener, type Opener, openerForLogged } from './openers.js'

/** What one end of a connection has sent. */
export interface Direction {
  from: 'client' | 'server'
  bytes: Uint8Array
  /** The first message, where the bytes do not tell. */
  first?: MessageKind | undefined
  /** What opens its records, if anything does. In version 1 it depends on the stream header, 24 bytes. */
  openerFor?: OpenerFor | undefined
}

/** The messages of one direction, views of its bytes; undefined where its first bytes are of none. */
export function messagesOf({ from, bytes, first, openerFor }: Direction): Message[] | undefined {
  // A plaintext ends where its bytes do.
  if (first === 'plaintext') return bytes.length === 0 ? [] : [{ kind: first, offset: 0, bytes }]
  const reader = new DirectionReader({ from, openerFor, views: true, first: () => first })
  const messages = reader.push(bytes)
  const cut = reader.end()
  return (first ?? reader.kind) ? [...messages, ...(cut ? [cut] : [])] : undefined
}

/** A message of a conversation. */
export interface Spoken extends Message {
  readonly from: 'client' | 'server'
}

/** A field that has become whole, while its message may still be on its way. */
export interface SpokenField {
  readonly from: 'client' | 'server'
  readonly message: MessageKind
  /** Where the message starts, from the start of its direction; `field.offset` counts from there. */
  readonly offset: number
  readonly field: InspectedField
}

/** What a conversation can be told. */
export interface ConversationOptions {
  /**
   * Opens records, by the keys that `onKeys` is given: `(version, key, header) => new RecordOpener(core, version, key, header)`, of
   * `nopki/engine`. By default records stay sealed.
   */
  opener?: MakeOpener
}

/**
 * A connection's messages, from its bytes as they come. What it gives is its own: no view of what it was given. The client's bytes come
 * first, as they do on the wire.
 *
 *     const conversation = new Conversation({ opener })
 *     connect({ …, onKeys: conversation.onKeys, onWire: ({ direction, bytes }) => conversation.push(direction, bytes) })
 */
export class Conversation {
  #opener: MakeOpener | undefined
  #client: DirectionReader
  #server: DirectionReader
  #keys = new Map<string, LoggedKey[]>()
  /** The client's session public key, in hex: what a key log calls the connection. */
  #name: string | undefined
  #fields: SpokenField[] = []
  #opened: Opener[] = []

  constructor({ opener }: ConversationOptions = {}) {
    this.#opener = opener
    this.#client = this.#reader('client')
    this.#server = this.#reader('server')
  }

  /** What the option `onKeys` of a channel takes. Keys of other connections are passed over. @throws Error if it is no line of a key log */
  readonly onKeys = (line: string): void => {
    for (const [name, keys] of parseKeyLog(line)) this.#keys.set(name, [...(this.#keys.get(name) ?? []), ...keys])
  }

  /** The messages, and the fields, that have become whole with these bytes. Bytes of another protocol are passed over. */
  push(from: 'client' | 'server', bytes: Uint8Array): { messages: Spoken[]; fields: SpokenField[] } {
    const reader = from === 'client' ? this.#client : this.#server
    const messages = reader.push(bytes).map(it => ({ ...it, from }))
    return { messages, fields: this.#fields.splice(0) }
  }

  /** Gives back what opens records. */
  close(): void {
    for (const opener of this.#opened.splice(0)) opener.close()
  }

  #reader(from: 'client' | 'server'): DirectionReader {
    return new DirectionReader({
      from,
      // Version 1's challenge has no version of its own.
      first: () => (from === 'server' && this.#client.kind === 'hello1' ? 'challenge1' : undefined),
      openerFor: (version, header) => this.#openerFor(from, version, header),
      onField: (field, message, offset) => {
        if (message.startsWith('hello') && field.offset === HELLO_1_SESSION_KEY) this.#name = toHex(field.bytes)
        this.#fields.push({ from, message, offset, field })
      },
    })
  }

  #openerFor(from: 'client' | 'server', version: 1 | 2, header: Uint8Array | undefined): Open | undefined {
    const make = this.#opener
    return make && openerForLogged(this.#keys, this.#name, from, make, this.#opened)(version, header)
  }
}
