// Takes libsodium's wasm out of the installed package. The package has no wasm file: its script carries the bytes and hands them
// to WebAssembly.instantiate, and names the minified exports only by assigning them to `_crypto_*` members.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// What the linker was last checked against. A new libsodium has to be looked at before it is trusted: run the tests with the new
// values here, and read its changes.
const CHECKED = { version: '0.8.4', sha256: '36ee2d34e4b659a2dc41ffc6871b934974b1dc88626c42e3e020b593415d89e7' }

const require = createRequire(import.meta.url)

/** @returns {Promise<import('./link.js').Libsodium>} */
export async function takeLibsodium() {
  const installed = JSON.parse(
    readFileSync(require.resolve('libsodium').replace(/dist.*$/, 'package.json'), 'utf8'),
  ).version
  const { sodium, bytes, exports } = await capture()
  checkHash(bytes, installed)
  return { bytes, names: nameExports(sodium, exports) }
}

/** @param {Uint8Array} bytes @param {string} installed the package's version */
export function checkHash(bytes, installed) {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (sha256 === CHECKED.sha256) return
  throw new Error(
    `libsodium ${installed} carries a wasm with SHA-256 ${sha256}, but the linker was checked against libsodium ` +
      `${CHECKED.version}, ${CHECKED.sha256}. Install that version (npm ci), or review the new one and update tools/link/libsodium.js`,
  )
}

/** Loads the package once with WebAssembly.instantiate wrapped. */
async function capture() {
  const { instantiate } = WebAssembly
  /** @type {{ bytes: Uint8Array, exports: WebAssembly.Exports } | undefined} */
  let taken
  /** @type {any} */
  const wrapped = async (/** @type {any} */ source, /** @type {any} */ imports) => {
    const result = /** @type {any} */ (await instantiate(source, imports))
    if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) {
      taken = { bytes: new Uint8Array(/** @type {any} */ (source)), exports: result.instance.exports }
    }
    return result
  }
  WebAssembly.instantiate = wrapped
  try {
    // Anew, for tests may have loaded it already.
    delete require.cache[require.resolve('libsodium')]
    // @ts-expect-error: the package has no types
    const sodium = require('libsodium')
    await sodium.ready
    if (!taken)
      throw new Error(
        'the libsodium package no longer hands wasm bytes to WebAssembly.instantiate: how it loads has changed',
      )
    return { sodium, ...taken }
  } finally {
    WebAssembly.instantiate = instantiate
  }
}

/**
 * One wasm function can serve several C names.
 * @param {Record<string, unknown>} sodium @param {WebAssembly.Exports} exports
 */
function nameExports(sodium, exports) {
  const byFunction = new Map(Object.entries(exports).map(([name, it]) => [it, name]))
  const names = new Map()
  for (const [member, it] of Object.entries(sodium)) {
    const exported = byFunction.get(/** @type {any} */ (it))
    if (member.startsWith('_') && exported !== undefined) names.set(member.slice(1), exported)
  }
  if (!names.size)
    throw new Error('no export of libsodium could be named: its `_crypto_*` members are no longer the wasm exports')
  const memory = Object.entries(exports).find(([, it]) => it instanceof WebAssembly.Memory)
  if (!memory) throw new Error('libsodium no longer exports its memory')
  names.set('memory', memory[0])
  return names
}
