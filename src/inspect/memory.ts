// What a channel has in linear memory: its regions, by the layout of src/wire/memory.ts. It reads, and calls nothing.

import { BUFFER_BYTES, PHASE_PEER_PROVED, ROLE_CLIENT } from '../wire/abi.js'
import { PLAINTEXT_DATA, RECORD_SEALED, TAG_BYTES } from '../wire/layout.js'
import * as at from '../wire/memory.js'
import {
  channelFields,
  type Field,
  handshakeFields,
  moreKeysFields,
  offerFields,
  plain,
  secret,
  stepFields,
} from './memory-fields.js'

/** What has a channel's memory: an engine; a socket or a web channel that was made with `inspect: true`. */
export interface Inspectable {
  /** All of linear memory, and the channel's place in it: 0 once it is closed. */
  readonly memory: { readonly bytes: Uint8Array; readonly channel: number }
}

/** Some bytes of a channel in linear memory, and what they are. */
export interface Region {
  /** What it is a part of, such as `handshake`, or `receive buffer`. */
  readonly part: string
  readonly name: string
  /** Where it lies in linear memory. */
  readonly pointer: number
  /** In bytes. */
  readonly length: number
  /** Whether somebody who learns what is there, or was, learns a key or plaintext. */
  readonly secret: boolean
  /**
   * - `set`: the channel's, and not all of it is zero
   * - `zero`: the channel's, and zero: nothing has been there yet, or it was wiped
   * - `wiped`: a secret was there; the channel has given the memory back, and it is zero
   * - `overwritten`: as `wiped`, and somebody has used the memory since: the allocator, or whom it was given to
   */
  readonly state: 'set' | 'zero' | 'wiped' | 'overwritten'
}

/**
 * All that a channel has in linear memory now, and where it had secrets: of the handshake, and of its latest step. What is its own
 * comes first; those regions do not overlap, and are all of its memory.
 *
 * @param before an earlier map of the same channel: its secrets that are the channel's no longer are told too, those of a closed one also
 */
export function memoryMap(source: Inspectable, before: readonly Region[] = []): Region[] {
  const { bytes, channel } = source.memory
  const found = channel === 0 ? { own: [], gone: [] } : partsOf(bytes, channel)
  const isZero = (it: Place) => bytes.subarray(it.pointer, it.pointer + it.length).every(byte => byte === 0)
  const own = found.own.filter(it => it.length > 0).map(it => ({ ...it, state: isZero(it) ? 'zero' : 'set' }) as const)
  const seen = new Set(own.map(placeOf))
  const gone: Region[] = []
  for (const { part, name, pointer, length, secret } of [...found.gone, ...before]) {
    const place = { part, name, pointer, length, secret }
    if (!secret || length === 0 || seen.has(placeOf(place))) continue
    seen.add(placeOf(place))
    const taken = own.some(it => it.pointer < pointer + length && pointer < it.pointer + it.length)
    gone.push({ ...place, state: isZero(place) && !taken ? 'wiped' : 'overwritten' })
  }
  return [...own, ...gone]
}

type Place = Omit<Region, 'state'>

function placeOf({ part, name, pointer, length }: Place): string {
  return `${part}: ${name}: ${pointer}: ${length}`
}

