// test/vectors/channel.json, typed. All its values are hex.

import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type { Version } from './handshake.js'
import type { PeerRecord, RecordWriter } from './stream.js'

export interface VectorRecord {
  kind: 'data' | 'keepalive' | 'alert' | 'control' | 'final'
  data?: string
  code?: number
  text?: string
  padding?: number
  marks?: 'end of message' | 'rekey'
  wire: string
}

/** What the one that opens the hello would answer in place of the challenge. */
export interface VectorReject {
  code: number
  by: 'server' | 'middlebox'
  nonce: string
  wire: string
}

export interface Vector {
  name: string
  version: Version
  context: string
  client: { longTermSecretKey: string; longTermPublicKey: string; draws: string[] } & {
    pinnedServerKey: string | null
    middleboxKey: string | null
  }
  server: { longTermSecretKey: string; longTermPublicKey: string; draws: string[] }
  middlebox: { longTermSecretKey: string } | null
  hello: string
  challenge: string
  response: string
  keys: { clientToServer: string; serverToClient: string }
  handshakeHash: string | null
  exported: { label: string; context: string; length: number; key: string } | null
  clientHeader: string | null
  serverHeader: string | null
  clientRecords: VectorRecord[]
  serverRecords: VectorRecord[]
  /** Version 2. */
  rejects?: VectorReject[]
}

const path = new URL('../../../test/vectors/channel.json', import.meta.url)
export const { vectors } = JSON.parse(readFileSync(path, 'utf8')) as { vectors: Vector[] }

export const hex = (bytes: Uint8Array | null) => (bytes ? Buffer.from(bytes).toString('hex') : null)
export const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

/** Seals what the vector says; the result should be its `wire`. */
export function writeVectorRecord(
  writer: RecordWriter,
  { kind, data = '', code = 0, text = '', padding, marks }: VectorRecord,
): Uint8Array {
  const options = { endOfMessage: marks === 'end of message', rekey: marks === 'rekey', padding }
  if (kind === 'data') return writer.data(bytes(data), options)
  if (kind === 'alert') return writer.alert(code, text)
  if (kind === 'control') return writer.control(code, bytes(data), options)
  return kind === 'final' ? writer.final(bytes(data)) : writer.keepAlive()
}

/** Asserts that a record that was read is what the vector says. */
export function checkRecord(
  record: PeerRecord,
  { kind, data = '', code, text, padding = 0, marks }: VectorRecord,
): void {
  assert.is(record.kind, kind === 'keepalive' ? 'keepAlive' : kind)
  assert.is(record.padding, padding)
  assert.is(record.endOfMessage, marks === 'end of message')
  assert.is(record.rekey, marks === 'rekey')
  assert.is(record.final, kind === 'final')
  if (record.kind === 'data' || record.kind === 'final') assert.is(hex(record.data), data)
  if (record.kind === 'control') assert.is(hex(record.payload), data)
  if (record.kind === 'control' || record.kind === 'alert') assert.is(record.code, code)
  if (record.kind === 'alert') assert.is(record.text, text)
}
