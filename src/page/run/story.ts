// A whole conversation of two real engines, in steps, with what both memories held after each: all of it is made first (tell.ts), so
// that a step back is a step in a list. With a break, it is made anew from the same random bytes, up to where it breaks.

import type { Version } from '../../engine/index.js'
import type { Message } from '../../inspect/index.js'
import type { KeyPair } from '../../keys/pair.js'
import type { Break, Fate } from './break.js'
import type { Role } from './end.js'
import type { Snapshot } from './memory.js'
import type { Words } from './words.js'

export interface StoryOptions {
  version: Version
  /** All random bytes follow from it. */
  seed: string
  /** What the client says first. */
  text: string
  padding: 'none' | 'block' | 'full'
  middlebox: boolean
  broken?: Break | undefined
}

export interface Wire extends Message {
  readonly index: number
  readonly from: Role
  readonly fate: Fate
  /** What arrived of it: nothing where it was dropped. */
  readonly arrived: readonly Uint8Array[]
}

export interface Failure {
  who: Role | 'middle'
  code: string
  reason: string
  next: string
  /** Where it was noticed: a byte of a message, if it was a byte. */
  message?: number | undefined
  offset?: number | undefined
}

export interface Moment {
  /** For links: the same in every telling. */
  readonly id: string
  readonly chapter: 'start' | 'hello' | 'challenge' | 'response' | 'records' | 'end'
  readonly who: Role | 'wire' | 'middle'
  readonly words: Words
  /** How many messages have been sent. */
  readonly sent: number
  /** The message that it is about. */
  readonly message: number | undefined
  readonly memory: Readonly<Record<Role, Snapshot>>
  readonly channel: Readonly<Record<Role, number>>
  /** Whose scratch memory is in use: the core has not returned. */
  readonly within: Role | undefined
  /** What the key schedule's values are by now, by node, as each end has them. */
  readonly values: Readonly<Record<Role, ReadonlyMap<string, Uint8Array>>>
  readonly failure: Failure | undefined
  /** What an application has read, or a middlebox has learnt. */
  readonly heard: string | undefined
}

export interface Story {
  readonly options: StoryOptions
  readonly moments: readonly Moment[]
  readonly wire: readonly Wire[]
  readonly failures: readonly Failure[]
  /** The long-term keys, which the ends were made with. */
  readonly keys: Readonly<Record<Role | 'middlebox' | 'other', KeyPair>>
  /** As `onKeys` gives them. */
  readonly keyLines: readonly string[]
}
