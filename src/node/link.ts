import { type Duplex, finished } from 'node:stream'
import { clearImmediate, setImmediate } from 'node:timers'
import { LINGER_MS } from '../channel/options.js'
import { finish, PacedSender, type PacedWrite } from '../channel/paced.js'
import type { Engine, EngineEvent } from '../engine/engine.js'
import { readShared } from './onread.js'
import { nameProxyHeader } from './proxy-header.js'
import { isUntouched } from './untouched.js'
import { untraced } from './untraced.js'
import { giveWriteBuffer, takeWriteBuffer } from './write-buffers.js'

/** What the present owners of links do with what their engines report: one for all of a kind, for each function kept is memory. */
export interface LinkHandler<Owner> {
  /** An event. `stop`: the link does not read on until `pump` is called; `keep`: nor does it, and it reports this event again then. */
  onEvent(owner: Owner, event: LinkEvent, link: Link): 'go on' | 'stop' | 'keep'
  /** The engine's or the link's error. What was received before it has been reported. */
  onError(owner: Owner, error: Error): void
  onReceived?(owner: Owner): void
  onSent?(owner: Owner): void
  /** All that can be reported in this turn has been. */
  onTurn?(owner: Owner): 'go on' | 'stop'
  /** The transport has closed: nothing more can be sent. What was received is still reported. */
  onClosed?(owner: Owner): void
}

/** How a link ends. */
interface Ending {
  /** How long the peer has to close its end, in ms. */
  time?: number
  /** Whether its time begins when it has taken all that was sent, and not at once. */
  patient?: boolean
  onClosed?: () => void
}

export type LinkEvent = Exclude<EngineEvent, 'idle'>

// A transport's listeners are the same functions for all, and find its link here.
const LINK = Symbol('link')
type Transport = Duplex & { [LINK]?: Link }

/** An engine and the byte stream that carries it: what both the handshake and the open socket do. */
export class Link {
  readonly transport: Transport
  readonly engine: Engine
  /** What the transport failed with, if it did. */
  transportError: Error | undefined

