import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { print } from '../frame/output.js'

/**
 * Serves a page on the loopback until the process ends, and opens a browser if there is one. The address has a word in it that no other
 * user of the machine knows.
 */
export async function servePage(page: string): Promise<void> {
  const path = `/${randomBytes(16).toString('base64url')}/`
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo
    // A name that somebody has pointed here, in a browser, is not ours.
    const found = request.url === path && request.headers.host === `127.0.0.1:${port}`
    const headers = {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    }
    if (found) response.writeHead(200, headers).end(page)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  print(url)
  openBrowser(url)
}

/** If nobody sits there, or nothing opens it, the printed address has to do. */
function openBrowser(url: string): void {
  const [command, ...args] = openers(process.platform)
  if (!command) return
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}

function openers(platform: string): string[] {
  if (platform === 'darwin') return ['open']
  if (platform === 'win32') return ['explorer.exe']
  return process.env.DISPLAY || process.env.WAYLAND_DISPLAY ? ['xdg-open'] : []
}
