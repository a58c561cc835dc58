import { PacedSender } from '../channel/paced.js'
import type { Engine } from '../engine/engine.js'
import { badOption } from '../engine/options.js'
import { ChannelError } from '../errors.js'
import { bytesOf } from './bytes.js'
import { Gate } from './gate.js'

/** What carries a channel: any pair of byte streams. */
export interface ByteStreams {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>
  /** What goes to the peer. */
  readonly writable: WritableStream<Uint8Array>
  /**
   * False where the readable cannot slow the other end down, and takes what comes. Then the two ends agree on credit, so that memory
   * stays bounded ("Credit" in docs/protocol.md). Default true.
   */
  readonly pushesBack?: boolean
}

/** What the package’s own carriers fail with, where the peer is at fault. */
export class CarrierFault extends Error {
  readonly fault: ChannelError

  constructor(reason: string, code: 'PEER_MALFORMED' | 'PEER_OVERRUN' = 'PEER_MALFORMED') {
    super(reason)
    this.fault = new ChannelError(code, reason)
  }
}

/** The reading and writing of what carries a channel, and nothing of what the bytes mean, but version 1's pace. */
export class Link {
  /** Called before bytes are taken from the engine, and when it has room again. */
  onRoom: () => void = () => {}
  onSent: () => void = () => {}
  /** The carrier takes no bytes any more. */
  onWriteError: (error: unknown) => void = () => {}
  #engine: Engine
  #read: () => Promise<Uint8Array | undefined>
  #cancel: (reason: unknown) => Promise<void>
  #writer: WritableStreamDefaultWriter<Uint8Array>
  #sending: Promise<void> | undefined
  #lastWrite: Promise<void> | undefined
  #paced: PacedSender | undefined
  #drained = new Gate()
  #left = false

  /** Takes hold of both streams. @throws ChannelError USE_BAD_OPTION where they are not there to be taken */
  constructor({ readable, writable }: ByteStreams, engine: Engine) {
    this.#engine = engine
    this.#writer = writable.getWriter()
    const source = openSource(readable)
    this.#read = source.read
    this.#cancel = source.cancel
  }

  /** The next bytes, valid until the next call; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const bytes = await this.#read()
    if (bytes) this.#paced?.received()
    return bytes
  }

  /** Whether bytes wait to be sent that are out of the engine already. */
  get blocked(): boolean {
    return this.#paced?.busy ?? false
  }

  /** Hands what the engine has to send to the carrier, and resolves when that has taken it, or rejects as it does. */
  flush(): Promise<void> {
    if (this.#left) return Promise.resolve()
    if (this.#engine.version === 1) return this.#sendPaced()
    this.onRoom()
    if (this.#engine.sendWindow().length === 0) return this.#sending ?? Promise.resolve()
    this.#sending ??= this.#send()
    return this.#sending
  }

  /** Version 1: a record of the peer's has come. */
  opened(): void {
    this.#paced?.opened()
  }

  /** Sends what there is, and ends both streams. */
  async close(): Promise<void> {
    await this.flush()
    await this.#lastWrite
    await this.end()
  }

  /** Ends both streams, behind what they were given. */
  async end(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#paced?.stop()
    // The other end may have closed both by now: it has what it waited for.
    await this.#writer.close().catch(() => {})
    this.#cancel(undefined).catch(() => {})
  }

  /** Ends the writable alone, behind what it was given: for who takes that for the end of this direction. */
  endWritable(): void {
    this.#writer.close().catch(() => {})
  }

  /** Gives both streams up. */
  drop(reason: unknown): void {
    if (this.#left) return
    this.#left = true
    this.#paced?.stop()
    this.#drained.fail(reason)
    this.#writer.abort(reason).catch(() => {})
    this.#cancel(reason).catch(() => {})
  }

  async #send(): Promise<void> {
    try {
      while (this.#engine.sendWindow().length > 0) {
        await this.#writer.ready
        if (this.#left) return
        const bytes = this.#engine.take()
        this.onRoom()
        this.onSent()
        this.#write(bytes)
      }
    } catch (error) {
      this.#failed(error)
      throw error
    } finally {
      this.#sending = undefined
    }
  }

  #sendPaced(): Promise<void> {
    this.#paced ??= new PacedSender(this.#writePaced, this.#engine, () => this.#drained.open())
    this.onSent()
    return this.#paced.send() ? Promise.resolve() : this.#drained.wait()
  }

  #writePaced = (bytes: Uint8Array, callback: (error?: unknown) => void): void => {
    this.#write(bytes).then(
      () => callback(),
      error => {
        callback(error)
        this.#drained.fail(error)
      },
    )
  }

  /** Not waited for: the next one is, by `ready`. */
  #write(bytes: Uint8Array): Promise<void> {
    this.#lastWrite = this.#writer.write(bytes)
    this.#lastWrite.catch(this.#failed)
    return this.#lastWrite
  }

  #failed = (error: unknown): void => {
    if (!this.#left) this.onWriteError(error)
  }
}

/** @throws ChannelError USE_BAD_OPTION */
export function checkStreams(streams: ByteStreams): void {
  const { readable, writable } = streams ?? {}
  if (typeof readable?.getReader !== 'function') throw badOption('readable', readable, 'a ReadableStream')
  if (typeof writable?.getWriter !== 'function') throw badOption('writable', writable, 'a WritableStream')
  for (const [name, { locked }] of Object.entries({ readable, writable })) {
    if (locked)
      throw new ChannelError('USE_BAD_OPTION', `${name} is locked`, { next: 'give one that nobody else uses' })
  }
}

/** Reads into one buffer over and over, where the stream is one of bytes. */
function openSource(readable: ReadableStream<Uint8Array>) {
  let reader: ReadableStreamBYOBReader
  try {
    reader = readable.getReader({ mode: 'byob' })
  } catch {
    const plain = readable.getReader()
    const read = async () => {
      const { done, value } = await plain.read()
      return done ? undefined : bytesOf(value)
    }
    return { read, cancel: (reason: unknown) => plain.cancel(reason) }
  }
  let buffer = new ArrayBuffer(READ_BYTES)
  const read = async () => {
    const { done, value } = await reader.read(new Uint8Array(buffer))
    if (value) buffer = value.buffer
    return done ? undefined : value
  }
  return { read, cancel: (reason: unknown) => reader.cancel(reason) }
}

const READ_BYTES = 65_536
