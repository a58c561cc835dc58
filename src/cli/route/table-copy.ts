// The last good table on disk, for a router that starts while Redis has none to give.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { placeText } from '../frame/place.js'
import { parseTable, type Table } from './table.js'

/** A file that is written whenever the table is another, and read at the start. It looks like a file for `--table`, and is good as one. */
export class TableCopy {
  readonly path: string
  #written = ''
  #trouble = ''

  constructor(path: string) {
    this.path = path
  }

  /** Why the last table is not in the file; empty where it is. */
  get trouble(): string {
    return this.#trouble
  }

  /** Undefined if there is none. @throws Failure if it is no table */
  load(): Table | undefined {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new Failure(`${this.path} cannot be read: ${(error as Error).message}`)
    }
    // A file of no bytes is what a full disk leaves, not a table without routes.
    if (!text.startsWith(HEAD)) throw new Failure(`${this.path} is no copy of a table`, 'take it away, or give another')
    this.#written = text
    return parseTable(text, this.path)
  }

  /** All of it, or what was there before. */
  save(table: Table): void {
    const lines = [...table].map(([key, places]) => `${key} ${places.map(placeText).join(' ')}\n`)
    const text = HEAD + lines.join('')
    if (text === this.#written) return
    try {
      replaceFile(this.path, text)
      this.#written = text
      this.#trouble = ''
    } catch (error) {
      const trouble = `the copy of the table cannot be written: ${(error as Error).message}`
      if (trouble !== this.#trouble) log.warn(trouble, 'routing goes on without it')
      this.#trouble = trouble
    }
  }
}

/** By a new file in its place: whoever reads it, also after the power has failed, has the one or the other. */
function replaceFile(path: string, text: string): void {
  const draft = `${path}.new`
  const descriptor = openSync(draft, 'w', 0o600)
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, path)
}

const HEAD = '# The last good table of routes, as nopki route had it from Redis.\n'
