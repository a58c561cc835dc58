// Pages and their Workers as bundlers make them, of a program that has installed the package: both open a channel to a server in Node.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build as esbuild } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { build as vite } from 'vite'
import { findRuntime, type Runtime } from '../runtimes/binaries.js'
import { originOf, servePages } from '../runtimes/browser.js'
import { type Echo, startEcho, TALK } from '../runtimes/echo.js'
import { HOST_NODE, hostFile, hostMissing, hostProject, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { drive } from '../runtimes/webdriver.js'

const run = promisify(execFile)
const PROGRAM = {
  'index.html': '<!doctype html><title>page</title><script type="module" src="./page.js"></script>',
  'page.js': `
    import { talk } from './talk.js'
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    const asked = what => new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = event => reject(new Error('the Worker does not run: ' + event.message))
      worker.postMessage(what)
    })
    const what = await (await fetch('/what.json')).json()
    const told = await Promise.all([talk(what), asked(what)]).catch(String)
    await fetch('/told', { method: 'POST', body: JSON.stringify({ told }) })`,
  'worker.js': `
    import { talk } from './talk.js'
    onmessage = async ({ data }) => postMessage(await talk(data).catch(String))`,
}
/** How channel.wasm is found: by the bundler itself, told by its URL, or inside. */
const WASM = {
  finds: '',
  // Not awaited: a Worker must take messages before it first waits.
  url: `
    import wasm from 'nopki/channel.wasm'
    import { ready } from 'nopki'
    ready(new URL(wasm, location.origin))`,
  inline: `import 'nopki/inline'`,
}

interface Bundler {
  name: string
  missing?: string | undefined
  wasm: keyof typeof WASM
  /** @param cwd the program’s folder; what it makes goes into `out` there */
  bundle(cwd: string): Promise<unknown>
}

const ENTRIES = ['page.js', 'worker.js']
const bun = findRuntime('bun')
const BUNDLERS: Bundler[] = [
  {
    name: 'Vite',
    wasm: 'finds',
    bundle: root =>
      vite({ root, configFile: false, logLevel: 'error', worker: { format: 'es' }, build: { outDir: 'out' } }),
  },
  {
    name: 'webpack',
    missing: hostMissing('webpack'),
    wasm: 'finds',
    async bundle(cwd) {
      const config = { mode: 'production', entry: './page.js', output: { path: join(cwd, 'out'), filename: 'page.js' } }
      writeFileSync(join(cwd, 'webpack.config.js'), `export default ${JSON.stringify(config)}`)
      await run(HOST_NODE, [hostFile('webpack', 'bin/webpack.js')], { cwd, timeout: LIMIT_MS })
    },
  },
  {
    name: 'Parcel',
    missing: hostMissing('parcel'),
    wasm: 'finds',
    async bundle(cwd) {
      // It looks at no package’s `exports` and `imports` unless the project says so.
      const manifest = join(folder, 'package.json')
      const config = {
        ...JSON.parse(readFileSync(manifest, 'utf8')),
        '@parcel/resolver-default': { packageExports: true },
      }
      writeFileSync(manifest, JSON.stringify(config))
      const args = ['build', 'index.html', '--dist-dir=out', '--no-cache', '--no-autoinstall']
      await run(HOST_NODE, [hostFile('parcel', 'lib/bin.js'), ...args], { cwd, timeout: LIMIT_MS })
    },
  },
  {
    name: 'esbuild',
    wasm: 'url',
    bundle: cwd =>
      esbuild({
        absWorkingDir: cwd,
        entryPoints: ENTRIES,
        outdir: 'out',
        bundle: true,
        format: 'esm',
        publicPath: '/',
        loader: { '.wasm': 'file' },
      }),
  },
  {
    name: 'bun build --target=browser',
    missing: typeof bun === 'string' ? bun : undefined,
    wasm: 'inline',
    bundle: cwd =>
      run((bun as Runtime).path, ['build', '--target=browser', '--outdir=out', ...ENTRIES], { cwd, timeout: LIMIT_MS }),
  },
]

const chromium = findRuntime('chromium')
let folder = ''
let echo: Echo

test.before(async () => {
  folder = hostMissing('parcel') ? (await scratchProject()).folder : await hostProject()
  echo = await startEcho()
})
test.after(() => echo.close())

for (const bundler of BUNDLERS) {
  const name = `${bundler.name}: a page and its Worker open channels`
  const missing = bundler.missing ?? (typeof chromium === 'string' ? chromium : undefined)
  if (missing) skipped(name, missing)
  else test(name, () => check(bundler, chromium as Runtime))
}

async function check({ name, wasm, bundle }: Bundler, runtime: Runtime): Promise<void> {
  const cwd = join(folder, name.replace(/\W+/g, '-'))
  mkdirSync(cwd)
  for (const [file, text] of Object.entries({ ...PROGRAM, 'talk.js': WASM[wasm] + TALK })) {
    writeFileSync(join(cwd, file), text)
  }
  await bundle(cwd)
  const out = join(cwd, 'out')
  const html = readFileSync(join(readdirSync(out).includes('index.html') ? out : cwd, 'index.html'), 'utf8')
  const what = { url: echo.url, serverKey: echo.serverKey, text: 'as it was said' }
  writeFileSync(join(out, 'what.json'), JSON.stringify(what))
  let onTold = (_line: object) => {}
  const pages = servePages(out, { html, policy: policyFor(html) }, line => onTold(line))
  const driven = await drive(runtime)
  try {
    const told = new Promise<object>((resolve, reject) => {
      onTold = resolve
      setTimeout(() => reject(new Error(`the page says nothing; ${driven.complaints}`)), LIMIT_MS / 2).unref()
    })
    await driven.open(await originOf(pages))
    assert.equal(await told, { told: [what.text, what.text] })
    assert.equal(driven.complaints, [])
  } finally {
    await driven.close()
    pages.close()
  }
}

/** The strictest policy. Parcel puts an import map of its own into the page: that is allowed by its hash. */
function policyFor(html: string): string {
  const [, map] = /<script type="?importmap"?>(.*?)<\/script>/s.exec(html) ?? []
  const hash = map ? `'sha256-${createHash('sha256').update(map).digest('base64')}'` : ''
  return `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' ${hash}; connect-src 'self' ws:; img-src 'self'`
}

const LIMIT_MS = 60_000

test.run()
