// Files of authorized keys: who is let in, and under which conditions. docs/key-files.md has the format.

import { BlockList, isIP, isIPv6 } from 'node:net'
import type { ChannelError } from '../../errors.js'
import { decodePublicKey, encodePublicKey } from '../../keys/text.js'
import { badFile, badFileAt, told } from './bad-file.js'
import { linesOf } from './lines.js'
import { parsePlace, placeText } from './place.js'

/** One line of the file. */
export interface AuthorizedKey {
  name: string
  /** As of Date.now(); from then on it is refused. */
  expires?: number
  /** Where it may come from. */
  from?: BlockList
  /** Which targets it may reach, as `placeText` writes them. */
  to?: string[]
}

/** By the key's text, `pk_…`. */
export type AuthorizedKeys = ReadonlyMap<string, AuthorizedKey>

/** Who wants in, and to what. */
export interface Visitor {
  /** `pk_…`, proved. */
  key: string
  /** Undefined where it comes through a Unix socket. */
  address: string | undefined
  /** Undefined where the server has no target. */
  target: string | undefined
}

/** @throws ChannelError USE_BAD_FILE, which names the path, the line and the reason */
export function parseAuthorizedKeys(text: string, path: string): AuthorizedKeys {
  const keys = new Map<string, AuthorizedKey>()
  const lines = new Map<string, number>()
  for (const { words, number } of linesOf(text)) {
    const where = `${path}:${number}`
    const bad = (reason: string, hint = FORM) => badFile(`${where}: ${reason}`, hint)
    const key = readKey(words[0] ?? '', where)
    if (lines.has(key)) throw bad(`this key is in line ${lines.get(key)} already`, 'one line a key')
    lines.set(key, number)
    keys.set(key, readConditions(words.slice(1), bad))
  }
  return keys
}

/** Why a visitor is refused; undefined where it is let in. */
export function refusalOf(keys: AuthorizedKeys, { key, address, target }: Visitor): string | undefined {
  const entry = keys.get(key)
  if (!entry) return 'this key is not authorized'
  if (hasExpired(entry)) return 'this key has expired'
  if (entry.from && !(address !== undefined && contains(entry.from, address))) {
    return 'this key is not authorized from where it comes'
  }
  if (entry.to && !(target !== undefined && entry.to.includes(target)))
    return 'this key is not authorized for this service'
  return undefined
}

export function hasExpired(entry: AuthorizedKey | undefined): boolean {
  return entry?.expires !== undefined && Date.now() >= entry.expires
}

/** When the next of the keys expires, as of Date.now(); infinity if all have, which a clock that is set back undoes. */
export function nextExpiry(keys: AuthorizedKeys): number | undefined {
  const now = Date.now()
  let next: number | undefined
  for (const { expires } of keys.values()) {
    if (expires !== undefined)
      next = Math.min(next ?? Number.POSITIVE_INFINITY, expires > now ? expires : Number.POSITIVE_INFINITY)
  }
  return next
}

type Bad = (reason: string, hint?: string) => ChannelError

function readKey(text: string, where: string): string {
  try {
    return encodePublicKey(decodePublicKey(text))
  } catch (error) {
    throw badFileAt(where, error)
  }
}

function readConditions([name, ...options]: string[], bad: Bad): AuthorizedKey {
  if (name === undefined || name.includes('=')) throw bad('the key has no name')
  const entry: AuthorizedKey = { name }
  for (const option of options) {
    const [, what = '', value = ''] = /^([a-z]+)=(.+)$/.exec(option) ?? []
    if (what in entry) throw bad(`${what}= is there twice`)
    if (what === 'expires') entry.expires = readTime(value, bad)
    else if (what === 'from') entry.from = readNetworks(value, bad)
    else if (what === 'to') entry.to = readTargets(value, bad)
    else throw bad(`“${option.slice(0, 40)}” is no option`, 'there are expires=, from= and to=')
  }
  return entry
}

/** A day, which begins at midnight UTC, or a moment. */
function readTime(text: string, bad: Bad): number {
  const time = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  // JavaScript reads February 30 as March 2.
  const day = Number.isNaN(Date.parse(text.slice(0, 10))) ? '' : new Date(text.slice(0, 10)).toISOString().slice(0, 10)
  if (Number.isNaN(time) || day !== text.slice(0, 10)) {
    throw bad(`expires=${text} is no time`, 'write 2027-12-31, or 2027-12-31T18:00Z')
  }
  return time
}

function readNetworks(text: string, bad: Bad): BlockList {
  const list = new BlockList()
  for (const network of text.split(',')) {
    const [address = '', bits, ...rest] = network.split('/')
    const family = isIP(address)
    const most = family === 6 ? 128 : 32
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
    if (family === 0 || rest.length > 0 || !(prefix <= most)) {
      throw bad(
        `from=${network} is no network`,
        'write 10.0.0.0/8, 2001:db8::/32 or an address; commas between several',
      )
    }
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

function readTargets(text: string, bad: Bad): string[] {
  try {
    return text.split(',').map(it => placeText(parsePlace(it, `to=${it}`, '127.0.0.1', badFile)))
  } catch (error) {
    throw bad(told(error).reason, 'write the target as the server was given it, such as 127.0.0.1:6379')
  }
}

/** A zone, as in fe80::1%eth0, is none of the network's business. */
function contains(list: BlockList, address: string): boolean {
  const plain = address.replace(/%.*$/, '')
  return isIP(plain) !== 0 && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

const FORM = 'a line is a key, a name, and options: pk_… alice expires=2027-12-31 from=10.0.0.0/8 to=127.0.0.1:6379'
