import { log } from '../frame/output.js'
import { LogFile } from './log-file.js'

/** One line of JSON a connection, when it is over. */
export interface AccessEntry {
  /** When it began, ISO 8601. */
  time: string
  /** The other end of the channel: `pk_…`, or null where none was proved. */
  peer: string | null
  /** Its name in the file of authorized keys. */
  name: string | null
  /** The server's key that was wanted: of a router, which learns no peer, and of a server that has several. */
  wanted?: string
  /** Of a router: what it was joined to. */
  backend?: string | null
  /** Where the connection came from. */
  address: string
  /** Bytes of the application that came over the channel, and that were sent over it. */
  received: number
  sent: number
  milliseconds: number
  /** As `Ending.how`. */
  ended: string
  detail: string | null
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
