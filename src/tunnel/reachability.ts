import type net from 'node:net'
import { ChannelError, type SecureSocket } from '../node/index.js'

/**
 * Whether what a tunnel leads to can be reached. Clients find out; if none has come for a while, or the last one failed, whoever asks does:
 * a load balancer that sends nobody to a service in trouble could never learn that it is back.
 */
export class Reachability {
  #probe: () => Promise<void>
  #trouble = ''
  #known = Number.NEGATIVE_INFINITY
  #checking: Promise<void> | undefined

  /** @param probe rejects if it cannot be reached; must not take longer than who asks can wait */
  constructor(probe: () => Promise<void>) {
    this.#probe = probe
  }

  /** Why it cannot be reached; empty if it can. */
  get trouble(): string {
    return this.#trouble
  }

  /** What a client finds out. @param signal aborted where the client itself gives up */
  async learn<T>(reach: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const reached = await reach
      this.#learn('')
      return reached
    } catch (error) {
      if (!signal.aborted) this.#learn(troubleOf(error))
      throw error
    }
  }

  /** Resolves when what is known is not old. */
  async check(): Promise<void> {
    const age = performance.now() - this.#known
    if (age < (this.#trouble ? TROUBLE_MS : FINE_MS)) return
    this.#checking ??= this.#probe()
      .then(
        () => this.#learn(''),
        error => this.#learn(troubleOf(error)),
      )
      .finally(() => {
        this.#checking = undefined
      })
    await this.#checking
  }

  #learn(trouble: string): void {
    this.#trouble = trouble
    this.#known = performance.now()
  }
}

/** A connection that is closed at once. @param timeout of one attempt, in ms; 0 is no limit */
export async function probePlain(timeout: number, reach: (timeout: number) => Promise<net.Socket>): Promise<void> {
  const plain = await reach(probeTime(timeout))
  plain.on('error', () => {}).destroy()
}

/** A channel that is ended at once: a server that refuses this key, or what it serves is away, says so. @param timeout as above */
export async function probeChannel(timeout: number, dial: (timeout: number) => Promise<SecureSocket>): Promise<void> {
  const channel = await dial(probeTime(timeout))
  const answer = new Promise<void>((resolve, reject) => {
    const over = (error: Error) => (isRefusal(error) ? reject(error) : resolve())
    channel.once('end', resolve)
    channel.once('error', over)
    // A server that takes its time to decide may yet refuse; behind its yes, what it serves may be away.
    channel.accepted.then(() => setTimeout(resolve, ANSWER_MS).unref(), over)
  })
  channel.resume().end()
  await answer.finally(() => channel.on('error', () => {}).destroy())
}

/** Without what to do next: whoever reads it is no user. */
function troubleOf(error: unknown): string {
  if (error instanceof ChannelError) return `${error.code}: ${error.reason}`
  const { message, code } = error as NodeJS.ErrnoException
  // An AggregateError may have no text of its own.
  return message || String(code)
}

/** Balancers wait a few seconds for a health page. */
function probeTime(timeout: number): number {
  return timeout > 0 ? Math.min(timeout, PROBE_MS) : PROBE_MS
}

function isRefusal(error: Error): boolean {
  return error instanceof ChannelError && ['PEER_NOT_AUTHORIZED', 'PEER_ALERT'].includes(error.code)
}

const PROBE_MS = 2000
const ANSWER_MS = 1000
const TROUBLE_MS = 1000
const FINE_MS = 10_000
