// "Signs of life": what an end that sends keep-alives tells its peer, and expects of one that says the same. Of sockets alone: where
// a browser's channels run, something in between that is gone shows in other ways.

import { type LiveChannel, Liveness } from '../channel/liveness.js'
import { LONGEST_TIMER } from '../channel/options.js'
import type { Control, Engine } from '../engine/engine.js'
import { ChannelError } from '../errors.js'
import { ALIVE_BYTES, ALIVE_INTERVAL } from '../wire/layout.js'
import { CONTROL_ALIVE } from '../wire/stream.js'
import type { ChannelOptions } from './options.js'

/** The watch that an open socket keeps: `heartbeat` and `idleTimeout`, and the signs of life that both ends promise. */
export class Signs {
  #channel: LiveChannel
  #liveness: Liveness
  /** What holds the peer to its signs. An end asks for them only if it gives some itself. */
  #expected: Liveness | undefined
  #gives: boolean

  constructor(channel: LiveChannel, options: ChannelOptions) {
    this.#channel = channel
    // The transport alone keeps the process alive.
    this.#liveness = new Liveness(channel, options, true)
    this.#gives = promiseSigns(channel.engine, options)
  }

  /** Bytes of the peer have come; or this end reads again. */
  heard(): void {
    this.#liveness.received()
    this.#expected?.received()
  }

  /** Bytes have gone out. */
  sent(): void {
    this.#liveness.sent()
  }

  /** A control record has come. @throws ChannelError PEER_MALFORMED */
  control(control: Control): void {
    if (control.code !== CONTROL_ALIVE || !this.#gives) return
    this.#expected?.stop()
    this.#expected = expectSigns(this.#channel, control)
  }

  /** For good. */
  stop(): void {
    this.#liveness.stop()
    this.#expected?.stop()
    this.#gives = false
  }
}

/** Seals what this end promises. False: it promises nothing. */
export function promiseSigns(engine: Engine, { heartbeat = 0 }: ChannelOptions): boolean {
  if (heartbeat === 0 || engine.version === 1 || engine.writeEnded) return false
  const view = new DataView(new ArrayBuffer(ALIVE_BYTES))
  view.setUint32(ALIVE_INTERVAL, heartbeat, true)
  engine.control(CONTROL_ALIVE, new Uint8Array(view.buffer))
  return true
}

/** What the peer promises: what holds it to that. Undefined: it promises nothing. @throws ChannelError PEER_MALFORMED */
export function expectSigns(channel: LiveChannel, { payload }: Control): Liveness | undefined {
  const { buffer, byteOffset, byteLength } = payload
  if (byteLength !== ALIVE_BYTES) {
    throw new ChannelError('PEER_MALFORMED', `the peer sent a sign of life of ${byteLength} bytes`)
  }
  const interval = new DataView(buffer, byteOffset).getUint32(ALIVE_INTERVAL, true)
  if (interval === 0) return undefined
  const most = Math.min(Math.max(MISSED * interval, LEAST_MS), LONGEST_TIMER)
  const onSilent = (_: ChannelError, told: boolean) => channel.onSilent(fellSilent(interval, most), told)
  return new Liveness(Object.create(channel, { onSilent: { value: onSilent } }), { idleTimeout: most }, true)
}

function fellSilent(interval: number, most: number): ChannelError {
  return new ChannelError(
    'LINK_TIMEOUT',
    `nothing came from the peer for ${most / 1000} s, though it sends something every ${interval / 1000} s`,
  )
}

// A peer may miss two, and be as late as this in any case.
const MISSED = 3
const LEAST_MS = 5000
