import { randomFillSync } from 'node:crypto'
import type { RandomSource } from '../wasm/instance.js'

/**
 * The platform’s cryptographic source, asked for many bytes at a time: a call costs ten microseconds, for 32 bytes as for 1024, and a
 * handshake draws half a dozen times. What was handed out is wiped here.
 */
export function pooledRandom(): RandomSource {
  const pool = new Uint8Array(POOL_BYTES)
  let at = POOL_BYTES
  return out => {
    if (out.length > POOL_BYTES) return void randomFillSync(out)
    if (out.length > POOL_BYTES - at) {
      randomFillSync(pool)
      at = 0
    }
    const drawn = pool.subarray(at, at + out.length)
    out.set(drawn)
    drawn.fill(0)
    at += out.length
  }
}

// Some handshakes: no more that is secret lies about.
const POOL_BYTES = 1024
