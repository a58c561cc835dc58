import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

// biome-ignore lint/suspicious/noExplicitAny: each call knows what it takes and gives
type Answers = Record<string, (argument: any) => unknown>

/** In a process that `startEnd` has started: answers what it is asked, until it is stopped. */
export function serveAsks(answers: Answers): void {
  process.on('message', async ({ call, argument }: { call: string; argument: unknown }) => {
    try {
      process.send?.({ result: await answers[call]?.(argument) })
    } catch (error) {
      process.send?.({ error: String((error as Error)?.message ?? error) })
    }
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ result: 'ready' })
}

/** A process of its own that answers one call at a time. */
export class End {
  #child: ChildProcess
  #name: string

  private constructor(child: ChildProcess, name: string) {
    this.#child = child
    this.#name = name
  }

  /** @param file of this folder, without its ending */
  static async start(file: 'server' | 'client' | 'sealer' | 'load', name = '', flags: string[] = []): Promise<End> {
    const child = fork(new URL(`${file}.js`, import.meta.url), [name], {
      serialization: 'advanced',
      execArgv: flags,
      // Its warnings are not this suite’s.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const end = new End(child, `${file} of ${name}`)
    await end.#answer()
    return end
  }

  async ask<T>(call: string, argument?: unknown): Promise<T> {
    this.#child.send({ call, argument })
    return (await this.#answer()) as T
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    // It then ends by itself, and leaves behind what Node's own flags ask for, such as a profile.
    if (this.#child.connected) this.#child.disconnect()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await exit
    clearTimeout(timer)
  }

  async #answer(): Promise<unknown> {
    const gone = new AbortController()
    const errors: string[] = []
    const listen = (text: Buffer) => errors.push(String(text))
    this.#child.stderr?.on('data', listen)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS)
    try {
      const signal = gone.signal
      const exit = once(this.#child, 'exit', { signal }).then(() => {
        throw new Error(
          `the ${this.#name} ended, or took more than ${PATIENCE_MS / 1000} s: ${errors.join('').slice(-500)}`,
        )
      })
      const [{ result, error }] = await Promise.race([once(this.#child, 'message', { signal }), exit])
      if (error !== undefined) throw new Error(`${this.#name}: ${error}`)
      return result
    } finally {
      clearTimeout(timer)
      this.#child.stderr?.off('data', listen)
      gone.abort()
    }
  }
}

const PATIENCE_MS = 180_000
