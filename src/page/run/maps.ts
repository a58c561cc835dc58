// The memory maps of a story: what each end's memory holds at each moment, and what has become of the secrets that it held before.

import type { Region } from '../../inspect/index.js'
import type { Role } from './end.js'
import { equal, isZero } from './memory.js'
import { regionsAt } from './schedule.js'
import type { Moment, Story } from './story.js'

/**
 * - `secret`: a secret is there
 * - `plain`: something is there that is no secret
 * - `wiped`: a secret was there, and it is zero
 * - `reused`: a secret was there; the memory was wiped, given back, and used again
 * - `empty`: nothing has been there
 */
export type Standing = 'secret' | 'plain' | 'wiped' | 'reused' | 'empty'

export interface Place extends Region {
  readonly id: string
  readonly bytes: Uint8Array
  readonly standing: Standing
  /** Whether the step before has changed it. */
  readonly changed: boolean
}

export type Maps = Readonly<Record<Role, readonly (readonly Place[])[]>>

export function mapsOf(story: Story): Maps {
  return { client: mapsOfEnd(story, 'client'), server: mapsOfEnd(story, 'server') }
}

function mapsOfEnd({ moments }: Story, role: Role): Place[][] {
  let regions: readonly Region[] = []
  let before = new Map<string, Place>()
  return moments.map(moment => {
    regions = regionsAt(moment.memory[role], moment.channel[role], regions)
    const places = regions.map(it => placeOf(it, moment, role, before))
    before = new Map(places.map(it => [it.id, it]))
    return places
  })
}

function placeOf(region: Region, moment: Moment, role: Role, before: ReadonlyMap<string, Place>): Place {
  const { part, name, pointer, length, secret } = region
  const id = `${role}.${part}.${name}`
  // Of a record buffer's room there are 65 KB, and nothing in them.
  const bytes = moment.memory[role].bytes(pointer, Math.min(length, MOST_BYTES))
  const last = before.get(id)
  const inUse = region.state === 'set' || (part === 'step' && moment.within === role && !isZero(bytes))
  const had =
    last !== undefined && (last.standing === 'secret' || last.standing === 'wiped' || last.standing === 'reused')
  const standing = inUse
    ? secret
      ? 'secret'
      : 'plain'
    : region.state === 'overwritten' && had
      ? 'reused'
      : secret && had
        ? 'wiped'
        : 'empty'
  const changed = last ? !equal(last.bytes, bytes) : !isZero(bytes)
  return { ...region, id, bytes, standing, changed }
}

/** The places of interest: keys, windows, hashes, secrets. The others keep count of things. */
export function isOfInterest({ name, secret, standing }: Place): boolean {
  if (standing === 'empty') return false
  return secret || /key$|key,|window$|hash|^counter|hello that was sent|^received/.test(name)
}

const MOST_BYTES = 4096
