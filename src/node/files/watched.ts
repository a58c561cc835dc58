import { readFileSync, type Stats, statSync, unwatchFile, watchFile } from 'node:fs'
import { badFile, told } from './bad-file.js'

/** Who hears of a file that was read anew. */
export interface Heard<T> {
  onChange(value: T): void
  /** It cannot be read, or is wrong, and what was read before stays in force: said once for each reason. */
  onTrouble(error: Error): void
}

/**
 * What a text file says, and goes on saying: read anew when the file changes, or when asked to. If the new text is wrong or empty, or
 * the file cannot be read, the last good text stays. What is no regular file, such as a pipe, is read once.
 */
export class WatchedFile<T> {
  readonly path: string
  #parse: (text: string, path: string) => T
  #heard: Heard<T>
  #value: T
  #text: string
  #trouble = ''
  #settling: NodeJS.Timeout | undefined

  /**
   * @param parse throws an error that names the path, and the line, where the text is wrong
   * @throws ChannelError USE_BAD_FILE where the file cannot be read; what `parse` throws
   */
  constructor(path: string, parse: (text: string, path: string) => T, heard: Heard<T>) {
    this.path = path
    this.#parse = parse
    this.#heard = heard
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

  /** Reads the file now. */
  reload(): void {
    try {
      const text = readAgain(this.path, this.#text)
      if (text === this.#text && this.#trouble === '') return
      this.#value = this.#parse(text, this.path)
      this.#text = text
      this.#trouble = ''
    } catch (error) {
      const { reason } = told(error)
      const known = reason === this.#trouble
      this.#trouble = reason
      if (!known) this.#heard.onTrouble(error as Error)
      return
    }
    this.#heard.onChange(this.#value)
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
    throw badFile(`${path} is no regular file, and cannot be read again`, 'give the path of a file')
  }
  const text = readText(path)
  if (text === '' && before !== '')
    throw badFile(`${path} is empty`, 'if nothing is to be in it, write a comment, such as # nobody')
  return text
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw badFile(`${path} cannot be read: ${(error as Error).message}`, 'check the path and who may read it')
  }
}

const INTERVAL_MS = 500
const SETTLE_MS = 100
