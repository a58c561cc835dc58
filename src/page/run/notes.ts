// What is noted while the two ends talk: messages, failures, and moments, with what both memories held then.

import { ChannelError } from '../../engine/index.js'
import type { End, Piece, Role, Watched } from './end.js'
import type { Snapshot } from './memory.js'
import { valuesOf } from './schedule.js'
import type { Failure, Moment, StoryOptions, Wire } from './story.js'
import { type Words, wordsOf } from './words.js'

interface More {
  memory?: Snapshot
  within?: boolean
  message?: number | undefined
  failure?: Failure
  heard?: string | undefined
}

export class Notes {
  readonly moments: Moment[] = []
  readonly wire: Wire[] = []
  readonly failures: Failure[] = []
  #options: StoryOptions
  #ends: Readonly<Record<Role, End>>
  #memory: Record<Role, Snapshot>
  #values: Record<Role, Map<string, Uint8Array>> = { client: new Map(), server: new Map() }

  constructor(options: StoryOptions, ends: Readonly<Record<Role, End>>) {
    this.#options = options
    this.#ends = ends
    this.#memory = { client: ends.client.look(), server: ends.server.look() }
  }

  /** An end’s memory as it is now: moments show it until there is a later one. */
  look(role: Role): void {
    this.#memory[role] = this.#ends[role].look()
  }

  add(id: string, chapter: Moment['chapter'], who: Moment['who'], words: Words, more: More = {}): void {
    const role = who === 'client' || who === 'server' ? who : undefined
    if (more.memory && role) this.#memory[role] = more.memory
    this.moments.push({
      id,
      chapter,
      who,
      words,
      sent: this.wire.length,
      message: more.message,
      memory: { ...this.#memory },
      channel: { client: this.#ends.client.channel, server: this.#ends.server.channel },
      within: more.within ? role : undefined,
      values: { client: new Map(this.#values.client), server: new Map(this.#values.server) },
      failure: more.failure,
      heard: more.heard,
    })
  }

  /** What an end has done, piece by piece, and the values of the key schedule that each piece has made. */
  addPieces(
    role: Role,
    watched: Watched<unknown>,
    nameOf: (cause: Piece['cause']) => string,
    chapter: Moment['chapter'],
    message?: number,
  ): void {
    const { channel } = this.#ends[role]
    for (const [index, { cause, memory, within }] of watched.pieces.entries()) {
      // What it failed in is told as the failure.
      if (watched.error && index === watched.pieces.length - 1 && index > 0) break
      const id = `${role}.${nameOf(cause)}`
      for (const [node, value] of valuesOf(id, memory, channel, this.#options)) this.#values[role].set(node, value)
      this.add(id, chapter, role, wordsOf(id, this.#options.version), { memory, within, message })
    }
  }

  /** @param offset the byte of the message at which it was noticed */
  fail(who: Failure['who'], error: unknown, message?: number, offset?: number): void {
    const failure = failureOf(who, error, message, offset)
    const { code, reason, next } = failure
    this.failures.push(failure)
    const title = code.startsWith('LINK_')
      ? 'The connection closed'
      : code.startsWith('USE_')
        ? `The ${who} does not start`
        : `The ${who === 'middle' ? 'middlebox' : who} refuses`
    const words = { title: `${title}: ${code}`, text: `${capital(reason)}. What to do: ${next}.` }
    if (who !== 'middle') this.look(who)
    this.add(`${who}.fails`, 'end', who, words, { message, failure })
  }
}

/** An error of a channel, in its parts. @throws any other */
export function failureOf(who: Failure['who'], error: unknown, message?: number, offset?: number): Failure {
  if (!(error instanceof ChannelError)) throw error
  const { code, reason } = error
  const next = error.message.slice(`${code}: ${reason}; `.length)
  return { who, code, reason, next, message, offset }
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}