/** The regions of a channel's own memory, and of what it has given back. */
function partsOf(bytes: Uint8Array, channel: number): { own: Place[]; gone: Place[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (pointer: number) => view.getUint32(pointer, true)
  const version = view.getUint8(channel + at.CHANNEL_VERSION)
  const client = view.getUint8(channel + at.CHANNEL_ROLE) === ROLE_CLIENT
  const proved = view.getUint8(channel + at.CHANNEL_PHASE) >= PHASE_PEER_PROVED
  const handshake = u32(channel + at.CHANNEL_HANDSHAKE)
  const place = {
    handshake: u32(channel + at.CHANNEL_HANDSHAKE_PLACE),
    offer: u32(channel + at.CHANNEL_OFFER_PLACE),
    step: u32(channel + at.CHANNEL_STEP_PLACE),
    more: u32(channel + at.CHANNEL_MORE_PLACE),
  }
  const moreBytes = u32(channel + at.CHANNEL_MORE_BYTES)
  const hasOffer = handshake !== 0 && u32(handshake + at.HANDSHAKE_OFFER) !== 0
  const own = regions('channel', channel, channelFields(version, client), at.CHANNEL_BYTES)
  const gone: Place[] = []
  const inHandshake = regions('handshake', place.handshake, handshakeFields(proved), at.HANDSHAKE_BYTES)
  inHandshake.push(...regions('further keys', place.more, moreKeysFields(client, moreBytes), moreBytes))
  if (handshake === 0) gone.push(...inHandshake)
  else own.push(...inHandshake, ...incoming(u32, handshake))
  if (place.offer !== 0) {
    const inOffer = regions('offer', place.offer, offerFields(), at.OFFER_BYTES)
    if (hasOffer) own.push(...inOffer)
    else gone.push(...inOffer)
  }
  if (place.step !== 0) gone.push(...regions('step', place.step, stepFields(), at.STEP_BYTES))
  own.push(...received(u32, channel + at.CHANNEL_READER), ...toSend(u32, channel + at.CHANNEL_WRITER, version))
  return { own, gone }
}

/** Each field goes to where the next begins; the last, to the end of its part. */
function regions(part: string, pointer: number, fields: readonly Field[], end: number): Place[] {
  return fields.map(({ name, offset, secret }, index) => {
    const length = (fields[index + 1]?.offset ?? end) - offset
    return { part, name, pointer: pointer + offset, length, secret }
  })
}

type Read = (pointer: number) => number

/** The message that is being received: what has come of it, and the receive window. */
function incoming(u32: Read, handshake: number): Place[] {
  const message = u32(handshake + at.HANDSHAKE_MESSAGE)
  if (message === 0) return []
  const got = u32(handshake + at.HANDSHAKE_GOT)
  const fields = [plain('received', 0), plain('receive window', got)]
  return regions('incoming message', message, fields, u32(handshake + at.HANDSHAKE_SIZE))
}

/** The record buffer of the receiving direction, or the start of a record that is kept without one. */
function received(u32: Read, reader: number): Place[] {
  const buffer = u32(reader + at.READER_BUFFER)
  const parked = u32(reader + at.READER_PARKED)
  if (parked !== 0) {
    return regions('parked bytes', parked, [plain('start of a record', 0)], u32(reader + at.READER_PARKED_LENGTH))
  }
  if (buffer === 0) return []
  const start = u32(reader + at.READER_START)
  const end = u32(reader + at.READER_END)
  const data = u32(reader + at.READER_DATA)
  const length = u32(reader + at.READER_LENGTH)
  const used = Math.max(end, u32(reader + at.READER_USED))
  // Opened bytes lie ahead of those that are not; between and behind them is what was opened before.
  const opened = length === 0 ? start : data
  const fields = [
    secret('opened before', 0),
    secret('data window', opened),
    secret('opened with it', opened + length),
    plain('received, not opened', start),
    secret('receive window, used before', end),
    plain('receive window', used),
  ]
  return regions('receive buffer', buffer, fields, BUFFER_BYTES)
}

/** The record buffer of the sending direction. */
function toSend(u32: Read, writer: number, version: number): Place[] {
  const buffer = u32(writer + at.WRITER_BUFFER)
  if (buffer === 0) return []
  const end = u32(writer + at.WRITER_END)
  const dirty = Math.max(end, u32(writer + at.WRITER_DIRTY))
  const lead = Math.min(dirty, end + RECORD_SEALED + (version === 1 ? TAG_BYTES : 0) + PLAINTEXT_DATA)
  const fields = [
    plain('sent', 0),
    plain('send window', u32(writer + at.WRITER_START)),
    // What was written into an earlier window, and not sealed, may lie there too.
    secret('head of the next record', end),
    secret('write window', lead),
    plain('room', dirty),
  ]
  return regions('send buffer', buffer, fields, BUFFER_BYTES)
}
