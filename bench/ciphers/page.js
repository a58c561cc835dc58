// A browser: a call.

import { worker } from './work.js'

const module = (/** @type {string} */ url) => WebAssembly.compileStreaming(fetch(url))

globalThis.work = worker({ before: await module('/before.wasm'), after: await module('/after.wasm') })
