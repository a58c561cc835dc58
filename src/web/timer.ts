/** A timer that can be put off as often as one likes: that costs no new timer. What carries the channel keeps a process alive as well. */
export class Timer {
  #time: number
  #run: () => void
  #due = 0
  #handle: ReturnType<typeof setTimeout> | undefined

  /** `time` in milliseconds; 0: never. */
  constructor(time: number, run: () => void) {
    this.#time = time
    this.#run = run
    this.refresh()
    if (time > 0) this.#start(time)
  }

  /** Starts the time anew. */
  refresh(): void {
    this.#due = performance.now() + this.#time
  }

  /** For good. */
  stop(): void {
    clearTimeout(this.#handle)
    this.#time = 0
  }

  #start(left: number): void {
    this.#handle = setTimeout(() => this.#fire(), left)
  }

  #fire(): void {
    if (this.#time === 0) return
    const left = this.#due - performance.now()
    if (left > 1) return this.#start(left)
    this.refresh()
    this.#start(this.#time)
    this.#run()
  }
}
