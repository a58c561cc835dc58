// The way between two ends: what one sends is cut into messages, broken if it is to be, read by a middlebox if there is one, and
// given to the other, who works on it.

import { RecordOpener, Router } from '../../engine/index.js'
import { Conversation, type Message, toHex } from '../../inspect/index.js'
import { type Arriving, wayWith } from './break.js'
import type { Piece, Role, Watched } from './end.js'
import type { Notes } from './notes.js'
import type { Parties } from './parties.js'
import type { Moment, StoryOptions } from './story.js'
import { recordWords, wordsOf } from './words.js'

/** Why bytes are on their way. */
export interface Cause {
  what: string
  /** Whether what is done with a record is told piece by piece. */
  detailed: boolean
  chapter: Moment['chapter']
}

export class Way {
  /** Whether nothing passes any more. */
  closed = false
  #options: StoryOptions
  #parties: Parties
  #notes: Notes
  #carry: ReturnType<typeof wayWith>
  #conversation: Conversation

  constructor(options: StoryOptions, parties: Parties, notes: Notes) {
    this.#options = options
    this.#parties = parties
    this.#notes = notes
    this.#carry = wayWith(options.broken)
    const { helper } = parties
    this.#conversation = new Conversation({
      opener: (version, key, header) => new RecordOpener(helper, version, key, header),
    })
  }

  /** A line of a key log: what is sent is opened with it. */
  learnKey(line: string): void {
    this.#conversation.onKeys(line)
  }

  /** Gives back what opens records. */
  close(): void {
    this.#conversation.close()
  }

  /** Carries what waits to be sent, both ways, until nothing does. */
  carry(cause: Cause): void {
    for (let carried = true; carried; ) {
      carried = false
      for (const role of ['client', 'server'] as const) {
        const { engine } = this.#parties.ends[role]
        for (let unit = engine.take(); unit.length > 0; unit = engine.take()) {
          carried = true
          this.#notes.look(role)
          for (const message of this.#conversation.push(role, unit).messages) this.#send(role, message, cause)
        }
      }
    }
  }

  #send(role: Role, message: Message, cause: Cause): void {
    if (this.closed) return
    const { wire, failures } = this.#notes
    const index = wire.length
    const { fate, arrives, closes } = this.#carry({ index, from: role, bytes: message.bytes })
    const arrived = arrives.filter(it => it.message === index).map(it => it.bytes)
    wire.push({ ...message, index, from: role, fate, arrived })
    const kind = nameOf(message.kind)
    const { version } = this.#options
    const words =
      kind === 'record'
        ? { ...wordsOf('wire.record', version), title: `On the wire: ${cause.what}` }
        : wordsOf(`wire.${kind}`, version)
    this.#notes.add(`wire.${index}`, CHAPTERS[kind] ?? cause.chapter, 'wire', words, { message: index })
    const to = role === 'client' ? 'server' : 'client'
    for (const it of arrives) {
      if (kind === 'hello' && !this.#route(it.bytes, index)) {
        this.closed = true
        return
      }
      if (!failures.some(failure => failure.who === to)) this.#deliver(to, it, kind, cause)
    }
    if (closes) this.closed = true
  }

  /** The middlebox, if there is one, reads the hello. False: it drops the connection. */
  #route(hello: Uint8Array, message: number): boolean {
    if (!this.#options.middlebox) return true
    const router = new Router(this.#parties.helper, this.#parties.keys.middlebox)
    try {
      const { wanted } = router.open(hello) ?? {}
      const heard = wanted && `the client wants the server ${toHex(wanted)}`
      const words = wordsOf('middle.hello', this.#options.version)
      this.#notes.add('middle.hello', 'hello', 'middle', words, { message, heard })
      return true
    } catch (error) {
      this.#notes.fail('middle', error, message, hello.length - 1)
      return false
    }
  }

  #deliver(to: Role, { bytes, message }: Arriving, kind: string, cause: Cause): void {
    const end = this.#parties.ends[to]
    const { engine } = end
    const heard: string[] = []
    let at = 0
    const watched = end.watch(() => {
      // Byte by byte, so that it shows at which one an error is found.
      for (; at < bytes.length; at++) {
        engine.receive(bytes.subarray(at, at + 1))
        for (let event = engine.advance(); event !== 'idle'; event = engine.advance()) {
          if (event === 'data' || event === 'message') return void heard.push(quoted(engine.dataWindow()))
          heard.push(event)
          if (event === 'end' || event === 'alert') break
        }
      }
    })
    const alert = engine.alertReceived
    if (heard.includes('alert') && alert) heard.push(`alert ${alert.code}: ${alert.text}`)
    if (kind === 'record') this.#tellRecord(to, watched, message, cause, heard)
    else {
      const name = (call: Piece['cause']) => (call ? this.#parties.names[to](call) : `arrives-${kind}`)
      this.#notes.addPieces(to, watched, name, ANSWERED_IN[kind] ?? cause.chapter, message)
    }
    if (watched.error) this.#notes.fail(to, watched.error, message, Math.min(at, bytes.length - 1))
    else if (kind === 'record') this.#read(to)
  }

  #tellRecord(
    to: Role,
    { pieces, error }: Watched<unknown>,
    message: number,
    { what, detailed, chapter }: Cause,
    heard: readonly string[],
  ): void {
    for (const [index, { memory, within }] of pieces.entries()) {
      const last = index === pieces.length - 1
      if (last ? error : !detailed) continue
      const act = last ? 'open' : 'arrives'
      const said = last && heard.length > 0 ? heard.join(', ') : undefined
      const words = recordWords(to, act, what)
      this.#notes.add(`${to}.${act}.${message}`, chapter, to, words, { message, memory, within, heard: said })
    }
  }

  /** The application reads what was opened. */
  #read(role: Role): void {
    const { engine } = this.#parties.ends[role]
    if (engine.dataWindow().length > 0) engine.readData()
    this.#notes.look(role)
  }
}

/** `hello2` is a hello. */
function nameOf(kind: string): string {
  return kind.replace(/\d$/, '')
}

function quoted(bytes: Uint8Array): string {
  return `“${new TextDecoder().decode(bytes)}”`
}

const CHAPTERS: Record<string, Moment['chapter']> = {
  hello: 'hello',
  challenge: 'challenge',
  reject: 'challenge',
  response: 'response',
  header: 'response',
}
// What a message's receiver does belongs to the message that it answers with.
const ANSWERED_IN: Record<string, Moment['chapter']> = {
  hello: 'challenge',
  challenge: 'response',
  reject: 'end',
  response: 'response',
  header: 'response',
}
