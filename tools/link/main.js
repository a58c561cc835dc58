// build/core.wasm + build/simd.wasm + libsodium's wasm -> build/channel.wasm

import { readFileSync, writeFileSync } from 'node:fs'
import { takeLibsodium } from './libsodium.js'
import { link } from './link.js'
import { withCustomSection } from './wasm.js'

const CORE = new URL('../../build/core.wasm', import.meta.url)
// Version 2's record cipher. Without it, link() takes libsodium's, which says the same and is slower.
const CIPHER = new URL('../../build/simd.wasm', import.meta.url)
const CHANNEL = new URL('../../build/channel.wasm', import.meta.url)
const MANIFEST = new URL('../../package.json', import.meta.url)

try {
  const core = readFileSync(CORE)
  const cipher = readFileSync(CIPHER)
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8'))
  // src/wasm/version.ts looks for it there.
  const channel = withCustomSection(link(core, await takeLibsodium(), cipher), 'nopki', version)
  writeFileSync(CHANNEL, channel)
  console.log(
    `build/channel.wasm: ${channel.length} bytes, of which the core ${core.length}, the cipher ${cipher.length}`,
  )
} catch (error) {
  console.error(`error: cannot link build/channel.wasm: ${/** @type {Error} */ (error).message}`)
  process.exit(1)
}
