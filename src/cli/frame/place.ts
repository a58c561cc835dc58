// Where to listen or to connect to: HOST:PORT, PORT, unix:PATH, or a socket from systemd.

import { isIP } from 'node:net'
import { type Place, parsePlace } from '../../node/files/place.js'
import { Failure } from './failure.js'
import { socketFromSystemd } from './systemd.js'

export { LONGEST_UNIX_PATH, type Place, placeText } from '../../node/files/place.js'

/** Where to listen: also a descriptor that listens already. */
export type ListenPlace = Place | { fd: number }

/** For the side that carries the channel: a bare port is that of all addresses. */
export function parseListen(text: string, name = 'the address to listen on'): ListenPlace {
  return fromSystemd(text) ?? parsePlace(text, name, undefined, Failure.usage)
}

/** For the side that is not encrypted: a bare port is the loopback's. */
export function parsePlainListen(text: string, name = 'the plain address to listen on'): ListenPlace {
  return fromSystemd(text) ?? parsePlace(text, name, '127.0.0.1', Failure.usage)
}

/** `systemd`, or `systemd:NAME`. */
function fromSystemd(text: string): { fd: number } | undefined {
  const match = /^systemd(?::(.*))?$/.exec(text)
  return match ? { fd: socketFromSystemd(match[1] ?? '') } : undefined
}

/** What is connected to without a channel: a bare port is the loopback's. */
export function parsePlain(text: string, name = 'the plain address'): Place {
  return parsePlace(text, name, '127.0.0.1', Failure.usage)
}

/** Whether what is said there stays on this machine. A name is taken for what it says: only localhost is. */
export function isLocal(place: ListenPlace): boolean {
  if (!('port' in place)) return true
  const host = place.host ?? ''
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host.toLowerCase() === 'localhost'
}
