// Chromium, with a page that loads the package through an import map, under the strictest policy that lets wasm run.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { chromium } from 'playwright-core'
import type { Command } from '../suite/main.js'
import type { OnLine, Runner } from './launch.js'

export async function startBrowser(path: string, folder: string): Promise<Runner> {
  const server = servePages(folder, pageOf(folder, '/runners/web/browser.js'))
  const origin = await originOf(server)
  const { browser, page } = await openPage(path, origin)
  let onLine: OnLine = () => {}
  await page.exposeFunction('report', (line: string) => onLine(JSON.parse(line)))
  return {
    async run(command, takeLine) {
      onLine = takeLine
      await page.evaluate(it => (globalThis as unknown as Commanded).command(it), command)
    },
    async processes() {
      const session = await browser.newBrowserCDPSession()
      const { processInfo } = await session.send('SystemInfo.getProcessInfo')
      return Object.fromEntries(processInfo.map(({ type, id }) => [`${type} ${id}`, id]))
    },
    async close() {
      await browser.close()
      server.close()
    },
  }
}

interface Commanded {
  command(command: Command): Promise<void>
}

/** A page that has loaded all of its modules; what goes wrong in it fails the test process. */
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
    policy: `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}'; connect-src 'self' ws:`,
  }
}

/** Serves the page at /, and the folder’s files. */
export function servePages(folder: string, { html, policy }: Page): Server {
  return createServer((request, response) => {
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
