// Puts what is used of @assemblyscript/loader into build/src/wasm/loader.js, in place of the import.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const FILE = fileURLToPath(new URL('../build/src/wasm/loader.js', import.meta.url))

// What the module does when it is imported, and what does nothing instead. Engines with SIMD have had `Object.hasOwn` for longer.
const AT_IMPORT = /** @type {const} */ ([
  [/^Object\.hasOwn = Object\.hasOwn \|\| function\(obj, prop\) \{\n.*\n\};$/m, ''],
  [/^const utf16 = new TextDecoder\(.*$/m, ''],
])

// Built, and not changed since.
if (readFileSync(FILE, 'utf8').includes("from '@assemblyscript/loader'")) {
  await build({
    entryPoints: [FILE],
    outfile: FILE,
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    plugins: [{ name: 'at-import', setup: it => it.onLoad({ filter: /@assemblyscript.loader.index\.js$/ }, load) }],
    banner: { js: '// With a part of @assemblyscript/loader: Copyright its authors, Apache-2.0.' },
    logLevel: 'error',
  })
}

/** @param {{ path: string }} file */
function load({ path }) {
  let code = readFileSync(path, 'utf8')
  for (const [statement, instead] of AT_IMPORT) {
    if (!statement.test(code)) throw new Error(`@assemblyscript/loader has no ${statement}: look at what it does now`)
    code = code.replace(statement, instead)
  }
  return { contents: code }
}
