// The fields of what src/wire/memory.ts lays out, with their names, and whether they are secrets. Each goes to where the next begins.

import { KEY_BYTES } from '../wire/layout.js'
import * as at from '../wire/memory.js'

export interface Field {
  readonly name: string
  /** From the start of its part. */
  readonly offset: number
  readonly secret: boolean
}

export function channelFields(version: number, client: boolean): Field[] {
  const [receives, sends] = client ? ['server to client', 'client to server'] : ['client to server', 'server to client']
  return [
    plain('arena, a pointer', at.CHANNEL_ARENA),
    plain('handshake, a pointer', at.CHANNEL_HANDSHAKE),
    plain('status', at.CHANNEL_STATUS),
    plain('phase', at.CHANNEL_PHASE),
    plain('role', at.CHANNEL_ROLE),
    plain('version', at.CHANNEL_VERSION),
    plain('versions served', at.CHANNEL_VERSIONS),
    plain('options', at.CHANNEL_OPTIONS),
    plain('which of several keys', at.CHANNEL_KEY_INDEX),
    plain('reject code', at.CHANNEL_REJECT),
    plain('where the handshake is or was', at.CHANNEL_HANDSHAKE_PLACE),
    plain('where the offer is or was', at.CHANNEL_OFFER_PLACE),
    plain('where the latest step was', at.CHANNEL_STEP_PLACE),
    plain('where further keys are or were', at.CHANNEL_MORE_PLACE),
    plain('bytes of further keys', at.CHANNEL_MORE_BYTES),
    plain('peer’s long-term public key', at.CHANNEL_PEER_KEY),
    plain('handshake hash', at.CHANNEL_HASH),
    secret('exporter secret', at.CHANNEL_EXPORTER),
    ...cipherFields(version, receives, at.CHANNEL_READER),
    ...shifted(READER, `, ${receives}`, at.CHANNEL_READER),
    ...cipherFields(version, sends, at.CHANNEL_WRITER),
    ...shifted(WRITER, `, ${sends}`, at.CHANNEL_WRITER),
  ]
}

/** A record cipher. In version 1 it is a secretstream, whose counter is one of 32 bits ahead of its nonce. */
function cipherFields(version: number, direction: string, offset: number): Field[] {
  const nonce =
    version === 1
      ? [plain('counter', at.CIPHER_NONCE), plain('nonce', at.CIPHER_COUNTER)]
      : [plain('nonce’s zeros', at.CIPHER_NONCE), plain('counter', at.CIPHER_COUNTER)]
  const fields = [
    secret('record key', at.CIPHER_KEY),
    ...nonce,
    plain('reserved', at.CIPHER_RESERVED),
    plain('tag', at.CIPHER_TAG),
    plain('cipher’s version', at.CIPHER_VERSION),
    plain('host’s cipher from', at.CIPHER_HOST_FROM),
    plain('rekey label', at.CIPHER_LABEL),
  ]
  return shifted(fields, `, ${direction}`, offset)
}

/** @param proved whether both have proved their keys: then the session keys lie where the addressed key's secret lay */
export function handshakeFields(proved: boolean): Field[] {
  const { HANDSHAKE_SESSION_KEYS: keys, HANDSHAKE_ADDRESSED_SHARED: shared } = at
  return [
    plain('offer, a pointer', at.HANDSHAKE_OFFER),
    plain('incoming message, a pointer', at.HANDSHAKE_MESSAGE),
    plain('its size', at.HANDSHAKE_SIZE),
    plain('received of it', at.HANDSHAKE_GOT),
    plain('receive window: its head', at.HANDSHAKE_HEAD),
    plain('further keys, a pointer', at.HANDSHAKE_MORE_KEYS),
    plain('how many', at.HANDSHAKE_MORE),
    secret('own long-term secret key', at.HANDSHAKE_SECRET_KEY),
    plain('own long-term public key', at.HANDSHAKE_PUBLIC_KEY),
    secret('own session secret key', at.HANDSHAKE_SESSION_SECRET),
    plain('own session public key', at.HANDSHAKE_SESSION_PUBLIC),
    plain('transcript hash h', at.HANDSHAKE_RUNNING + at.TRANSCRIPT_HASH),
    secret('chaining key ck', at.HANDSHAKE_RUNNING + at.TRANSCRIPT_CHAINING_KEY),
    ...(proved
      ? [secret('session key, client to server', keys), secret('session key, server to client', keys + KEY_BYTES)]
      : [secret('shared with the addressed key', shared), secret('session key, not yet there', keys + KEY_BYTES)]),
    plain('expected server key', at.HANDSHAKE_EXPECTED),
    plain('addressed key', at.HANDSHAKE_ADDRESSED),
    plain('peer’s session public key', at.HANDSHAKE_PEER_SESSION),
  ]
}

