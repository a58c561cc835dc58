/** What waits for one thing to happen, over and over: `open` lets all of it go on, `fail` ends it for good. */
export class Gate {
  #waiting: { resolve(): void; reject(error: unknown): void }[] = []
  #failure: { error: unknown } | undefined

  wait(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure.error)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  open(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
