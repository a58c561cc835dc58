import { LONGEST_TIMER } from '../channel/options.js'
import { badOption, type Check, checkString, integer, method, type OptionTable, snapshot } from '../engine/snapshot.js'
import { bare } from '../keys/given.js'
import { forNet } from '../node/options.js'
import type { PlainPlace } from './patience.js'
import type { TunnelEntry } from './tunnel.js'

/** What `expose` and `forward` can be told, besides their channels’ options. Times are in milliseconds. */
export interface PassOptions {
  /** How long to go on trying where the other side refuses connections: default 5,000. */
  retry?: number
  /** How many connections may be open at once, without those that are not let in yet: default 4,096; 0 is no limit. */
  maxConnections?: number
  /** How many of them from one address, or IPv6 network of 64 bits: default 0, no limit. */
  maxConnectionsPerAddress?: number
  /** How long a connection may be open, then both sides are told: default 0, for ever. */
  maxLifetime?: number
  /** Called when a connection is over, or was not let in, with how it ended. */
  onEnd?: (entry: TunnelEntry) => void
}

const time = integer(0, LONGEST_TIMER)
const count = integer(0, Number.MAX_SAFE_INTEGER)

export const PASS: OptionTable = {
  retry: time,
  maxConnections: count,
  maxConnectionsPerAddress: count,
  maxLifetime: time,
  onEnd: method,
}

export const MAX_CONNECTIONS = 4096

/** Who listens for long has to find out by itself that a peer is gone: the command’s defaults, where a channel alone has none. */
export const ALIVE = { heartbeat: 10_000, keepAlive: true, keepAliveInitialDelay: 60_000 } as const

/** How long to try again where a service refuses, as while it is being restarted, in ms. */
const RETRY_MS = 5000

/** What is not given is as the command has it. */
export function passOf({ retry = RETRY_MS, maxLifetime: lifetime = 0, onEnd = () => {}, ...limits }: PassOptions) {
  const { maxConnections: connections = MAX_CONNECTIONS, maxConnectionsPerAddress: perAddress = 0 } = limits
  // What it throws is the caller’s, and not the connection’s.
  const onRefused = (entry: TunnelEntry) => queueMicrotask(() => onEnd(entry))
  return { retry, lifetime, onEnd, onRefused, limits: { connections, perAddress } }
}

/** @param host where none is said: by default all addresses @throws ChannelError USE_BAD_OPTION */
export function readPlace(name: string, given: number | PlainPlace, host?: string): PlainPlace {
  const asked: unknown = typeof given === 'number' ? { port: given } : given
  if (typeof asked !== 'object' || !asked) throw badOption(name, given, WANTED)
  const place = snapshot<{ host?: string; port?: number; path?: string }>(PLACE, asked)
  if ((place.path ?? place.port) === undefined) throw badOption(name, given, WANTED)
  // Node would take the port, and listen at all addresses: who gives a path means nobody but this machine.
  if (place.path !== undefined && (place.port ?? place.host) !== undefined)
    throw badOption(name, given, `${WANTED}: one of them`)
  if (place.path === '') throw badOption('path', place.path, 'the path of a socket')
  const whole = place.path === undefined && host !== undefined ? { host, ...place } : place
  return bare<PlainPlace>(forNet(PLACE, [], asked), whole)
}

export const LOOPBACK = '127.0.0.1'

const text: Check = (value, name) => {
  checkString(name, value)
  return value
}

const PLACE: OptionTable = { host: text, port: integer(0, 65_535), path: text }
const WANTED = 'a port, { host, port } or { path }'