/** @param bytes how many they have in all: a server's are pairs */
export function moreKeysFields(client: boolean, bytes: number): Field[] {
  return Array.from({ length: bytes / KEY_BYTES }, (_, index) => {
    const offset = index * KEY_BYTES
    if (client) return plain(`accepted server key ${index + 2}`, offset)
    const which = (index >> 1) + 2
    return index % 2 === 0 ? secret(`own secret key ${which}`, offset) : plain(`own public key ${which}`, offset)
  })
}

export function offerFields(): Field[] {
  return [
    plain('hello that was sent', at.OFFER_HELLO),
    secret('ML-KEM-768 secret key', at.OFFER_KEM_SECRET),
    plain('spare', at.OFFER_SPARE),
  ]
}

export function stepFields(): Field[] {
  return [
    plain('transcript hash h', at.TRANSCRIPT_HASH),
    secret('chaining key ck', at.TRANSCRIPT_CHAINING_KEY),
    secret('box key', at.TRANSCRIPT_BOX_KEY),
    secret('state of the transcript’s hash', at.TRANSCRIPT_STATE),
    secret('shared by the session keys', at.STEP_SHARED),
    secret('ML-KEM secret', at.STEP_KEM),
    secret('a box’s data', at.STEP_KEY),
    secret('seed of an ML-KEM key, or coins', at.STEP_SEED),
    secret('shared by a long-term and a session key', at.STEP_LONG_TERM_SHARED),
    secret('key of the hello’s or the reject’s box', at.STEP_BOX_KEY),
    secret('state of the hash that makes it', at.STEP_BOX_KEY + at.BOX_KEY_STATE),
  ]
}

const READER: readonly Field[] = [
  plain('receive buffer, a pointer', at.READER_BUFFER),
  plain('not opened, from', at.READER_START),
  plain('not opened, to', at.READER_END),
  plain('buffer used to', at.READER_USED),
  plain('data window, from', at.READER_DATA),
  plain('data window, length', at.READER_LENGTH),
  plain('alert or control that waits, from', at.READER_PAYLOAD),
  plain('its length', at.READER_PAYLOAD_LENGTH),
  plain('parked bytes, a pointer', at.READER_PARKED),
  plain('parked bytes, length', at.READER_PARKED_LENGTH),
  plain('unpaid for records without data', at.READER_DEBT),
  plain('failure that waits', at.READER_FAILURE),
  plain('event that waits', at.READER_PENDING),
  plain('receiving has ended', at.READER_ENDED),
  plain('stream header has come', at.READER_HEADER),
]

const WRITER: readonly Field[] = [
  plain('send buffer, a pointer', at.WRITER_BUFFER),
  plain('send window, from', at.WRITER_START),
  plain('send window, to', at.WRITER_END),
  plain('left of one write', at.WRITER_UNIT),
  plain('stream header waits', at.WRITER_HEADER),
  plain('sending has ended', at.WRITER_ENDED),
  plain('spare', at.WRITER_SPARE),
  plain('written and not sealed, to', at.WRITER_DIRTY),
  plain('longest record', at.WRITER_LIMIT),
  plain('records padded to a multiple of', at.WRITER_BLOCK),
  plain('rekey after', at.WRITER_REKEY_AFTER),
  plain('bytes sealed under this key', at.WRITER_SEALED),
  plain('records sealed under this key', at.WRITER_RECORDS),
]

function shifted(fields: readonly Field[], suffix: string, by: number): Field[] {
  return fields.map(it => ({ ...it, name: it.name + suffix, offset: it.offset + by }))
}

export function plain(name: string, offset: number): Field {
  return { name, offset, secret: false }
}

export function secret(name: string, offset: number): Field {
  return { name, offset, secret: true }
}
