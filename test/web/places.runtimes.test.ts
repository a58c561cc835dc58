// Where a page’s scripts can run, in the three browser engines: the page itself, with the package’s files as they are and an import map,
// and its Workers, from a bundle, for Workers know no import map. Each opens a channel to a server in Node.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BROWSERS, findRuntime } from '../runtimes/binaries.js'
import { originOf, pageOf, servePages } from '../runtimes/browser.js'
import { type Echo, startEcho, TALK } from '../runtimes/echo.js'
import { scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { type Driven, drive } from '../runtimes/webdriver.js'

/** One for all kinds of Workers: the page asks through a port. */
const WORKER = `
import wasm from 'nopki/channel.wasm'
import { ready } from 'nopki'
import { talk } from './talk.js'

const answer = async ({ data: { port, ...what } }) => {
  const told = ready(new URL(wasm, location.origin)).then(() => talk(what))
  port.postMessage(await told.catch(error => String(error)))
}
addEventListener('message', event => {
  const answered = answer(event)
  event.waitUntil?.(answered)
})
addEventListener('connect', ({ ports: [port] }) => {
  port.onmessage = answer
})
`
/** For scripts in the page. */
const HELP = `
  const asked = (target, what) => new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => resolve(data)
    target.onerror = event => reject(new Error('the Worker does not run: ' + event.message))
    ;(target.port ?? target).postMessage({ ...what, port: port2 }, [port2])
  })
  const active = async (script, options) => {
    const registration = await navigator.serviceWorker.register(script, options)
    const worker = registration.installing ?? registration.waiting ?? registration.active
    while (worker.state !== 'activated') {
      if (worker.state === 'redundant') throw new Error('the service worker does not run')
      await new Promise(resolve => worker.addEventListener('statechange', resolve, { once: true }))
    }
    return worker
  }
`
/** How the page reaches each. */
const PLACES = {
  'a page, unbundled, by an import map': `return (await import('/talk.js')).talk(what)`,
  'a Worker': `return asked(new Worker('/out/classic.js'), what)`,
  'a module Worker': `return asked(new Worker('/out/module.js', { type: 'module' }), what)`,
  'a SharedWorker': `return asked(new SharedWorker('/out/module.js', { type: 'module' }), what)`,
  'a service worker': `return asked(await active('/out/classic.js'), what)`,
  'a service worker that is a module': `return asked(await active('/out/module.js', { type: 'module' }), what)`,
}

/** No import map is known there. */
const UNBUNDLED = `
  const worker = new Worker('/talk.js', { type: 'module' })
  return new Promise(resolve => worker.onerror = () => resolve('fails'))
`

let folder = ''
let echo: Echo

test.before(async () => {
  echo = await startEcho()
  ;({ folder } = await scratchProject())
  writeFileSync(join(folder, 'talk.js'), TALK)
  writeFileSync(join(folder, 'worker.js'), WORKER)
  for (const format of ['esm', 'iife'] as const) {
    await build({
      absWorkingDir: folder,
      entryPoints: { [format === 'esm' ? 'module' : 'classic']: 'worker.js' },
      outdir: 'out',
      bundle: true,
      format,
      publicPath: '/out/',
      loader: { '.wasm': 'file' },
      logOverride: { 'empty-import-meta': 'silent' },
    })
  }
})
test.after(() => echo.close())

for (const name of BROWSERS) {
  const runtime = findRuntime(name)
  if (typeof runtime === 'string') skipped(`${name}: channels from a page and its Workers`, runtime)
  else {
    test(`${name}: channels from a page and its Workers`, async () => {
      const pages = servePages(folder, pageOf(folder, '/talk.js'))
      const driven = await drive(runtime)
      try {
        await driven.open(await originOf(pages))
        for (const [place, how] of Object.entries(PLACES)) await check(driven, place, how)
        assert.is(await inPage(driven, UNBUNDLED), 'fails')
        assert.equal(driven.complaints, [])
      } finally {
        await driven.close()
        pages.close()
      }
    })
  }
}

async function check(driven: Driven, place: string, how: string): Promise<void> {
  const text = place.repeat(10_000)
  const what = JSON.stringify({ url: echo.url, serverKey: echo.serverKey, text })
  assert.ok((await inPage(driven, `const what = ${what}; ${how}`)) === text, `${place} hears what it has said`)
}

/** What fails to happen fails. */
function inPage(driven: Driven, body: string): Promise<unknown> {
  return driven.run(`${HELP}
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('nothing happened within 30 s')), 30_000))
    return Promise.race([(async () => { ${body} })(), late])`)
}

test.run()
