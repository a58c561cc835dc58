import { ChannelError } from '../errors.js'
import { bare, given, namesOf } from '../keys/given.js'

/** What an option has to be: gives what is kept of it, a copy, or throws. `source` is the object that it comes from. */
export type Check = (value: unknown, name: string, source: object) => unknown

/** Options by name. */
export type OptionTable = Readonly<Record<string, Check>>

const snapshots = new WeakSet<object>()

/**
 * What options say now: each is read once, by its name, checked, and kept in one frozen object that inherits nothing. So nothing that
 * happens to the caller's object later, or to `Object.prototype` at any time, changes who is trusted. A snapshot is its own.
 *
 * @throws ChannelError USE_BAD_KEY; USE_BAD_OPTION, for a name too that nearly is one of these. Other names pass
 */
export function snapshot<T>(table: OptionTable, options: unknown): Readonly<T> {
  if (typeof options !== 'object' || !options || Array.isArray(options) || ArrayBuffer.isView(options)) {
    throw badOption('options', options, 'an object with the options')
  }
  if (snapshots.has(options)) return options as T
  refuseMisspelt(table, options)
  const read = bare<Record<string, unknown>>()
  for (const name of Object.keys(table)) {
    const value = given(options, name)
    if (value !== undefined) read[name] = table[name]?.(value, name, options)
  }
  return keep(read)
}

/** A snapshot of these, where the later ones count. */
export function keep<T>(...options: object[]): Readonly<T> {
  const kept = Object.freeze(bare<object>(...options)) as Readonly<T>
  snapshots.add(kept)
  return kept
}

/** @throws ChannelError USE_BAD_OPTION unless it is an integer from `low` to `high` */
export function checkInteger(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
    throw badOption(name, value, `a whole number from ${low} to ${high}`)
  }
  return value
}

/** @throws ChannelError USE_BAD_OPTION unless it is a string */
export function checkString(name: string, value: unknown): void {
  if (typeof value !== 'string') throw badOption(name, value, 'a string')
}

export function integer(low: number, high: number): Check {
  return (value, name) => checkInteger(name, value, low, high)
}

/** A list of `low` to `high` values. Its copy is frozen. */
export function listOf(low: number, high: number, check: Check, wanted: string): Check {
  return (value, name, source) => {
    const length = Array.isArray(value) ? value.length : -1
    if (length < low || length > high) throw badOption(name, value, wanted)
    return Object.freeze(Array.from({ length }, (_, at) => check((value as unknown[])[at], name, source)))
  }
}

export function oneOf(...words: unknown[]): Check {
  return (value, name) => {
    if (words.includes(value)) return value
    throw badOption(name, value, words.map(it => (typeof it === 'string' ? `'${it}'` : it)).join(' or '))
  }
}

export const yesOrNo = oneOf(true, false)

/** A function is called as a method of the object that it was found in. */
export const method: Check = (value, name, source) => {
  if (typeof value !== 'function') throw badOption(name, value, 'a function')
  return (...args: unknown[]) => Reflect.apply(value, source, args)
}

/** Of what stands there only the kind is said: someone may have put a secret in the wrong place. */
export function badOption(name: string, value: unknown, wanted: string): ChannelError {
  const kind = typeof value === 'object' ? 'an object' : `a ${typeof value}`
  const shown = typeof value === 'number' || value === undefined || value === null ? value : kind
  return new ChannelError('USE_BAD_OPTION', `${name} is ${shown}`, { next: `give ${wanted}` })
}

/** What decides who is trusted has no default. */
export function missing(name: string, wanted: string): ChannelError {
  return new ChannelError('USE_BAD_OPTION', `${name} is missing`, { next: `give ${wanted}` })
}

function refuseMisspelt(table: OptionTable, options: object): void {
  const far = foreign.get(table) ?? new Set()
  foreign.set(table, far)
  for (const name of namesOf(options)) {
    if (Object.hasOwn(table, name) || far.has(name)) continue
    const meant = Object.keys(table).find(it => isNear(plain(name), plain(it)))
    if (meant) throw new ChannelError('USE_BAD_OPTION', `${name} is no option`, { next: `${meant} may be meant` })
    if (far.size < FOREIGN_NAMES) far.add(name)
  }
}

// Names that are far from all of ours, such as net's `host`: to compare them again for each connection would take longest of all.
const foreign = new Map<OptionTable, Set<string>>()
const FOREIGN_NAMES = 100

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '')
}

/** Whether one edit makes one of the other, or two where the name is long: a letter more, less, other, or elsewhere. */
function isNear(name: string, ours: string): boolean {
  const edits = ours.length > 8 ? 2 : 1
  return Math.abs(name.length - ours.length) <= edits && isSame(name, ours, 2 * edits)
}

/** Whether they are the same but for so many letters that only one of them has at a place. */
function isSame(a: string, b: string, but: number): boolean {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  const [x, y] = [a.slice(at), b.slice(at)]
  return x === y || (but > 0 && (isSame(x.slice(1), y, but - 1) || isSame(x, y.slice(1), but - 1)))
}
