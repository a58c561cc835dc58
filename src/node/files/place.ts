// A place as text: HOST:PORT, PORT or unix:PATH.

import { IPV6 } from '../../keys/address.js'

/** As net.connect and net.Server.listen take it. Without a host: all of this machine's addresses. */
export type Place = { host?: string; port: number } | { path: string }

/** What a text that is no place fails with. */
type Fail = (reason: string, next: string) => Error

/** `unix:PATH`, `PORT`, `HOST:PORT`, `[IPV6]:PORT`; `:PORT` is that of all addresses. @throws what `fail` makes */
export function parsePlace(text: string, name: string, host: string | undefined, fail: Fail): Place {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (path === '') throw fail(`${name} has no path behind unix:`, 'give one, such as unix:/run/app.sock')
    checkUnixPath(path, name, fail)
    return { path }
  }
  if (/^\d+$/.test(text)) return { ...(host !== undefined && { host }), port: portOf(text, name, fail) }
  const match = FORM.exec(text)
  // It is not quoted: someone may have put a secret key in its place.
  if (!match) throw fail(`${name} is no address`, 'give HOST:PORT, PORT or unix:PATH')
  const [, ipv6, named, port = ''] = match
  const given = ipv6 ?? named
  return { ...(given && { host: given }), port: portOf(port, name, fail) }
}

/** As `parsePlace` reads it. */
export function placeText(place: Place | { fd: number }): string {
  if ('fd' in place) return 'systemd'
  if ('path' in place) return `unix:${place.path}`
  const { host = '', port } = place
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** What is longer would be cut off in silence. */
function checkUnixPath(path: string, name: string, fail: Fail): void {
  const length = Buffer.byteLength(path)
  if (path.includes('\0')) throw fail(`${name} has a path with a zero byte`, 'take another path')
  if (length <= LONGEST_UNIX_PATH) return
  const most = `the path of a Unix socket has at most ${LONGEST_UNIX_PATH}`
  throw fail(`${name} has a path of ${length} bytes, and ${most}`, 'take a shorter path')
}

function portOf(text: string, name: string, fail: Fail): number {
  const port = Number(text)
  if (text.length > 5 || port > 65535) throw fail(`${name} has the port ${text}`, 'ports go up to 65535')
  return port
}

/** What the system's address of a Unix socket has room for, in bytes. */
export const LONGEST_UNIX_PATH = process.platform === 'darwin' ? 103 : 107

const FORM = new RegExp(`^(?:\\[(${IPV6})\\]|([^:[\\]/@?#\\s]*)):(\\d+)$`)
