// A fast writer and a slow reader, whose memory somebody watches from outside: they make no garbage of their own.

import { MIB } from './bytes.js'
import type { End } from './carrier.js'

export interface Flooded {
  bytes: number
}

/** Writes so many MiB as fast as it may. The end must have taken what it was given when `write` resolves. */
export async function offer(end: End, mib: number): Promise<Flooded> {
  const piece = new Uint8Array(PIECE)
  const pieces = (mib * MIB) / PIECE
  for (let index = 0; index < pieces; index++) {
    for (let at = 0; at < PIECE; at += MARK_EVERY) piece[at] = markAt(index * PIECE + at)
    await end.write(piece)
  }
  await end.end()
  return { bytes: pieces * PIECE }
}

/** Reads nothing at first, and then a little at a time until the end. */
export async function sip(end: End): Promise<Flooded> {
  await pause(BEFORE_FIRST_MS)
  let bytes = 0
  let sipped = 0
  for (let chunk = await end.read(); chunk; chunk = await end.read()) {
    checkMarks(chunk, bytes)
    bytes += chunk.length
    sipped += chunk.length
    if (sipped < SIP_BYTES) continue
    sipped = 0
    await pause(BETWEEN_MS)
  }
  return { bytes }
}

/** Every so many bytes there is one that says where it belongs. */
function checkMarks(chunk: Uint8Array, offset: number): void {
  const first = (MARK_EVERY - (offset % MARK_EVERY)) % MARK_EVERY
  for (let at = first; at < chunk.length; at += MARK_EVERY) {
    if (chunk[at] !== markAt(offset + at)) throw new Error(`byte ${offset + at} is not what was sent`)
  }
}

function markAt(offset: number): number {
  return ((offset / MARK_EVERY) * 131) & 0xff
}

// A slow reader is one that takes its time.
function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

const PIECE = MIB / 16
const MARK_EVERY = 1024
const BEFORE_FIRST_MS = 1000
const SIP_BYTES = 4 * MIB
const BETWEEN_MS = 20
