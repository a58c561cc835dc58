// Browsers, with a page that loads the package through an import map, under the strictest policy that lets wasm run.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { json } from 'node:stream/consumers'
import { chromium } from 'playwright-core'
import type { Runtime } from './binaries.js'
import type { OnLine, Runner } from './launch.js'
import { drive } from './webdriver.js'

/** A page that posts what it reports to where it has come from. */
export async function startBrowser(runtime: Runtime, folder: string): Promise<Runner> {
  let onLine: OnLine = () => {}
  const script = '/runners/web/browser.js'
  const server = servePages(folder, pageOf(folder, script), line => onLine(line))
  const driven = await drive(runtime)
  await driven.open(`${await originOf(server)}/?${runtime.name}`)
  // WebKit does not wait for modules. It is the same one: what fails in it fails here.
  await driven.run(`await import('${script}')`)
  return {
    async run(command, takeLine) {
      onLine = takeLine
      await driven.run(`await command(${JSON.stringify(command)})`)
    },
    processes: async () => driven.processes(),
    async close() {
      await driven.close()
      server.close()
    },
  }
}

/** A page in Chromium that has loaded all of its modules; what goes wrong in it fails the test process. */
export async function openPage(path: string, url: string) {
  const browser = await chromium.launch({ executablePath: path, args: FLAGS })
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', error => errors.push(error.stack ?? error.message))
  page.on('console', message => message.type() === 'error' && errors.push(message.text()))
  await page.goto(url, { waitUntil: 'load' })
  if (errors.length > 0) {
    await browser.close()
    throw new Error(`the page does not load: ${errors.join('\n')}`)
  }
  return { browser, page, errors }
}

export interface Page {
  html: string
  policy: string
}

/** A page with one module script, for which bare names mean what this package’s `exports` say under the condition `browser`. */
export function pageOf(folder: string, script: string): Page {
  const nopki = '/node_modules/nopki/'
  const { exports, imports } = JSON.parse(readFileSync(join(folder, nopki, 'package.json'), 'utf8'))
  const target = (it: string | Record<string, string>) => nopki + (typeof it === 'string' ? it : it.browser)
  const map = JSON.stringify({
    imports: {
      nopki: target(exports['.']),
      'nopki/web': target(exports['./web']),
      'nopki/inspect': target(exports['./inspect']),
      'nopki/engine': target(exports['./engine']),
      '#wasm': target(imports['#wasm']),
    },
  })
  const hash = createHash('sha256').update(map).digest('base64')
  return {
    html: `<!doctype html><script type="importmap">${map}</script><script type="module" src="${script}"></script>`,
    policy: `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'; connect-src 'self' ws:; img-src 'self'`,
  }
}

/** Serves the page at /, and the folder’s files; takes the lines that are posted. */
export function servePages(folder: string, { html, policy }: Page, onLine: OnLine = () => {}): Server {
  return createServer(async (request, response) => {
    if (request.method === 'POST') {
      onLine((await json(request)) as object)
      response.writeHead(204).end()
      return
    }
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    try {
      const body = path === '/' ? html : readFileSync(join(folder, path))
      const type = path === '/' ? 'text/html' : TYPES[extname(path)]
      response.writeHead(200, { 'content-type': type ?? 'text/plain', 'content-security-policy': policy }).end(body)
    } catch {
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end()
    }
  })
}

export function originOf(server: Server): Promise<string> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      resolve(`http://127.0.0.1:${port}`)
    })
  })
}

const TYPES: Record<string, string> = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' }
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-quic',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
]
