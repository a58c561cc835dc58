// What a command writes to is nothing that it reads, nothing that it writes besides, and no secret key.

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Failure } from './failure.js'

/** A file that was named on the command line. */
export interface NamedFile {
  /** By what it was named: `--keylog`, `CAPTURE`. */
  by: string
  path: string
  writes: boolean
}

/** @throws Failure where a file would be lost, or spoilt, by what is written to it */
export function checkOutputs(files: readonly NamedFile[]): void {
  for (const output of files.filter(it => it.writes && it.path !== '-')) {
    const same = files.find(it => it !== output && isSame(it.path, output.path))
    if (same) throw Failure.usage(`${output.by} and ${same.by} are the same file`, 'give another name')
    if (isSecretKey(output.path))
      throw Failure.usage(`${output.by} is a file with a secret key, ${output.path}`, 'give another name')
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map(path => statSync(path, { throwIfNoEntry: false }))
  if (!a || !b) return resolve(one) === resolve(other)
  // A device takes all that comes.
  return a.isFile() && a.dev === b.dev && a.ino === b.ino
}

function isSecretKey(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false
  try {
    const descriptor = openSync(path, 'r')
    try {
      const head = Buffer.alloc(LONGEST_KEY_FILE)
      return /^(?:sk_|sealed \d)/m.test(head.toString('latin1', 0, readSync(descriptor, head)))
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // Who writes it finds out what is wrong with it.
    return false
  }
}

const LONGEST_KEY_FILE = 4096
