/** A timer that keeps no process alive, and can be put off as often as one likes: that costs no new timer. */
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
    idle(this.#handle)
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

/** Where a timer would keep the process alive, this one does not. */
function idle(handle: unknown): void {
  const { Deno } = globalThis as { Deno?: { unrefTimer?(id: unknown): void } }
  if (typeof handle === 'number') Deno?.unrefTimer?.(handle)
  else (handle as { unref?(): void }).unref?.()
}
