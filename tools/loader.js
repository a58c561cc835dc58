// Puts what is used of @assemblyscript/loader into build/src/wasm/loader.js, in place of the import.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const FILE = fileURLToPath(new URL('../build/src/wasm/loader.js', import.meta.url))
const CORE = new URL('../build/channel.wasm', import.meta.url)

// What the module does when it is imported, and what does nothing instead. Engines with SIMD have had `Object.hasOwn` for longer.
const AT_IMPORT = /** @type {const} */ ([
  [/^Object\.hasOwn = Object\.hasOwn \|\| function\(obj, prop\) \{\n.*\n\};$/m, ''],
  [/^const utf16 = new TextDecoder\(.*$/m, ''],
])

// What exports need that are of a class or a namespace, or count their arguments. The core has none (below), and every page would download it.
const UNUSED = /** @type {const} */ ([
  [/const setArgumentsLength = [^;]*; \}\n[^;]*;/, ''],
  [/setArgumentsLength\(args\.length\);/g, ''],
  [/&& elem !== setArgumentsLength/, ''],
  [/let parts = internalName\.split\("\."\);/, 'const parts = [internalName];'],
  [/while \(parts\.length > 1\)/, 'if (false)'],
  [/let hash = name\.indexOf\("#"\);/, ''],
  [/hash >= 0/, 'false'],
  [/\/\^\(get\|set\):\/\.test\(name\)/g, 'false'],
])
const NEEDS_MORE = /[#.:]|^__(?:argumentsLength|setArgumentsLength)$|^__setargc$/

// Built, and not changed since.
if (readFileSync(FILE, 'utf8').includes("from '@assemblyscript/loader'")) {
  const exported = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(CORE))).map(({ name }) => name)
  const odd = exported.find(name => NEEDS_MORE.test(name))
  if (odd !== undefined) throw new Error(`the core exports ${odd}: take out of UNUSED what that needs`)
  await build({
    entryPoints: [FILE],
    outfile: FILE,
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minifySyntax: true,
    plugins: [{ name: 'at-import', setup: it => it.onLoad({ filter: /@assemblyscript.loader.index\.js$/ }, load) }],
    banner: { js: '// With a part of @assemblyscript/loader: Copyright its authors, Apache-2.0.' },
    logLevel: 'error',
  })
}

/** @param {{ path: string }} file */
function load({ path }) {
  let code = readFileSync(path, 'utf8')
  for (const [statement, instead] of [...AT_IMPORT, ...UNUSED]) {
    if (!statement.test(code)) throw new Error(`@assemblyscript/loader has no ${statement}: look at what it does now`)
    code = code.replace(statement, instead)
  }
  return { contents: code }
}
