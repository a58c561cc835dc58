// Puts channel.wasm into build/src/inline/base64.js.

import { readFileSync, writeFileSync } from 'node:fs'

const wasm = readFileSync(new URL('../build/channel.wasm', import.meta.url))
const file = new URL('../build/src/inline/base64.js', import.meta.url)
writeFileSync(file, `export const BASE64 = '${wasm.toString('base64')}'\n`)
