// Who may be between connecting and being let in, and who gives way when all places are taken.

/** How far a connection has come. One that was refused stays for a moment, to hear it. */
export type Stage = 'silent' | 'greeted' | 'proved' | 'refused'

export interface PendingLimits {
  /** How many may be pending in all. */
  places: number
  /** How many of the places one address may hold when they are short. */
  share: number
}

interface Group {
  key?: string
  size: number
  silent: Set<unknown>
  greeted: Set<unknown>
}

interface Entry {
  stage: Stage
  group: Group | undefined
}

/**
 * The places of connections that have not been let in. An honest client needs its place for a moment only: so the newest always gets
 * one, and the one that gives way for it has been there for long, by these rules, the first that finds one:
 *
 * 1. the oldest that was refused;
 * 2. of an address that holds more than its share, the oldest that has not sent a whole hello; if there are more that have sent one
 *    and have not proved their keys, the oldest of these;
 * 3. the same of all addresses.
 *
 * Nobody who has proved a key gives way. The more numerous kind does because a hello takes a moment, too: against many strangers who
 * send hellos, those that have just come would all be dropped before theirs could be read.
 */
export class Pending<T extends object> {
  #limits: PendingLimits
  #drop: (it: T) => void
  #entries = new Map<T, Entry>()
  /** Whose addresses have not mattered yet: to ask for one is a system call. */
  #ungrouped = new Map<T, () => string | undefined>()
  #groups = new Map<string, Group>()
  #overShare = new Set<Group>()
  #all: Group = newGroup()
  #refused = new Set<T>()

  /** @param drop ends the one that gives way, which may be the one that has just come */
  constructor(limits: PendingLimits, drop: (it: T) => void) {
    this.#limits = limits
    this.#drop = drop
  }

  /** All of them, those that were refused included. */
  get size(): number {
    return this.#entries.size
  }

  /** Those that were refused, and are still there. */
  get refused(): number {
    return this.#refused.size
  }

  keys(): Iterable<T> {
    return this.#entries.keys()
  }

  has(it: T): boolean {
    return this.#entries.has(it)
  }

  /** @param address as a socket has it; undefined if it is not known, and then there is no share. It is asked for once, or never */
  add(it: T, address: () => string | undefined, stage: Stage = 'silent'): void {
    this.#entries.set(it, { stage: 'silent', group: undefined })
    this.#ungrouped.set(it, address)
    this.#all.silent.add(it)
    if (stage !== 'silent') this.move(it, stage)
    // Nobody holds more than a share of the places as long as all together do not.
    if (this.#entries.size > this.#limits.share) this.#groupAll()
    if (this.#entries.size <= this.#limits.places) return
    const given = this.#givesWay() ?? it
    this.delete(given)
    this.#drop(given)
  }

  move(it: T, stage: Stage): void {
    const entry = this.#entries.get(it)
    if (!entry) return
    entry.stage = stage
    for (const group of [this.#all, entry.group]) {
      group?.silent.delete(it)
      group?.greeted.delete(it)
      if (stage === 'silent' || stage === 'greeted') group?.[stage].add(it)
    }
    if (stage === 'refused') this.#refused.add(it)
  }

  delete(it: T): void {
    const entry = this.#entries.get(it)
    if (!entry) return
    this.move(it, 'proved')
    this.#entries.delete(it)
    this.#ungrouped.delete(it)
    this.#refused.delete(it)
    if (entry.group) this.#resize(entry.group, -1)
  }

  #givesWay(): T | undefined {
    for (const it of this.#refused) return it
    for (const group of this.#overShare) {
      const it = oldest(group)
      if (it) return it as T
    }
    return oldest(this.#all) as T | undefined
  }

  #groupAll(): void {
    for (const [it, addressOf] of this.#ungrouped) {
      const entry = this.#entries.get(it)
      const address = addressOf()
      if (!entry || address === undefined) continue
      const group = this.#groupOf(addressGroup(address))
      const { stage } = entry
      entry.group = group
      if (stage === 'silent' || stage === 'greeted') group[stage].add(it)
      this.#resize(group, 1)
    }
    this.#ungrouped.clear()
  }

  #groupOf(key: string): Group {
    const group = this.#groups.get(key) ?? { ...newGroup(), key }
    this.#groups.set(key, group)
    return group
  }

  #resize(group: Group, by: number): void {
    group.size += by
    if (group.size > this.#limits.share) this.#overShare.add(group)
    else this.#overShare.delete(group)
    if (group.size === 0 && group.key !== undefined) this.#groups.delete(group.key)
  }
}

/** Whom an address stands for: one machine, or, for IPv6, the network of 64 bits that one customer has. */
export function addressGroup(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail ? tail.split(':') : []
  // Four parts at the end may be written as an IPv4 address, which stands for two.
  const count = before.length + after.length + Number(plain.includes('.'))
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - count)).fill('0')
  const words = [...before, ...zeros, ...after].slice(0, 4)
  return `${words.map(it => Number.parseInt(it, 16).toString(16)).join(':')}::/64`
}

function oldest({ silent, greeted }: Group): unknown {
  const [first] = silent.size >= greeted.size ? silent : greeted
  return first
}

function newGroup(): Group {
  return { size: 0, silent: new Set(), greeted: new Set() }
}

export const MAX_PENDING = 1024

/** A quarter of the places, unless it is said. */
export function pendingLimits(places = MAX_PENDING, share = Math.ceil(places / 4)): PendingLimits {
  return { places, share }
}
