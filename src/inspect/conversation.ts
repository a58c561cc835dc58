// From the bytes of one direction to its messages: hello to records.

import { RECORD_MAX_1, RECORD_MAX_2, RECORD_MIN } from '../wire/stream.js'
import { identify } from './fields.js'
import { lengthOf, type MessageKind, u16 } from './layouts.js'

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

export interface Direction {
  from: 'client' | 'server'
  bytes: Uint8Array
  /** The first message, where the bytes do not tell. */
  first?: MessageKind | undefined
  /** What opens its records, if anything does. In version 1 it depends on the stream header, 24 bytes. */
  openerFor?: ((version: 1 | 2, header?: Uint8Array) => Open | undefined) | undefined
}

/** The messages of one direction; undefined where its first bytes are of none. */
export function messagesOf({ from, bytes, first, openerFor }: Direction): Message[] | undefined {
  let kind = first ?? identify(bytes, from)
  if (!kind) return undefined
  const version = kind.endsWith('1') || kind === 'header' ? 1 : 2
  let open: Open | undefined
  const messages: Message[] = []
  for (let at = 0; kind && at < bytes.length; ) {
    const rest = bytes.subarray(at)
    const length = lengthOf(kind, rest)
    const message: Message = { kind, offset: at, bytes: rest.subarray(0, length) }
    if (kind === 'header') open = openerFor?.(1, message.bytes)
    else if (kind === 'record2' && messages.at(-1)?.kind !== 'record2') open = openerFor?.(2)
    const told = isRecord(kind) ? readRecord(message, open) : message
    messages.push(told)
    if (told.trouble !== undefined) open = undefined
    if (told.bytes.length < length || isForbidden(told)) break
    at += length
    kind = follower(kind, version)
  }
  return messages
}

/** What comes behind a message in the same direction. */
function follower(kind: MessageKind, version: 1 | 2): MessageKind | undefined {
  switch (kind) {
    case 'hello1':
    case 'hello2':
      return 'response'
    case 'challenge1':
      return 'header'
    case 'response':
      return version === 1 ? 'header' : 'record2'
    case 'header':
    case 'record1':
      return 'record1'
    case 'challenge2':
    case 'record2':
      return 'record2'
    default:
      return undefined
  }
}

function readRecord(message: Message, open: Open | undefined): Message {
  if (!open || message.bytes.length < lengthOf(message.kind, message.bytes) || isForbidden(message)) return message
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
