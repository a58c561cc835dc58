// A fast writer and a slow reader, whose memory somebody watches from outside.

import { block, Digest, MIB } from './bytes.js'
import type { End } from './carrier.js'

export interface Flooded {
  bytes: number
  sha256: string
}

/** Writes so many MiB as fast as it may. */
export async function offer(end: End, mib: number): Promise<Flooded> {
  const digest = new Digest()
  for (let index = 0; index < mib; index++) {
    const bytes = block(index)
    digest.update(bytes)
    await end.write(bytes)
  }
  await end.end()
  return { bytes: digest.length, sha256: await digest.hex() }
}

/** Reads nothing at first, and then a little at a time until the end. */
export async function sip(end: End): Promise<Flooded> {
  const digest = new Digest()
  await pause(BEFORE_FIRST_MS)
  let sipped = 0
  for (let chunk = await end.read(); chunk; chunk = await end.read()) {
    digest.update(chunk)
    sipped += chunk.length
    if (sipped < SIP_BYTES) continue
    sipped = 0
    await pause(BETWEEN_MS)
  }
  return { bytes: digest.length, sha256: await digest.hex() }
}

// A slow reader is one that takes its time.
function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

const BEFORE_FIRST_MS = 1000
const SIP_BYTES = 4 * MIB
const BETWEEN_MS = 20
