// npm run matrix: connects every runtime to every other, and prints the tables of docs/runtimes.md; with --write, into that page.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { findRuntime, RUNTIMES } from '../build/test/runtimes/binaries.js'
import { coldStart } from '../build/test/runtimes/cold.js'
import { CARRIERS, clientsOver, runMatrix, serversOver } from '../build/test/runtimes/matrix.js'
import { FLOODS, flood } from '../build/test/runtimes/memory.js'
import { pack, suiteProject } from '../build/test/runtimes/scratch.js'
import { markdown, withTables } from './tables.js'

const PAGE = new URL('../docs/runtimes.md', import.meta.url)
const COLD_STARTS = 7

/** @typedef {import('../build/test/runtimes/matrix.js').Outcome} Outcome */

/** The page’s matrix, as outcomes fill it. @param {readonly Outcome[]} outcomes @returns {Record<string, () => string>} */
export function matrixTables(outcomes) {
  return Object.fromEntries(CARRIERS.map(over => [over, () => matrixTable(outcomes, over)]))
}

/** @param {readonly Outcome[]} outcomes @param {Outcome['over']} over */
function matrixTable(outcomes, over) {
  const servers = serversOver(over)
  const rows = clientsOver(over).map(client => [
    `${client} client`,
    ...servers.map(server =>
      cell(outcomes.filter(it => it.over === over && it.client === client && it.server === server)),
    ),
  ])
  return markdown(['', ...servers.map(it => `${it} server`)], rows)
}

/** @param {Outcome[]} outcomes */
function cell(outcomes) {
  if (outcomes.length === 0) return 'not run'
  return outcomes.map(({ version, error }) => `v${version} ${error ? 'FAILS' : 'ok'}`).join(', ')
}

/** @param {string} folder @param {import('../build/test/runtimes/binaries.js').Runtime[]} runtimes */
async function coldTable(folder, runtimes) {
  const rows = []
  for (const runtime of runtimes) {
    const times = []
    for (let run = 0; run < COLD_STARTS; run++) times.push(await coldStart(runtime, folder))
    times.sort((a, b) => a - b)
    const [median = 0, least = 0, most = 0] = [times[COLD_STARTS >> 1], times[0], times.at(-1)]
    rows.push([runtime.name, `${median.toFixed(0)} ms`, `${least.toFixed(0)} to ${most.toFixed(0)} ms`])
  }
  return markdown(['runtime', 'median', 'range'], rows)
}

/** @param {string} folder @param {import('../build/test/runtimes/binaries.js').Runtime[]} runtimes */
async function memoryTable(folder, runtimes) {
  const rows = []
  for (const { other, offers } of FLOODS) {
    const [node, runtime] = ['node', other].map(name => runtimes.find(it => it.name === name))
    if (!node || !runtime) continue
    const { first, grown } = await flood(node, runtime, offers, folder)
    // Chromium has processes that have nothing to do with it.
    const most = Object.entries(grown)
      .filter(([name, mib]) => Math.max(mib, first[name] ?? 0) >= 0.5)
      .map(
        ([name, mib]) =>
          `${name.replace(/ \d+$/, '')} ${Math.max(0, mib).toFixed(0)} MiB (${(first[name] ?? 0).toFixed(0)})`,
      )
    rows.push([offers, offers === 'node' ? other : 'node', most.join(', ')])
  }
  return markdown(['fast writer', 'slow reader', 'peak above start'], rows)
}

async function main() {
  const runtimes = RUNTIMES.map(findRuntime).filter(it => typeof it !== 'string')
  for (const missing of RUNTIMES.map(findRuntime)) if (typeof missing === 'string') console.error(`skipped: ${missing}`)
  const folder = await suiteProject()
  const { outcomes, wasm } = await runMatrix(folder)
  const scratch = mkdtempSync(join(tmpdir(), 'nopki-pack-'))
  const { size, unpackedSize, files } = await pack(scratch)
  rmSync(scratch, { recursive: true })
  const [cold, memory] = [await coldTable(folder, runtimes), await memoryTable(folder, runtimes)]
  const tables = {
    VERSIONS: () =>
      markdown(
        ['runtime', 'version', 'SHA-256 of the channel.wasm that it loaded'],
        runtimes.map(({ name, version }) => [name, version, (wasm.get(name) ?? []).join(' ')]),
      ),
    ...matrixTables(outcomes),
    COLD: () => cold,
    MEMORY: () => memory,
    PACKAGE: () => markdown(['files', 'packed', 'unpacked'], [[files.length, size, unpackedSize].map(String)]),
  }
  for (const [name, table] of Object.entries(tables)) console.log(`${name}\n\n${table()}`)
  for (const it of outcomes.filter(it => it.error)) console.error(it)
  if (process.argv.includes('--write')) writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8'), tables))
  process.exitCode = outcomes.some(it => it.error) ? 1 : 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
