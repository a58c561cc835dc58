// A whole conversation of two real engines, in steps, with what both memories held after each: all of it is made first, so that a
// step back is a step in a list. With a break, it is made anew from the same random bytes, up to where it breaks.

import { ChannelError, RecordOpener, Router, type Version } from '../../engine/index.js'
import { Conversation, type Message } from '../../inspect/index.js'
import { drawKeyPair, type KeyPair } from '../../keys/pair.js'
import { Core, type WasmModule } from '../../wasm/instance.js'
import { actNames } from './acts.js'
import { type Break, type Fate, wayWith } from './break.js'
import { End, type Piece, type Role, type Watched } from './end.js'
import type { Snapshot } from './memory.js'
import { seededRandom } from './random.js'
import { valuesOf } from './schedule.js'
import { type Speech, speak, speeches, whatIs } from './speech.js'
import { recordWords, type Words, wordsOf } from './words.js'

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

export function tell(module: WasmModule, options: StoryOptions): Story {
  const telling = new Telling(module, options)
  telling.start()
  for (const speech of speeches(options)) if (telling.goesOn) telling.say(speech)
  telling.close()
  return telling.story()
}

class Telling {
  #options: StoryOptions
  #helper: Core
  #keys: Story['keys']
  #ends: Record<Role, End>
  #names: Record<Role, ReturnType<typeof actNames>>
  #memory: Record<Role, Snapshot>
  #values: Record<Role, Map<string, Uint8Array>> = { client: new Map(), server: new Map() }
  #carry: ReturnType<typeof wayWith>
  #conversation: Conversation
  #wire: Wire[] = []
  #moments: Moment[] = []
  #failures: Failure[] = []
  #keyLines: string[] = []
  #closed = false
  #records = 0

