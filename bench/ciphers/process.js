// Node, Deno and Bun: a line in, a line out.

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { worker } from './work.js'

const module = (/** @type {string} */ file) => new WebAssembly.Module(readFileSync(new URL(file, import.meta.url)))
const work = worker({ before: module('before.wasm'), after: module('after.wasm') })

for await (const line of createInterface({ input: process.stdin })) {
  work(JSON.parse(line))
  console.log('done')
}
