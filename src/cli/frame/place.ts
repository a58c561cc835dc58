// Where to listen or to connect to: HOST:PORT, PORT, unix:PATH, or a socket from systemd.

import { isIP } from 'node:net'
import { IPV6 } from '../../keys/address.js'
import { Failure } from './failure.js'
import { socketFromSystemd } from './systemd.js'

/** As net.connect and net.Server.listen take it. Without a host: all of this machine's addresses. */
export type Place = { host?: string; port: number } | { path: string }

/** Where to listen: also a descriptor that listens already. */
export type ListenPlace = Place | { fd: number }

/** For the side that carries the channel: a bare port is that of all addresses. */
export function parseListen(text: string, name = 'the address to listen on'): ListenPlace {
  return fromSystemd(text) ?? parsePlace(text, name, undefined)
}

/** For the side that is not encrypted: a bare port is the loopback's. */
export function parsePlainListen(text: string, name = 'the plain address to listen on'): ListenPlace {
  return fromSystemd(text) ?? parsePlace(text, name, '127.0.0.1')
}

/** `systemd`, or `systemd:NAME`. */
function fromSystemd(text: string): { fd: number } | undefined {
  const match = /^systemd(?::(.*))?$/.exec(text)
  return match ? { fd: socketFromSystemd(match[1] ?? '') } : undefined
}

/** What is connected to without a channel: a bare port is the loopback's. */
export function parsePlain(text: string, name = 'the plain address'): Place {
  return parsePlace(text, name, '127.0.0.1')
}

/** `unix:PATH`, `PORT`, `HOST:PORT`, `[IPV6]:PORT`; `:PORT` is that of all addresses. @throws Failure of usage */
function parsePlace(text: string, name: string, host: string | undefined): Place {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (path === '') throw Failure.usage(`${name} has no path behind unix:`, 'give one, such as unix:/run/app.sock')
    checkUnixPath(path, name)
    return { path }
  }
  if (/^\d+$/.test(text)) return { ...(host !== undefined && { host }), port: portOf(text, name) }
  const match = FORM.exec(text)
  // It is not quoted: someone may have put a secret key in its place.
  if (!match) throw Failure.usage(`${name} is no address`, 'give HOST:PORT, PORT or unix:PATH')
  const [, ipv6, named, port = ''] = match
  const given = ipv6 ?? named
  return { ...(given && { host: given }), port: portOf(port, name) }
}

/** As `parsePlace` reads it. */
export function placeText(place: ListenPlace): string {
  if ('fd' in place) return 'systemd'
  if ('path' in place) return `unix:${place.path}`
  const { host = '', port } = place
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** An IPv4 client of a socket for both families is shown, and counted, by the address that it has. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** Whether what is said there stays on this machine. A name is taken for what it says: only localhost is. */
export function isLocal(place: ListenPlace): boolean {
  if (!('port' in place)) return true
  const host = place.host ?? ''
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host.toLowerCase() === 'localhost'
}

/** What is longer would be cut off in silence. */
function checkUnixPath(path: string, name: string): void {
  const length = Buffer.byteLength(path)
  if (path.includes('\0')) throw Failure.usage(`${name} has a path with a zero byte`, 'take another path')
  if (length <= LONGEST_UNIX_PATH) return
  const most = `the path of a Unix socket has at most ${LONGEST_UNIX_PATH}`
  throw Failure.usage(`${name} has a path of ${length} bytes, and ${most}`, 'take a shorter path')
}

function portOf(text: string, name: string): number {
  const port = Number(text)
  if (text.length > 5 || port > 65535) throw Failure.usage(`${name} has the port ${text}`, 'ports go up to 65535')
  return port
}

/** What the system's address of a Unix socket has room for, in bytes. */
export const LONGEST_UNIX_PATH = process.platform === 'darwin' ? 103 : 107

const FORM = new RegExp(`^(?:\\[(${IPV6})\\]|([^:[\\]/@?#\\s]*)):(\\d+)$`)