  constructor(module: WasmModule, options: StoryOptions) {
    const { seed, broken, version, middlebox } = options
    this.#options = options
    const helper = new Core(module, seededRandom(seed, 'keys'))
    this.#helper = helper
    this.#conversation = new Conversation({
      opener: (version, key, header) => new RecordOpener(helper, version, key, header),
    })
    const [client, server, middle, other] = Array.from({ length: 4 }, () => drawKeyPair(this.#helper)) as [
      KeyPair,
      KeyPair,
      KeyPair,
      KeyPair,
    ]
    this.#keys = { client, server, middlebox: middle, other }
    this.#ends = {
      client: new End(module, seededRandom(seed, 'client')),
      server: new End(module, seededRandom(seed, 'server')),
    }
    this.#memory = { client: this.#ends.client.look(), server: this.#ends.server.look() }
    const pinned = broken?.kind === 'server-key' ? other.publicKey : server.publicKey
    const addressed = middlebox ? middle.publicKey : pinned
    this.#names = {
      client: actNames({ role: 'client', version, secretKey: client.secretKey, pinned, addressed }),
      server: actNames({ role: 'server', version, secretKey: server.secretKey, clientKey: client.publicKey }),
    }
    this.#carry = wayWith(broken)
  }

  get goesOn(): boolean {
    const connected = this.#ends.client.engine.connected && this.#ends.server.engine.connected
    return connected && !this.#closed && this.#failures.length === 0
  }

  story(): Story {
    return {
      options: this.#options,
      moments: this.#moments,
      wire: this.#wire,
      failures: this.#failures,
      keys: this.#keys,
      keyLines: this.#keyLines,
    }
  }

  /** Both ends begin, and shake hands. */
  start(): void {
    const { version, padding, middlebox, broken } = this.#options
    const { client, server, other, middlebox: middle } = this.#keys
    const common = {
      padding: padding === 'block' ? { block: 128 } : padding,
      ...(padding === 'full' && { maxRecord: 1024 }),
    }
    const { client: clientEnd, server: serverEnd } = this.#ends
    const serving = serverEnd.server({
      keyPair: server,
      versions: [version],
      ...(middlebox && { strangers: 'answer' as const }),
      ...common,
    })
    this.#tellPieces('server', serving, () => 'start', 'start')
    const calling = clientEnd.client({
      keyPair: client,
      version,
      serverKey: broken?.kind === 'server-key' ? other.publicKey : server.publicKey,
      ...(middlebox && { middleboxKey: middle.publicKey }),
      ...(broken?.kind === 'context' && { context: 'another context' }),
      onKeys: line => this.#log(line),
      ...common,
    })
    this.#tellPieces('client', calling, cause => (cause ? this.#names.client(cause) : 'start'), 'hello')
    this.#pump()
  }

  /** An end says something, and it is carried to the other. */
  say(speech: Speech): void {
    const { role } = speech
    const end = this.#ends[role]
    if (end.engine.writeEnded) return
    this.#records += 1
    const what = whatIs(speech, this.#records)
    const watched = end.watch(() => speak(end.engine, speech))
    if (watched.error) return this.#fail(role, watched.error, undefined, undefined)
    const chapter = speech.what === 'end' || speech.what === 'alert' ? 'end' : 'records'
    this.#memory[role] = watched.pieces.at(-1)?.memory ?? this.#memory[role]
    const detailed = this.#records === 1
    for (const [index, piece] of watched.pieces.entries()) {
      const last = index === watched.pieces.length - 1
      if (!detailed && !last) continue
      const act = last ? 'seal' : 'write'
      this.#add(`${role}.${act}.${this.#records}`, chapter, role, recordWords(role, act, what), {
        memory: piece.memory,
        within: piece.within,
      })
    }
    this.#pump(what, detailed, chapter)
  }

  /** The connection closes: who has not heard the other's end knows that something is missing. */
  close(): void {
    for (const role of ['client', 'server'] as const) {
      const { engine } = this.#ends[role]
      if (engine.readEnded || this.#failures.some(it => it.who === role)) continue
      engine.receiveEnd(true)
      const { error } = this.#ends[role].watch(() => engine.advance())
      if (error) this.#fail(role, error, undefined, undefined)
    }
    this.#conversation.close()
  }

  /** Carries what waits to be sent, both ways, until nothing does. */
  #pump(what = 'it', detailed = false, chapter?: Moment['chapter']): void {
    for (let carried = true; carried; ) {
      carried = false
      for (const role of ['client', 'server'] as const) {
        for (let unit = this.#ends[role].engine.take(); unit.length > 0; unit = this.#ends[role].engine.take()) {
          carried = true
          this.#memory[role] = this.#ends[role].look()
          const { messages } = this.#conversation.push(role, unit)
          for (const message of messages) this.#send(role, message, what, detailed, chapter)
        }
      }
    }
  }

  #log(line: string): void {
    this.#keyLines.push(line)
    this.#conversation.onKeys(line)
  }

  #send(role: Role, message: Message, what: string, detailed: boolean, chapter?: Moment['chapter']): void {
    if (this.#closed) return
    const index = this.#wire.length
    const { fate, arrives, closes } = this.#carry({ index, from: role, bytes: message.bytes })
    const arrived = arrives.filter(it => it.message === index).map(it => it.bytes)
    this.#wire.push({ ...message, index, from: role, fate, arrived })
    const kind = nameOf(message.kind)
    const record = kind === 'record'
    const within: Moment['chapter'] = record
      ? (chapter ?? 'records')
      : kind === 'header'
        ? 'response'
        : (CHAPTERS[kind] ?? 'records')
    const words = record
      ? { ...wordsOf('wire.record', this.#options.version), title: `On the wire: ${what}` }
      : wordsOf(`wire.${kind}`, this.#options.version)
    this.#add(`wire.${index}`, within, 'wire', words, { message: index })
    const to = role === 'client' ? 'server' : 'client'
    for (const it of arrives) {
      if (kind === 'hello' && !this.#route(it.bytes, index)) return this.#hangUp()
      if (!this.#failures.some(failure => failure.who === to)) this.#deliver(to, it, kind, what, detailed, within)
    }
    if (closes) this.#closed = true
  }

  /** The middlebox, if there is one, reads the hello. False: it drops the connection. */
  #route(hello: Uint8Array, message: number): boolean {
    if (!this.#options.middlebox) return true
    const router = new Router(this.#helper, this.#keys.middlebox)
    try {
      const { wanted } = router.open(hello) ?? {}
      const heard = wanted && `the client wants the server ${hex(wanted)}`
      this.#add('middle.hello', 'hello', 'middle', wordsOf('middle.hello', this.#options.version), { message, heard })
      return true
    } catch (error) {
      this.#fail('middle', error, message, hello.length - 1)
      return false
    }
  }

  #hangUp(): void {
    this.#closed = true
  }

  #deliver(
    to: Role,
    { bytes, message }: { bytes: Uint8Array; message: number },
    kind: string,
    what: string,
    detailed: boolean,
    chapter: Moment['chapter'],
  ): void {
    const end = this.#ends[to]
    let at = 0
    const heard: string[] = []
    const watched = end.watch(() => {
      // Byte by byte, so that it shows at which one an error is found.
      for (; at < bytes.length; at++) {
        end.engine.receive(bytes.subarray(at, at + 1))
        for (let event = end.engine.advance(); event !== 'idle'; event = end.engine.advance()) {
          if (event !== 'data' && event !== 'message') heard.push(event)
          else return heard.push(text(end.engine.dataWindow()))
          if (event === 'end' || event === 'alert') break
        }
      }
      return undefined
    })
    const alert = end.engine.alertReceived
    if (heard.includes('alert') && alert) heard.push(`alert ${alert.code}: ${alert.text}`)
    this.#memory[to] = end.look()
    if (kind === 'record') this.#tellRecord(to, watched, message, what, detailed, chapter, heard)
    else {
      const name = (cause: Piece['cause']) => (cause ? this.#names[to](cause) : `arrives-${kind}`)
      this.#tellPieces(to, watched, name, kind === 'response' ? 'response' : (NEXT[kind] ?? chapter), message)
    }
    if (watched.error) this.#fail(to, watched.error, message, Math.min(at, bytes.length - 1))
    else if (kind === 'record') this.#read(to)
  }

  #tellRecord(
    to: Role,
    watched: Watched<unknown>,
    message: number,
    what: string,
    detailed: boolean,
    chapter: Moment['chapter'],
    heard: string[],
  ): void {
    const said = heard.join(', ') || undefined
    for (const [index, piece] of watched.pieces.entries()) {
      const last = index === watched.pieces.length - 1
      if (!last && !detailed) continue
      if (last && watched.error) continue
      const act = last ? 'open' : 'arrives'
      this.#add(`${to}.${act}.${message}`, chapter, to, recordWords(to, act, what), {
        message,
        memory: piece.memory,
        within: piece.within,
        heard: last ? said : undefined,
      })
    }
  }

  /** The application reads what was opened. */
  #read(role: Role): void {
    const { engine } = this.#ends[role]
    if (engine.dataWindow().length > 0) engine.readData()
    this.#memory[role] = this.#ends[role].look()
  }

  #tellPieces(
    role: Role,
    watched: Watched<unknown>,
    nameOf: (cause: Piece['cause']) => string,
    chapter: Moment['chapter'],
    message?: number,
  ): void {
    const { version } = this.#options
    for (const [index, { cause, memory, within }] of watched.pieces.entries()) {
      const act = nameOf(cause)
      // What it failed in is told as the failure.
      if (watched.error && index === watched.pieces.length - 1 && index > 0) break
      const { channel } = this.#ends[role]
      for (const [node, value] of valuesOf(`${role}.${act}`, memory, channel, this.#options))
        this.#values[role].set(node, value)
      this.#add(`${role}.${act}`, chapter, role, wordsOf(`${role}.${act}`, version), { memory, within, message })
    }
  }

  #fail(who: Failure['who'], error: unknown, message: number | undefined, offset: number | undefined): void {
    if (!(error instanceof ChannelError)) throw error
    const { code, reason } = error
    const next = error.message.slice(`${code}: ${reason}; `.length)
    const failure: Failure = { who, code, reason, next, message, offset }
    this.#failures.push(failure)
    const ended = code.startsWith('LINK_')
    const title = ended ? 'The connection closed' : who === 'middle' ? 'The middlebox refuses' : `The ${who} refuses`
    const words = { title: `${title}: ${code}`, text: `${capital(reason)}. What to do: ${next}.` }
    if (who !== 'middle') this.#memory[who] = this.#ends[who].look()
    this.#add(`${who}.fails`, 'end', who, words, { message, failure })
  }

  #add(
    id: string,
    chapter: Moment['chapter'],
    who: Moment['who'],
    words: Words,
    more: {
      memory?: Snapshot
      within?: boolean
      message?: number | undefined
      failure?: Failure
      heard?: string | undefined
    },
  ): void {
    if (more.memory && (who === 'client' || who === 'server')) this.#memory[who] = more.memory
    this.#moments.push({
      id,
      chapter,
      who,
      words,
      sent: this.#wire.length,
      message: more.message,
      memory: { ...this.#memory },
      channel: { client: this.#ends.client.channel, server: this.#ends.server.channel },
      within: more.within && (who === 'client' || who === 'server') ? who : undefined,
      values: { client: new Map(this.#values.client), server: new Map(this.#values.server) },
      failure: more.failure,
      heard: more.heard,
    })
  }
}

/** `hello2` is a hello. */
function nameOf(kind: string): string {
  return kind.replace(/\d$/, '')
}

function text(bytes: Uint8Array): string {
  return `“${new TextDecoder().decode(bytes)}”`
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1)
}

const CHAPTERS: Record<string, Moment['chapter']> = {
  hello: 'hello',
  challenge: 'challenge',
  reject: 'challenge',
  response: 'response',
}
// What a message's receiver does belongs to the message that it answers with.
const NEXT: Record<string, Moment['chapter']> = {
  hello: 'challenge',
  challenge: 'response',
  reject: 'end',
  header: 'response',
}
