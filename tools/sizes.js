// What each entry of the package weighs in a bundle: node tools/sizes.js, and with --page into docs/runtimes.md.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'
import { markdown, withTables } from './tables.js'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const PAGE = new URL('../docs/runtimes.md', import.meta.url)
const { exports: ENTRIES, peerDependencies } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
)
// These have what only Node has.
const OF_NODE = ['./node', './http', './tunnel']

/** @typedef {{ name: string, where: string, minified: number, brotli: number }} Size in bytes */

/** One a entry, and of `nopki` one for browsers and one for Node. @returns {Promise<Size[]>} */
export async function sizes() {
  const found = [
    await sizeOf('nopki', 'browser', 'secure'),
    await sizeOf('nopki', 'browser', 'secure, connectWebSocket'),
  ]
  for (const entry of Object.keys(ENTRIES)) {
    const name = `nopki${entry.slice(1)}`
    if (/\.\w+$/.test(name)) continue
    if (!OF_NODE.includes(entry)) found.push(await sizeOf(name, 'browser'))
    if (OF_NODE.includes(entry) || entry === '.') found.push(await sizeOf(name, 'Node'))
  }
  const wasm = readFileSync(new URL('../build/channel.wasm', import.meta.url))
  return [...found, weigh('nopki/channel.wasm', 'all, beside the JavaScript', wasm)]
}

/** @param {string} name @param {'browser' | 'Node'} where @param {string} [names] all that it exports, if not given */
async function sizeOf(name, where, names) {
  const contents = names ? `export { ${names} } from '${name}'` : `export * from '${name}'`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: where === 'Node' ? 'node' : 'browser',
    external: Object.keys(peerDependencies),
    write: false,
    logLevel: 'error',
  })
  return weigh(names ? `${name}: ${names} alone` : name, where, outputFiles[0]?.contents ?? new Uint8Array())
}

/** @param {string} name @param {string} where @param {Uint8Array} bytes @returns {Size} */
function weigh(name, where, bytes) {
  return { name, where, minified: bytes.length, brotli: brotliCompressSync(bytes).length }
}

/** @param {Size[]} all */
export function sizeTable(all) {
  const rows = all.map(({ name, where, minified, brotli }) => [
    `\`${name}\``,
    where,
    kilobytes(minified),
    kilobytes(brotli),
  ])
  return markdown(['import', 'where', 'minified', 'brotli'], rows)
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const table = sizeTable(await sizes())
  console.log(table)
  if (process.argv.includes('--page'))
    writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8'), { SIZES: () => table }))
}
