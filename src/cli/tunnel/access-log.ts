import { closeSync, openSync, writeSync } from 'node:fs'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'

/** One line of JSON a connection, when it is over. */
export interface AccessEntry {
  /** When it began, ISO 8601. */
  time: string
  /** The other end of the channel: `pk_…`, or null where none was proved. */
  peer: string | null
  /** Its name in the file of authorized keys. */
  name: string | null
  /** Of a router, which learns no peer: the key of the server that was wanted, and the backend that it was joined to. */
  wanted?: string
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

/**
 * Appends to a file, which may be moved away: `reopen` then goes on in a new one. A full disk loses lines, and nothing else. The file
 * `-` is standard error.
 */
export class AccessLog {
  readonly path: string
  #descriptor: number
  /** Lines that could not be written. */
  lost = 0
  #trouble = ''
  /** A part of a line is the last thing in the file. */
  #torn = false

  /** @throws Failure where the file cannot be opened */
  constructor(path: string) {
    this.path = path
    this.#descriptor = path === '-' ? 2 : open(path)
  }

  get trouble(): string {
    return this.#trouble
  }

  write(entry: AccessEntry): void {
    if (this.path === '-') return log.info(JSON.stringify(entry))
    const line = Buffer.from(`${this.#torn ? '\n' : ''}${JSON.stringify(entry)}\n`)
    try {
      // At once, and not through a stream: what is logged is on its way to the disk when the connection is gone.
      const written = writeSync(this.#descriptor, line)
      this.#torn = written < line.length
      if (this.#torn) throw new Error('only a part of a line fitted')
      if (this.#trouble) log.info(`${this.path} can be written again; ${this.lost} lines were lost`)
      this.#trouble = ''
    } catch (error) {
      this.lost += 1
      const { message } = error as Error
      if (!this.#trouble) log.warn(`${this.path} cannot be written: ${message}`, 'connections go on without it')
      this.#trouble = message
    }
  }

  reopen(): void {
    if (this.path === '-') return
    try {
      const next = open(this.path)
      closeSync(this.#descriptor)
      this.#descriptor = next
    } catch (error) {
      log.warn(`${Failure.of(error).message}; the one that was open stays`)
    }
  }

  close(): void {
    if (this.path !== '-') closeSync(this.#descriptor)
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'a', 0o640)
  } catch (error) {
    throw new Failure(`the log ${path} cannot be opened: ${(error as Error).message}`)
  }
}
