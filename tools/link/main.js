// build/core.wasm + libsodium's wasm -> build/channel.wasm

import { readFileSync, writeFileSync } from 'node:fs'
import { takeLibsodium } from './libsodium.js'
import { link } from './link.js'

const CORE = new URL('../../build/core.wasm', import.meta.url)
const CHANNEL = new URL('../../build/channel.wasm', import.meta.url)

try {
  const core = readFileSync(CORE)
  const channel = link(core, await takeLibsodium())
  writeFileSync(CHANNEL, channel)
  console.log(`build/channel.wasm: ${channel.length} bytes, of which the core ${core.length}`)
} catch (error) {
  console.error(`error: cannot link build/channel.wasm: ${/** @type {Error} */ (error).message}`)
  process.exit(1)
}
