/** A timer that can be put off as often as one likes: that costs no new timer. */
export class Timer {
  #time: number
  #run: () => void
  #background: boolean
  #due = 0
  #handle: ReturnType<typeof setTimeout> | undefined

  /**
   * @param time in milliseconds; 0: never
   * @param background whether a process may end before it has run, where the runtime knows such a thing
   */
  constructor(time: number, run: () => void, background = false) {
    this.#time = time
    this.#run = run
    this.#background = background
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
    if (this.#background) (this.#handle as { unref?(): void }).unref?.()
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
