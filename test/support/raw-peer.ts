// The other end of a channel over streams, by hand: an engine whose every record the test decides on.

import type { Control, Engine, EngineEvent } from '../../src/engine/index.js'
import type { ByteStreams } from '../../src/web/index.js'
import { CREDIT_BYTES, CREDIT_HEEDS, CREDIT_LIMIT } from '../../src/wire/layout.js'
import { CONTROL_CREDIT } from '../../src/wire/stream.js'

export class RawPeer {
  readonly engine: Engine
  readonly controls: Control[] = []
  readonly events: EngineEvent[] = []
  received = 0
  /** What the carrier has failed with, or whether it has ended. */
  over: { error?: unknown } | undefined
  /** What its writable has failed with. */
  writeError: unknown
  #reader: ReadableStreamDefaultReader<Uint8Array>
  #writer: WritableStreamDefaultWriter<Uint8Array>
  #reads: boolean
  #woken: (() => void)[] = []

  constructor(streams: ByteStreams, engine: Engine, reads = true) {
    this.engine = engine
    this.#reads = reads
    this.#reader = streams.readable.getReader()
    this.#writer = streams.writable.getWriter()
    this.flush()
    this.#run()
  }

  /** Sends what the engine has, and does not wait. */
  flush(): void {
    const bytes = this.engine.take()
    if (bytes.length > 0) this.send(bytes)
  }

  /** Sends these bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#writer.write(bytes).catch(error => {
      this.writeError ??= error
    })
  }

  /** Seals and sends so much data. */
  pour(bytes: number): void {
    const data = new Uint8Array(bytes)
    for (let at = 0; at < bytes; this.flush()) at += this.engine.write(data, at)
  }

  grant(limit: number, heeds = 0): void {
    this.engine.control(CONTROL_CREDIT, creditOf(limit, heeds))
    this.flush()
  }

  /** Grants, and waits until the other end has read it: it answers the first credit. */
  async agree(limit: number): Promise<void> {
    await this.until(() => this.engine.connected)
    this.grant(limit)
    await this.until(() => this.credits.some(it => it.heeds === limit))
  }

  /** The limits that the other end has granted, and what it says to heed. */
  get credits(): { limit: number; heeds: number }[] {
    return this.controls
      .filter(it => it.code === CONTROL_CREDIT)
      .map(({ payload }) => {
        const view = new DataView(payload.buffer, payload.byteOffset)
        return {
          limit: Number(view.getBigUint64(CREDIT_LIMIT, true)),
          heeds: Number(view.getBigUint64(CREDIT_HEEDS, true)),
        }
      })
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.over) throw new Error(`the carrier was over before ${condition}`)
      await new Promise<void>(resolve => this.#woken.push(resolve))
    }
  }

  async ended(): Promise<void> {
    while (!this.over) await new Promise<void>(resolve => this.#woken.push(resolve))
  }

  close(): void {
    this.#writer.close().catch(() => {})
  }

  /** Gives both streams up: nobody waits for this end any more. */
  leave(): void {
    this.engine.close()
    this.#writer.abort().catch(() => {})
    this.#reader.cancel().catch(() => {})
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read()
        if (done) break
        for (let at = 0; at < value.length; ) {
          at += this.engine.receive(value, at)
          this.#advance()
        }
        this.#wake()
      }
      this.over = {}
    } catch (error) {
      this.over = { error }
    }
    this.#wake()
  }

  #advance(): void {
    if (!this.#reads) return
    for (let event = this.engine.advance(); event !== 'idle'; event = this.engine.advance()) {
      this.events.push(event)
      if (event === 'data' || event === 'message') this.received += this.engine.readData().length
      else if (event === 'control') this.controls.push(this.engine.controlReceived as Control)
    }
    this.flush()
  }

  #wake(): void {
    for (const wake of this.#woken.splice(0)) wake()
  }
}

export function creditOf(limit: number, heeds = 0): Uint8Array {
  const payload = new Uint8Array(CREDIT_BYTES)
  const view = new DataView(payload.buffer)
  view.setBigUint64(CREDIT_LIMIT, BigInt(limit), true)
  view.setBigUint64(CREDIT_HEEDS, BigInt(heeds), true)
  return payload
}
