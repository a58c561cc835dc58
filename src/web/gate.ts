/** What waits for one thing to happen, over and over: `open` lets all of it go on, `fail` ends it for good. */
export class Gate {
  #waiting: { resolve(): void; reject(error: unknown): void }[] = []
  #failure: { error: unknown } | undefined

  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.check()
      this.#waiting.push({ resolve, reject })
    })
  }

  /** Throws what it has failed with. */
  check(): void {
    if (this.#failure) throw this.#failure.error
  }

  open(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
