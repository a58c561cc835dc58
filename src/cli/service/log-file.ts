import { close, constants, openSync, write } from 'node:fs'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'

/**
 * Appends lines to a file without waiting for it. A full disk, or a pipe whose reader stalls, loses lines, which are counted, and
 * nothing else. The file may be moved away: `reopen` then goes on in a new one.
 */
export class LogFile {
  readonly path: string
  /** Lines that could not be written. */
  lost = 0
  #trouble = ''
  #descriptor: number
  /** Takes the descriptor's place when what is being written is. */
  #next: number | undefined
  #lines: Buffer[] = []
  #waiting = 0
  /** Lines that are being written. */
  #batch: Buffer | undefined
  /** A part of a line is the last thing in the file. */
  #torn = false
  #whenIdle: (() => void) | undefined

  /** @throws Failure if the file cannot be opened */
  constructor(path: string) {
    this.path = path
    this.#descriptor = open(path)
  }

  /** Why lines are being lost; empty if none are. */
  get trouble(): string {
    return this.#trouble
  }

  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`)
    if (this.#waiting + bytes.length > MOST_WAITING) return this.#lose(1, 'it takes lines more slowly than they come')
    this.#waiting += bytes.length
    this.#lines.push(bytes)
    if (!this.#batch) this.#begin()
  }

  reopen(): void {
    try {
      const next = open(this.path)
      if (this.#next !== undefined) close(this.#next)
      this.#next = next
      if (!this.#batch) this.#change()
    } catch (error) {
      log.warn(`${Failure.of(error).message}; the one that was open stays`)
    }
  }

  /** Resolves when all is written, or has had its time. */
  async close(): Promise<void> {
    if (this.#batch) {
      const idle = new Promise<void>(resolve => {
        this.#whenIdle = resolve
      })
      const late = setTimeout(() => this.#whenIdle?.(), CLOSE_MS)
      await idle
      clearTimeout(late)
    }
    // What is still being written needs it.
    if (this.#batch) this.#lose(countLines(this.#batch) + this.#lines.length, 'it did not take the last lines')
    else close(this.#descriptor)
  }

  #begin(): void {
    this.#change()
    if (this.#lines.length === 0) return this.#whenIdle?.()
    this.#batch = Buffer.concat(this.#torn ? [NEWLINE, ...this.#lines] : this.#lines)
    this.#lines = []
    this.#waiting = this.#batch.length
    this.#writeBatch(this.#batch)
  }

  #writeBatch(batch: Buffer): void {
    write(this.#descriptor, batch, 0, batch.length, null, (error, written) => {
      if (error?.code === 'EAGAIN') return void setTimeout(() => this.#tryAgain(batch), AGAIN_MS).unref()
      if (error) this.#lose(countLines(batch), error.message)
      else if (written < batch.length) {
        this.#torn = batch[written - 1] !== NEWLINE[0]
        this.#batch = batch.subarray(written)
        return this.#writeBatch(this.#batch)
      } else this.#recovered()
      this.#batch = undefined
      this.#begin()
    })
  }

  /** In another file, if there is one by now. */
  #tryAgain(batch: Buffer): void {
    this.#change()
    this.#writeBatch(batch)
  }

  #change(): void {
    if (this.#next === undefined) return
    close(this.#descriptor)
    this.#descriptor = this.#next
    this.#next = undefined
    this.#torn = false
  }

  #lose(lines: number, reason: string): void {
    this.lost += lines
    if (!this.#trouble) log.warn(`${this.path} cannot be written: ${reason}`, 'connections go on without it')
    this.#trouble = reason
  }

  #recovered(): void {
    this.#torn = false
    if (this.#trouble) log.info(`${this.path} can be written again; ${this.lost} lines were lost`)
    this.#trouble = ''
  }
}

/** A pipe is never waited for. */
function open(path: string): number {
  try {
    return openSync(path, constants.O_WRONLY | FLAGS | constants.O_CREAT, 0o640)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return openUnread(path)
    throw cannotOpen(path, error)
  }
}

/** One that nobody reads yet can be opened for reading too, and then holds some lines until somebody does. */
function openUnread(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | FLAGS)
  } catch (error) {
    throw cannotOpen(path, error)
  }
}

function cannotOpen(path: string, error: unknown): Failure {
  return new Failure(`the log ${path} cannot be opened: ${(error as Error).message}`)
}

function countLines(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf('\n'); at >= 0; at = bytes.indexOf('\n', at + 1)) lines += 1
  return lines
}

const FLAGS = constants.O_APPEND | constants.O_NONBLOCK
const NEWLINE = Buffer.from('\n')
// About 4,000 lines.
const MOST_WAITING = 1_048_576
const AGAIN_MS = 50
const CLOSE_MS = 2000
