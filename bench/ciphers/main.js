// node bench/ciphers/main.js [RUNTIME …], after npm run build: what a record costs in every runtime, by channel.wasm with libsodium's record cipher
// (before) and with the one for SIMD (after). With --write, into docs/performance.md.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { findRuntime, RUNTIMES } from '../../build/test/runtimes/binaries.js'
import { openPage, originOf, servePages } from '../../build/test/runtimes/browser.js'
import { runArguments } from '../../build/test/runtimes/launch.js'
import { startWorkerd } from '../../build/test/runtimes/worker.js'
import { takeLibsodium } from '../../tools/link/libsodium.js'
import { link } from '../../tools/link/link.js'
import { withCustomSection } from '../../tools/link/wasm.js'
import { markdown, withTables } from '../../tools/tables.js'

/**
 * @typedef {import('./work.js').Ask} Ask
 * @typedef {import('../../build/test/runtimes/binaries.js').Runtime} Runtime
 * @typedef {{ work(ask: Ask): Promise<unknown>, processes: number[], close(): unknown }} End
 */

const ROOT = new URL('../../', import.meta.url)
const PAGE = new URL('docs/performance.md', ROOT)
const LENGTHS = [64, 1024, 16_384]
const ROUNDS = 15
const RUN_MS = 40
const WARM_MS = 500

/** Starts each runtime, with what it runs bundled, and both binaries, in a folder. */
const ENDS = {
  node: startProcess,
  deno: startProcess,
  bun: startProcess,
  workerd: startWorker,
  chromium: startPage,
}

const folder = mkdtempSync(join(tmpdir(), 'nopki-ciphers-'))

async function main() {
  const asked = process.argv.slice(2).filter(it => !it.startsWith('--'))
  await prepare()
  const rows = []
  for (const name of RUNTIMES.filter(it => it in ENDS && (!asked.length || asked.includes(it)))) {
    const runtime = findRuntime(name)
    if (typeof runtime === 'string') console.error(`skipped: ${runtime}`)
    else rows.push(...(await rowsOf(runtime)))
  }
  const table = markdown(
    ['MB per second of processor time: before → after', ...LENGTHS.map(it => `${it.toLocaleString('en')} bytes`)],
    rows,
  )
  console.log(table)
  if (!process.argv.includes('--write')) return
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8'), { CIPHERS: () => table }))
}

/** @param {Runtime} runtime */
async function rowsOf(runtime) {
  const end = await ENDS[runtime.name](runtime)
  try {
    const rows = []
    for (const what of /** @type {const} */ (['seal', 'open'])) {
      const cells = []
      for (const length of LENGTHS) cells.push(await compare(end, what, length))
      rows.push([`${runtime.name}, ${what}`, ...cells])
    }
    return rows
  } finally {
    await end.close()
  }
}

/** Both binaries, and the scripts of `ENDS`. */
async function prepare() {
  const built = (/** @type {string} */ file) => readFileSync(new URL(`build/${file}`, ROOT))
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))
  const before = link(built('core.wasm'), await takeLibsodium())
  writeFileSync(join(folder, 'before.wasm'), withCustomSection(before, 'nopki', version))
  writeFileSync(join(folder, 'after.wasm'), built('channel.wasm'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  await build({
    entryPoints: ['process', 'worker', 'page'].map(it => fileURLToPath(new URL(`${it}.js`, import.meta.url))),
    outdir: folder,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    external: ['node:*', '*.wasm'],
    logLevel: 'error',
  })
}

/**
 * Both take turns, and each cell has the medians, and the median of the ratios, of the processor time that the runtime's processes have
 * used: a machine that is busy with something else adds little to that.
 * @param {End} end @param {Ask['what']} what @param {number} length
 */
async function compare(end, what, length) {
  const time = async (/** @type {string} */ module, /** @type {number} */ count) => {
    const started = processorTime(end.processes)
    await end.work({ module, what, length, count })
    return processorTime(end.processes) - started
  }
  let count = 16
  for (const module of ['before', 'after']) {
    for (let spent = 0; spent < WARM_MS; ) {
      const ms = await time(module, count)
      spent += ms
      if (ms < RUN_MS) count *= 2
    }
  }
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) {
    const [before, after] = [await time('before', count), await time('after', count)]
    rounds.push({ before, after, ratio: before / after })
  }
  const median = (/** @type {'before' | 'after' | 'ratio'} */ of) =>
    rounds.map(it => it[of]).sort((a, b) => a - b)[ROUNDS >> 1] ?? 0
  const rate = (/** @type {'before' | 'after'} */ of) => ((count * length) / 1000 / median(of)).toFixed(0)
  return `${rate('before')} → ${rate('after')} (× ${median('ratio').toFixed(2)})`
}

/** Milliseconds that all threads of these processes have been at work, by Linux's account. @param {number[]} processes */
function processorTime(processes) {
  const threads = processes.flatMap(id => readdirSync(`/proc/${id}/task`).map(it => `/proc/${id}/task/${it}/schedstat`))
  return threads.reduce((sum, it) => sum + Number(readFileSync(it, 'utf8').split(' ')[0]) / 1e6, 0)
}

/** @param {Runtime} runtime @returns {Promise<End>} */
async function startProcess({ name, path }) {
  const child = spawn(path, [...runArguments(name), join(folder, 'process.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' },
  })
  const lines = createInterface({ input: child.stdout })
  return {
    async work(ask) {
      const answer = once(lines, 'line')
      child.stdin.write(`${JSON.stringify(ask)}\n`)
      await answer
    },
    processes: [child.pid ?? 0],
    close: () => child.kill('SIGKILL'),
  }
}

/** @param {Runtime} runtime @returns {Promise<End>} */
async function startWorker({ path }) {
  const config = join(folder, 'config.capnp')
  writeFileSync(config, CONFIG)
  const workerd = await startWorkerd(path, config)
  return {
    async work(ask) {
      const response = await fetch(`http://127.0.0.1:${workerd.port}/`, { method: 'POST', body: JSON.stringify(ask) })
      if (!response.ok) throw new Error(`the Worker answers ${response.status}: ${await response.text()}`)
      await response.text()
    },
    processes: [workerd.pid],
    close: workerd.close,
  }
}

/** @param {Runtime} runtime @returns {Promise<End>} */
async function startPage({ path }) {
  const html = '<!doctype html><script type="module" src="/page.js"></script>'
  const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
  const server = servePages(folder, { html, policy })
  const { browser, page } = await openPage(path, await originOf(server))
  await page.waitForFunction(() => 'work' in globalThis)
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  return {
    work: ask => page.evaluate(it => globalThis.work(it), ask),
    processes: processInfo.filter(it => it.type === 'renderer').map(it => it.id),
    async close() {
      await browser.close()
      server.close()
    },
  }
}

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "worker.js", esModule = embed "worker.js"),
      (name = "before.wasm", wasm = embed "before.wasm"),
      (name = "after.wasm", wasm = embed "after.wasm"),
    ],
    compatibilityDate = "2026-11-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`

try {
  await main()
} finally {
  rmSync(folder, { recursive: true })
}
