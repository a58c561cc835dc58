// The key schedule's values, as they lie in the ends' memory when a step has made them.

import { memoryMap, type Region } from '../../inspect/index.js'
import {
  CHANNEL_STEP_PLACE,
  STEP_BOX_KEY,
  STEP_KEM,
  STEP_LONG_TERM_SHARED,
  STEP_SHARED,
  TRANSCRIPT_BOX_KEY,
  TRANSCRIPT_CHAINING_KEY,
  TRANSCRIPT_HASH,
} from '../../wire/memory.js'
import { isZero, type Snapshot } from './memory.js'

/** A value of the key schedule, by its node's name, as one end had it. */
export type Values = ReadonlyMap<string, Uint8Array>

interface Kind {
  version: 1 | 2
  middlebox: boolean
}

/** All that a channel has in this memory, by name; what it had before, too. */
export function regionsAt(memory: Snapshot, channel: number, before: readonly Region[] = []): Region[] {
  if (channel === 0 && before.length === 0) return []
  return memoryMap({ memory: { bytes: memory.bytes(0, memory.extent + BEYOND), channel } }, before)
}

/** The values that an act has made, read out of the memory behind it. */
export function valuesOf(act: string, memory: Snapshot, channel: number, { version, middlebox }: Kind): Values {
  const found = new Map<string, Uint8Array>()
  const places = version === 1 ? VERSION_1[act] : (middlebox && BEHIND_MIDDLEBOX[act]) || PLACES[act]
  if (!places) return found
  const regions = regionsAt(memory, channel)
  const [step = 0] = new Uint32Array(memory.bytes(channel + CHANNEL_STEP_PLACE, 4).buffer)
  for (const [node, place] of Object.entries(places)) {
    const pointer =
      typeof place === 'number' ? step + place : regions.find(it => `${it.part}: ${it.name}` === place)?.pointer
    const bytes = pointer === undefined ? undefined : memory.bytes(pointer, VALUE_BYTES)
    if (bytes && !isZero(bytes)) found.set(node, bytes)
  }
  return found
}

// In the scratch memory of a step, by offset; elsewhere by the region's name.
const STEP = {
  h: TRANSCRIPT_HASH,
  ck: TRANSCRIPT_CHAINING_KEY,
  k: TRANSCRIPT_BOX_KEY,
  shared: STEP_SHARED,
  longTerm: STEP_LONG_TERM_SHARED,
  kem: STEP_KEM,
  helloKey: STEP_BOX_KEY,
}
const RUNNING = { h: 'handshake: transcript hash h', ck: 'handshake: chaining key ck' }
const SESSION = {
  session: 'handshake: own session public key',
  key: 'handshake: own long-term public key',
}
const EXPECTED = 'handshake: expected server key'
const END = {
  h6: 'channel: handshake hash',
  'client-to-server': 'channel: record key, client to server',
  'server-to-client': 'channel: record key, server to client',
  exporter: 'channel: exporter secret',
}

const CHECKED = {
  ee: STEP.shared,
  kem: STEP.kem,
  es: STEP.longTerm,
  ck3: STEP.ck,
  k3: STEP.k,
  h4: STEP.h,
}

const RECORD_KEYS = { 'client-to-server': END['client-to-server'], 'server-to-client': END['server-to-client'] }

type Place = string | number

const PLACES: Record<string, Record<string, Place>> = {
  'server.start': { 'server-key': SESSION.key },
  'client.start': { 'client-key': SESSION.key, h0: RUNNING.h, ck0: RUNNING.ck },
  'client.session-public': { 'client-session': SESSION.session },
  'client.es': { es: 'handshake: shared with the addressed key', 'hello-key': STEP.helloKey },
  'client.em': { 'hello-key': STEP.helloKey },
  'client.hello-box': { h1: RUNNING.h, 'client-session': SESSION.session, expected: EXPECTED },
  'server.es': { es: STEP.longTerm, 'hello-key': STEP.helloKey },
  'server.session-public': { 'server-session': SESSION.session },
  'server.kem-coins': { kem: STEP.kem, h2: STEP.h },
  'server.ee': { ee: STEP.shared, kem: STEP.kem, ck1: STEP.ck, k1: STEP.k, h2: STEP.h },
  'server.key-box': { h3: STEP.h, es: STEP.longTerm, ck2: STEP.ck, k2: STEP.k },
  'server.proof': { h4: RUNNING.h, 'server-session': SESSION.session },
  'client.arrives-challenge': { h2: STEP.h, kem: STEP.kem },
  'client.ee': CHECKED,
  'client.key-box': { h5: STEP.h },
  'client.se': { se: STEP.shared, ck4: STEP.ck, k4: STEP.k },
  'client.answer': END,
  'server.arrives-response': { ck3: STEP.ck, k3: STEP.k, h5: STEP.h },
  'server.se': END,
}

const VERSION_1: Record<string, Record<string, Place>> = {
  'server.start': { 'server-key': SESSION.key },
  'client.start': { 'client-key': SESSION.key },
  'client.session-secret': { 'client-session': SESSION.session, es: 'handshake: shared with the addressed key' },
  'client.hello-box': { expected: EXPECTED },
  'server.arrives-hello': { es: STEP.longTerm },
  'server.session-secret': { 'server-session': SESSION.session, ee: STEP.shared, es: STEP.longTerm },
  'client.arrives-challenge': { ee: STEP.shared, es: STEP.longTerm },
  'client.key-box': { se: STEP.longTerm },
  'client.answer': RECORD_KEYS,
  'server.arrives-response': RECORD_KEYS,
}

// The product es comes later there: between the first box and the proof.
const BEHIND_MIDDLEBOX: Record<string, Record<string, Place>> = {
  'client.ee': { ee: STEP.shared, kem: STEP.kem, ck1: STEP.ck, k1: STEP.k },
  'client.es-late': { ...CHECKED },
}

const VALUE_BYTES = 32
// A map reads a channel to its end, and behind the last byte that is not zero there are zeros.
const BEYOND = 8192
