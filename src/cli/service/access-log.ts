import type { TunnelEntry } from '../../tunnel/tunnel.js'
import { log } from '../frame/output.js'
import { LogFile } from './log-file.js'

/** One line of JSON a connection, when it is over. */
export interface AccessEntry extends TunnelEntry {
  /** Of a router: what it was joined to. */
  backend?: string | null
}

/** A line of JSON for each. The file `-` is standard error. */
export class AccessLog {
  readonly path: string
  #file: LogFile | undefined
  #lost = 0

  /** @throws Failure if the file cannot be opened */
  constructor(path: string) {
    this.path = path
    if (path !== '-') this.#file = new LogFile(path)
  }

  /** Lines that could not be written. */
  get lost(): number {
    return this.#file?.lost ?? this.#lost
  }

  get trouble(): string {
    return this.#file?.trouble ?? ''
  }

  write(entry: AccessEntry): void {
    const line = JSON.stringify(entry)
    if (this.#file) this.#file.write(line)
    else if (!log.info(line)) this.#lost += 1
  }

  reopen(): void {
    this.#file?.reopen()
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }
}
