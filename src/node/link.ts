import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { Engine, EngineEvent } from '../engine/engine.js'
import { BUFFER_BYTES } from '../wire/abi.js'
import { PacedSender } from './paced.js'

/** What the present owner of a link does with what its engine reports. */
export interface LinkHandler {
  /** An event; false stops the link from reading on until `pump` is called again. */
  onEvent(event: Exclude<EngineEvent, 'idle'>): boolean
  /** The engine's or the link's error. What was received before it has been reported. */
  onError(error: Error): void
  onReceived?(): void
  onSent?(): void
}

/** An engine and the byte stream that carries it: what both the handshake and the open socket do. */
export class Link {
  readonly transport: Duplex
  readonly engine: Engine
  /** What the transport failed with, if it did. */
  transportError: Error | undefined
  #handler: LinkHandler
  #chunk: Uint8Array | undefined
  #offset = 0
  #pumping = false
  #stopped = false
  #left = false
  /** Nothing that wraps the socket keeps hold of what was written. */
  #plainSocket: boolean
  #paced: PacedSender | undefined
  #waiting: (() => void) | undefined

  constructor(transport: Duplex, engine: Engine, handler: LinkHandler) {
    this.transport = transport
    this.engine = engine
    this.#handler = handler
    this.#plainSocket = transport.constructor === net.Socket
    // A FIN ends one direction: the other goes on until its own authenticated end.
    transport.allowHalfOpen = true
    transport.on('data', this.#onData)
    transport.on('end', this.#onEnd)
    transport.on('drain', this.#onDrain)
    transport.on('error', this.#onTransportError)
    transport.on('close', this.#onEnd)
  }

  set handler(handler: LinkHandler) {
    this.#handler = handler
  }

  /** Lets the engine work on what was received, and the transport read on where all of it was taken. */
  pump(): void {
    this.#stopped = false
    this.#work()
  }

  #work(): void {
    if (this.#pumping || this.#stopped) return
    this.#pumping = true
    try {
      const all = this.#drainEngine()
      // The handshake answers by itself.
      if (!this.engine.connected) this.flush()
      if (all) this.transport.resume()
      else this.transport.pause()
    } catch (error) {
      this.#handler.onError(error as Error)
    } finally {
      this.#pumping = false
    }
  }

  /** Hands what the engine has to send to the transport. False: it should be given time, see `whenWritable`. */
  flush(): boolean {
    const { engine, transport } = this
    if (engine.version === 1) {
      this.#paced ??= new PacedSender(transport, engine, this.#onDrain)
      this.#handler.onSent?.()
      return this.#paced.send()
    }
    const window = engine.sendWindow()
    if (window.length === 0) return !transport.writableNeedDrain
    // A copy, for linear memory may grow, or be written again, before the transport has passed the bytes on.
    const pooled = this.#plainSocket && window.length >= POOLED_BYTES
    const bytes = pooled ? takeSpare(window.length) : Buffer.allocUnsafe(window.length)
    bytes.set(window)
    engine.sent(window.length)
    this.#handler.onSent?.()
    const more = transport.write(bytes)
    // The system has taken all of it: the same memory, still in the processor's cache, serves the next write.
    if (pooled && transport.writableLength === 0) spare = bytes.buffer as ArrayBuffer
    return more
  }

  /** Calls back, once, when the transport takes bytes again. */
  whenWritable(callback: () => void): void {
    this.#waiting = callback
  }

  /** Version 1's server: does not speak before the client's first record has come, or a short while has passed. */
  holdBack(): void {
    this.#paced?.hold()
  }

  /**
   * Sends what there is, and ends the transport; then throws away what still comes until the peer is done too. Closing at once would
   * make the system reset the connection where bytes are unread, and the peer could lose what was sent last. A second call, and
   * `destroy` after it, do nothing.
   */
  farewell(onClosed?: () => void): void {
    const { transport } = this
    if (this.#left) return
    this.#left = true
    this.#detach()
    this.#sendRest()
    this.engine.close()
    const timer = setTimeout(() => transport.destroy(), LINGER_MS).unref()
    transport.once('close', () => {
      clearTimeout(timer)
      onClosed?.()
    })
    transport.once('end', () => transport.destroy())
    transport.end()
    transport.resume()
  }

  /** Wipes the engine and drops the transport at once. */
  destroy(): void {
    if (this.#left) return
    this.#left = true
    this.#detach()
    this.engine.close()
    this.transport.destroy()
  }

  /** True: everything received was taken. */
  #drainEngine(): boolean {
    const { engine } = this
    for (;;) {
      const event = engine.advance()
      if (event !== 'idle') {
        if (event !== 'connected') this.#paced?.release()
        this.#stopped = !this.#handler.onEvent(event)
        if (this.#stopped) return false
        continue
      }
      if (!this.#chunk) return true
      const took = engine.receive(this.#chunk, this.#offset)
      this.#offset += took
      if (this.#offset === this.#chunk.length) this.#chunk = undefined
      else if (took === 0) throw new Error('the engine took no bytes and reported nothing')
    }
  }

  /** What waits goes out at once, for nothing comes behind it. */
  #sendRest(): void {
    this.#paced?.stop()
    for (let unit = this.engine.take(); unit.length > 0; unit = this.engine.take()) this.transport.write(unit)
  }

  #onData = (chunk: Uint8Array): void => {
    // A transport that was paused may still hand over one chunk more.
    this.#chunk = this.#chunk ? Buffer.concat([this.#chunk.subarray(this.#offset), chunk]) : chunk
    this.#offset = 0
    this.#handler.onReceived?.()
    this.#work()
  }

  #onEnd = (): void => {
    this.engine.receiveEnd()
    this.#work()
  }

  #onDrain = (): void => {
    const callback = this.#waiting
    this.#waiting = undefined
    callback?.()
  }

  #onTransportError = (error: Error): void => {
    this.transportError = error
  }

  #detach(): void {
    const { transport } = this
    this.#paced?.stop()
    this.#waiting = undefined
    transport.off('data', this.#onData)
    transport.off('end', this.#onEnd)
    transport.off('close', this.#onEnd)
    transport.off('drain', this.#onDrain)
    // A transport that fails when nobody uses it any more is no news.
    transport.off('error', this.#onTransportError)
    transport.on('error', () => {})
  }
}

// How long a peer has to take the last words and close its end.
const LINGER_MS = 30_000

/** Memory for one large write, if nobody has it. */
let spare: ArrayBuffer | undefined

function takeSpare(length: number): Buffer {
  const memory = spare ?? new ArrayBuffer(BUFFER_BYTES)
  spare = undefined
  return Buffer.from(memory, 0, length)
}

// Below this, a buffer of its own costs less than holding on to a large one.
const POOLED_BYTES = 16_384
