import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'

/** Lines that strangers can cause: so many a minute, and then how many more there were. */
export class Throttle {
  #said = 0
  #unsaid = 0
  #kinds = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  say(text: string, hint = ''): void {
    this.#timer ??= setTimeout(() => this.#restart(), A_MINUTE).unref()
    if (this.#said < MOST) {
      this.#said += 1
      log.info(text, hint)
    } else this.#unsaid += 1
  }

  /** What stays true for a while, and would be said with every connection: once a minute. */
  sayOnce(kind: string, text: string): void {
    if (this.#kinds.has(kind)) return
    this.#kinds.add(kind)
    this.say(text)
  }

  /** A connection has failed: as a command fails, with when that was. */
  fail(error: unknown): void {
    const { message, hint } = Failure.of(error)
    const time = new Date().toISOString().replace(/\.\d+/, '')
    this.say(`error: ${time} ${message}`, hint)
  }

  #restart(): void {
    if (this.#unsaid > 0) log.info(`${this.#unsaid} more such lines in the last minute`)
    this.#timer = undefined
    this.#said = 0
    this.#unsaid = 0
    this.#kinds.clear()
  }
}

const MOST = 20
const A_MINUTE = 60_000
