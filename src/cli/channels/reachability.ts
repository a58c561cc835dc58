/**
 * Whether what a tunnel leads to can be reached, for the health page. Clients find out; if none has come for a while, or the last one
 * failed, whoever asks for the page does: a load balancer that sends nobody to a service in trouble could never learn that it is back.
 */
export class Reachability {
  #probe: () => Promise<void>
  #trouble = ''
  #known = Number.NEGATIVE_INFINITY
  #checking: Promise<void> | undefined

  /** @param probe rejects if it cannot be reached; must not take longer than the page may take */
  constructor(probe: () => Promise<void>) {
    this.#probe = probe
  }

  /** Why it cannot be reached; empty if it can. */
  get trouble(): string {
    return this.#trouble
  }

  reached(): void {
    this.#learn('')
  }

  failed(reason: string): void {
    this.#learn(reason)
  }

  /** Resolves when what is known is not old. */
  async check(): Promise<void> {
    const age = performance.now() - this.#known
    if (age < (this.#trouble ? TROUBLE_MS : FINE_MS)) return
    this.#checking ??= this.#probe()
      .then(
        () => this.reached(),
        (error: Error) => this.failed(error.message),
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

/** How long a probe may take: balancers wait a few seconds for a health page. */
export const PROBE_MS = 2000
const TROUBLE_MS = 1000
const FINE_MS = 10_000
