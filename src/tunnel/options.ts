import { LONGEST_TIMER } from '../channel/options.js'
import { badOption, type Check, checkString, integer, method, type OptionTable, snapshot } from '../engine/snapshot.js'
import { bare } from '../keys/given.js'
import { forNet } from '../node/options.js'
import type { PlainPlace } from './patience.js'
import type { TunnelEntry } from './tunnel.js'

/** What `expose` and `forward` can be told, besides their channels’ options. */
export interface PassOptions {
  /** How long to go on trying where the other side refuses connections, in ms: default 5,000. */
  retry?: number
  /** Called when a connection is over, with how it ended. `name` is that of an `authorization` that has one. */
  onEnd?: (entry: TunnelEntry) => void
}

export const PASS: OptionTable = { retry: integer(0, LONGEST_TIMER), onEnd: method }

/** How long to try again where a service refuses, as while it is being restarted, in ms. */
export const RETRY_MS = 5000

/** @param host where none is said: by default all addresses @throws ChannelError USE_BAD_OPTION */
export function readPlace(name: string, given: number | PlainPlace, host?: string): PlainPlace {
  const asked: unknown = typeof given === 'number' ? { port: given } : given
  if (typeof asked !== 'object' || !asked) throw badOption(name, given, WANTED)
  const place = snapshot<{ host?: string; port?: number; path?: string }>(PLACE, asked)
  if ((place.path ?? place.port) === undefined) throw badOption(name, given, WANTED)
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