  static readonly #listeners = {
    data(this: Transport, chunk: Uint8Array): void {
      const link = this[LINK]
      if (link) link.#onData(chunk)
    },
    /** What is not taken at once has to be kept elsewhere: the next read, of any socket, comes into the same memory. */
    shared(this: Transport, length: number, buffer: Uint8Array): true {
      const link = this[LINK]
      if (!link || link.#left) return true
      link.#onData(length === buffer.length ? buffer : buffer.subarray(0, length))
      if (!link.#chunk) return true
      link.#chunk = Buffer.from(link.#chunk.subarray(link.#offset))
      link.#offset = 0
      return true
    },
    end(this: Transport): void {
      const link = this[LINK]
      if (link) link.#onEnd()
    },
    close(this: Transport): void {
      const link = this[LINK]
      if (!link) return
      link.#closeUntold = true
      link.#onEnd()
    },
    /** Version 1 goes by its own pace: not all that was sealed has been given to the transport. */
    drain(this: Transport): void {
      const link = this[LINK]
      if (link) link.#reclaim()
      if (link && !link.#paced) link.#onWritable()
    },
    error(this: Transport, error: Error): void {
      const link = this[LINK]
      if (link) link.transportError = error
    },
  }

  // biome-ignore lint/suspicious/noExplicitAny: the two are set together, by `handTo`
  #handler: LinkHandler<any>
  #owner: unknown
  #chunk: Uint8Array | undefined
  #offset = 0
  #keptEvent: LinkEvent | undefined
  #endUntold = false
  #closeUntold = false
  /** How many events there were since the transport last gave something, or others had a turn; and how many bytes behind the last one. */
  #events = 0
  #silentBytes = 0
  /** Goes on in the next turn: this one's share is used up. */
  #nextTurn: NodeJS.Immediate | undefined
  #pumping = false
  #flushing = false
  /** Something has come within a write. */
  #answered = false
  #stopped = false
  #left = false
  /** The transport reads into shared memory, and buffers nothing itself. */
  #shared: boolean
  #paced: PacedSender | undefined
  /** Memory out of `takeWriteBuffer` that was written. */
  #unsent: Buffer[] = []
  #waiting: (() => void) | undefined

  constructor(transport: Duplex, engine: Engine, owner: unknown, handler: LinkHandler<never>) {
    this.transport = transport
    this.engine = engine
    this.#owner = owner
    this.#handler = handler
    this.transport[LINK] = this
    // A FIN ends one direction: the other goes on until its own authenticated end.
    transport.allowHalfOpen = true
    this.#shared = readShared(this.transport, Link.#listeners.shared)
    if (!this.#shared) transport.on('data', Link.#listeners.data)
    transport.on('end', Link.#listeners.end)
    transport.on('drain', Link.#listeners.drain)
    transport.on('error', Link.#listeners.error)
    transport.on('close', Link.#listeners.close)
    transport.resume()
  }

  handTo<Owner>(owner: Owner, handler: LinkHandler<Owner>): void {
    this.#owner = owner
    this.#handler = handler
  }

  /** Whether its transport waits for the owner, or for this end's next turn: then it is not known what the peer is sending. */
  get stopped(): boolean {
    return this.#stopped || this.#nextTurn !== undefined
  }

  /** Whether bytes wait to be sent that are out of the engine already. */
  get blocked(): boolean {
    return this.transport.writableNeedDrain || (this.#paced?.busy ?? false)
  }

  /** Lets the engine work on what was received, and the transport read on where all of it was taken. */
  pump(): void {
    this.#stopped = false
    this.#work()
  }

  #work(): void {
    if (this.#flushing) this.#answered = true
    if (this.#pumping || this.#flushing || this.#left || this.#nextTurn) return
    this.#pumping = true
    try {
      // A Duplex may answer within the write: then there is a new chunk already.
      while (!this.#stopped && this.#drainEngine()) {
        // The handshake answers by itself.
        if (!this.engine.connected) this.flush()
        if (!this.#chunk) break
      }
      if (this.#handler.onTurn?.(this.#owner) === 'stop') this.#stopped = true
      if (this.#left) return
      if (!this.#stopped && this.#turnOver) this.#waitTurn()
      else if (this.#stopped && this.#holdsEnough) this.transport.pause()
      else this.transport.resume()
    } catch (error) {
      if (this.#left) return
      // Nothing behind an error is worth keeping.
      this.#stopped = true
      this.transport.pause()
      const first = this.engine.role === 'server' ? this.#chunk : undefined
      this.#handler.onError(this.#owner, nameProxyHeader(error as Error, first))
    } finally {
      this.#pumping = false
    }
    this.#tellClosed()
  }

  /** Others have their turn before the rest: small records would keep the event loop for seconds, and each link that is flooded again. */
  #waitTurn(): void {
    this.transport.pause()
    this.#nextTurn = setImmediate(Link.#goOn, this)
  }

  static #goOn(link: Link): void {
    link.#nextTurn = undefined
    link.#events = 0
    link.#silentBytes = 0
    link.#work()
  }

  /** Behind what was received, unless the owner has stopped that. */
  #tellClosed(): void {
    if (!this.#closeUntold || this.#nextTurn || this.#left) return
    this.#closeUntold = false
    this.#handler.onClosed?.(this.#owner)
  }

  /** Hands what the engine has to send to the transport. False: it should be given time, see `whenWritable`, or takes nothing any more. */
  flush(): boolean {
    const { engine, transport } = this
    // Its last words have gone out another way, and the engine may be closed.
    if (this.#left) return true
    if (engine.version === 1) {
      this.#paced ??= new PacedSender(pacedWrite(transport), engine, () => this.#onWritable())
      this.#handler.onSent?.(this.#owner)
      return this.#paced.send()
    }
    const window = engine.sendWindow()
    if (window.length > 0) {
      // A copy, for linear memory may grow, or be written again, before the transport has passed the bytes on.
      const reused = window.length >= REUSED_BYTES && isUntouched(transport)
      const bytes = reused ? takeWriteBuffer(window.length) : Buffer.allocUnsafe(window.length)
      bytes.set(window)
      engine.sent(window.length)
      this.#handler.onSent?.(this.#owner)
      this.#hand(bytes)
      if (reused) this.#unsent.push(bytes)
    }
    this.#reclaim()
    return !transport.writableNeedDrain && !transport.destroyed
  }

  /**
   * What a Duplex answers within the write is worked on behind it: who is told of it may write, and what is written to a stream while it
   * writes several chunks at once, the stream forgets.
   */
  #hand(bytes: Buffer): void {
    this.#flushing = true
    try {
      this.transport.write(bytes)
    } finally {
      this.#flushing = false
    }
    if (!this.#answered) return
    this.#answered = false
    process.nextTick(Link.#workOn, this)
  }

  static #workOn(link: Link): void {
    link.#work()
  }

  /** Ahead of a record that has to fit in: of long ones that are padded, the engine holds one. */
  makeRoom(): void {
    const { engine } = this
    // One that has nothing to send holds no memory for it.
    if (engine.sendWindow().length > 0 && engine.writeWindow(1).length === 0) this.flush()
  }

  /** Memory of writes is free again when the system has taken all of them. (A callback for each write would keep garbage alive for long.) */
  #reclaim(): void {
    const { transport } = this
    if (transport.writableLength > 0 || transport.destroyed) return
    for (let bytes = this.#unsent.pop(); bytes; bytes = this.#unsent.pop()) giveWriteBuffer(bytes)
  }

  /** Calls back, once, when the transport takes bytes again; never where it closes before. */
  whenWritable(callback: () => void): void {
    this.#waiting = callback
  }

  /**
   * Sends what there is, and ends the transport; then throws away what still comes until the peer is done too. Closing at once would
   * make the system reset the connection if bytes are unread, and the peer could lose what was sent last.
   */
  endGracefully({ time = LINGER_MS, patient = false, onClosed }: Ending = {}): void {
    const { engine, transport } = this
    if (this.#left) return
    this.#left = true
    this.#detach()
    let timer: NodeJS.Timeout | undefined
    const linger = () => {
      timer = setTimeout(() => transport.destroy(), time).unref()
    }
    const closed = () => {
      clearTimeout(timer)
      this.#paced?.stop()
      engine.close()
      onClosed?.()
    }
    if (transport.closed) return process.nextTick(closed)
    transport.once('close', closed)
    finished(transport, () => transport.destroy())
    if (patient && !transport.writableFinished) transport.once('finish', linger)
    else linger()
    this.#sendRest(() => {
      engine.close()
      transport.end()
    })
    transport.resume()
  }

  /** Wipes the engine and drops the transport at once. */
  destroy(): void {
    if (!this.#left) this.#detach()
    this.#left = true
    this.#paced?.stop()
    this.engine.close()
    this.transport.destroy()
  }

  /** True: everything received was taken. False: the owner has stopped it, or the share of this turn is used up. */
  #drainEngine(): boolean {
    const { engine } = this
    for (let ended = false; !this.#turnOver; ) {
      // Of a write that is called back as done: if what comes next is a fault of the peer's, the engine seals nothing any more.
      engine.sealWaiting()
      const event = this.#keptEvent ?? (ended ? untraced(() => engine.advance()) : engine.advance())
      this.#keptEvent = undefined
      if (event !== 'idle') {
        this.#events += 1
        this.#silentBytes = 0
        if (event !== 'connected') this.#paced?.opened()
        const answer = this.#handler.onEvent(this.#owner, event, this)
        if (answer === 'keep') this.#keptEvent = event
        this.#stopped = answer !== 'go on'
        if (this.#stopped || this.#left) return false
        continue
      }
      if (!this.#chunk && this.#endUntold) {
        this.#endUntold = false
        engine.receiveEnd(this.transportError === undefined)
        ended = true
        continue
      }
      if (!this.#chunk) return true
      const took = engine.receive(this.#chunk, this.#offset)
      this.#offset += took
      this.#silentBytes += took
      if (this.#offset === this.#chunk.length) this.#chunk = undefined
      else if (took === 0) throw new Error('the engine took no bytes and reported nothing')
    }
    return false
  }

  /** Whether others are to have their turn: some records are no events. */
  get #turnOver(): boolean {
    return this.#events >= EVENTS_A_TURN || this.#silentBytes >= SILENT_BYTES_A_TURN
  }

  /** A link that has stopped reads on a little, as a stream does whose buffer has room: it notices a peer that is gone. */
  get #holdsEnough(): boolean {
    const held = this.#chunk ? this.#chunk.length - this.#offset : 0
    return !this.#shared || held >= this.transport.readableHighWaterMark
  }

  #sendRest(done: () => void): void {
    if (this.#paced) return finish(this.#paced, done)
    const rest = this.engine.take()
    if (rest.length > 0) this.transport.write(rest)
    done()
  }

  #onData(chunk: Uint8Array): void {
    // A transport that was paused may still hand over one chunk more.
    this.#chunk = this.#chunk ? Buffer.concat([this.#chunk.subarray(this.#offset), chunk]) : chunk
    this.#offset = 0
    this.#events = 0
    this.#paced?.received()
    this.#handler.onReceived?.(this.#owner)
    this.#work()
  }

  #onEnd(): void {
    // The engine is told when it has all that came before.
    this.#endUntold = true
    this.#work()
  }

  #onWritable(): void {
    const callback = this.#waiting
    this.#waiting = undefined
    callback?.()
  }

  #detach(): void {
    const { transport } = this
    this.#waiting = undefined
    clearImmediate(this.#nextTurn)
    this.#nextTurn = undefined
    transport.off('data', Link.#listeners.data)
    transport.off('end', Link.#listeners.end)
    transport.off('close', Link.#listeners.close)
    transport.off('drain', Link.#listeners.drain)
    // A transport that fails when nobody uses it any more is no news.
    transport.off('error', Link.#listeners.error)
    transport.on('error', ignore)
  }
}

function ignore(): void {}

function pacedWrite(transport: Duplex): PacedWrite {
  return (bytes, callback) => void transport.write(bytes, callback)
}

// Below this, Node's own pool costs less.
const REUSED_BYTES = 4096

// What a link may do in one turn. Full records never come to either: a read has five at most, and no record is half as long as this.
const EVENTS_A_TURN = 256
const SILENT_BYTES_A_TURN = 131_072
