// Libsodium's wasm sealing records in place, with nothing else going on.

import sodium from 'libsodium-wrappers'
import { countFor, type Setting } from '../measures/measure.js'
import { serveAsks } from './asks.js'

const RECORD = 16 * 1024

await sodium.ready
// biome-ignore lint/suspicious/noExplicitAny: the raw module has no types
const raw = (sodium as any).libsodium
const buffer: number = raw._malloc(RECORD + 64)
const nonce: number = raw._malloc(12)
const key: number = raw._malloc(32)
let count = 0

async function seal(times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    raw._crypto_aead_chacha20poly1305_ietf_encrypt(buffer, 0, buffer, RECORD, 0, 0, 0, 0, 0, nonce, key)
  }
}

serveAsks({
  async prepare({ scale }: Setting) {
    count = await countFor(scale, seal)
  },

  async run() {
    const started = performance.now()
    await seal(count)
    return { rate: (count * RECORD) / 1e3 / (performance.now() - started) }
  },

  release() {},
})
