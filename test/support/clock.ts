// Time that stands still until a test moves it: what comes when is then no question of how busy the machine is.

import type { Test } from 'uvu'

interface Waiting {
  due: number
  time: number
  run: () => void
  background: boolean
}

/** Takes the place of setTimeout, clearTimeout and performance.now, in ms from 0. */
export class Clock {
  now = 0
  #waiting = new Set<Waiting>()
  #real = { setTimeout, clearTimeout, performanceNow: performance.now }

  constructor() {
    const set = (run: () => void, time = 0) => {
      const it = { due: 0, time: Math.max(1, time), run, background: false }
      const refresh = () => {
        // One that was cleared stays so.
        if (it.time > 0) this.#waiting.add(Object.assign(it, { due: this.now + it.time }))
        return it
      }
      const unref = () => Object.assign(it, { background: true })
      return Object.assign(it, { refresh, unref }).refresh()
    }
    globalThis.setTimeout = set as unknown as typeof setTimeout
    const clear = (it?: Waiting) => {
      if (!it) return
      this.#waiting.delete(it)
      it.time = 0
    }
    globalThis.clearTimeout = clear as unknown as typeof clearTimeout
    performance.now = () => this.now
  }

  /** How many timers there are, and how many of them keep a process from ending. */
  get timers(): { all: number; foreground: number } {
    return { all: this.#waiting.size, foreground: [...this.#waiting].filter(it => !it.background).length }
  }

  /** Runs what is due on the way, in its order. */
  advance(time: number): void {
    const end = this.now + time
    for (;;) {
      const [next] = [...this.#waiting].filter(it => it.due <= end).sort((a, b) => a.due - b.due)
      if (!next) break
      this.#waiting.delete(next)
      this.now = Math.max(this.now, next.due)
      next.run()
    }
    this.now = end
  }

  /** The time is over without its timers having run: the process was busy. */
  stall(time: number): void {
    this.now += time
  }

  restore(): void {
    globalThis.setTimeout = this.#real.setTimeout
    globalThis.clearTimeout = this.#real.clearTimeout
    performance.now = this.#real.performanceNow
  }
}

/** A test within which time stands still. */
export function still(test: Test, name: string, body: (clock: Clock) => void | Promise<void>): void {
  test(name, async () => {
    const clock = new Clock()
    try {
      await body(clock)
    } finally {
      clock.restore()
    }
  })
}
