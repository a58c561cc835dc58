import { readFileSync, type Stats, statSync, unwatchFile, watchFile } from 'node:fs'
import { Failure } from './failure.js'
import { log } from './output.js'

/**
 * What a text file says, and goes on saying: read anew when the file changes, or when asked to. If the new text is wrong or empty, or
 * the file cannot be read, the last good text stays. What is no regular file, such as a pipe, is read once.
 */
export class WatchedFile<T> {
  readonly path: string
  #parse: (text: string, path: string) => T
  #onChange: (value: T) => void
  #value: T
  #text: string
  #trouble = ''
  #settling: NodeJS.Timeout | undefined

  /**
   * @param parse throws a `Failure` that names the path, and the line, where the text is wrong
   * @throws Failure where the file cannot be read or is wrong
   */
  constructor(path: string, parse: (text: string, path: string) => T, onChange: (value: T) => void) {
    this.path = path
    this.#parse = parse
    this.#onChange = onChange
    this.#text = readText(path)
    this.#value = parse(this.#text, path)
    // By asking the system twice a second: that also sees files that are replaced, links that are moved, and network folders.
    if (statSync(path).isFile()) watchFile(path, { interval: INTERVAL_MS, persistent: false }, this.#onStat)
  }

  get value(): T {
    return this.#value
  }

  /** Why the last change was not taken; empty where it was. */
  get trouble(): string {
    return this.#trouble
  }

  /** Reads the file now. What is wrong with it is logged, once for each text. */
  reload(): void {
    try {
      const text = readAgain(this.path, this.#text)
      if (text === this.#text && this.#trouble === '') return
      this.#value = this.#parse(text, this.path)
      this.#text = text
      this.#trouble = ''
    } catch (error) {
      const { message, hint } = Failure.of(error)
      if (message !== this.#trouble) log.warn(`${message}; what was read before stays in force`, hint)
      this.#trouble = message
      return
    }
    log.info(`${this.path} was read anew`)
    this.#onChange(this.#value)
  }

  close(): void {
    clearTimeout(this.#settling)
    unwatchFile(this.path, this.#onStat)
  }

  /** A file that is being written is read when it is at rest: half of it, or nothing, may be a good text too. */
  #onStat = (seen: Stats): void => {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => {
      const now = statSync(this.path, { throwIfNoEntry: false })
      if (now && (now.mtimeMs !== seen.mtimeMs || now.size !== seen.size)) return this.#onStat(now)
      this.reload()
    }, SETTLE_MS).unref()
  }
}

/** A shell’s > empties a file before its command has anything to write; a pipe has nothing more in it, or nobody to write it. */
function readAgain(path: string, before: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
    throw new Failure(`${path} is no regular file, and cannot be read again`, 'give the path of a file')
  }
  const text = readText(path)
  if (text === '' && before !== '')
    throw new Failure(`${path} is empty`, 'if nothing is to be in it, write a comment, such as # nobody')
  return text
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(`${path} cannot be read: ${(error as Error).message}`, 'check the path and who may read it')
  }
}

const INTERVAL_MS = 500
const SETTLE_MS = 100
