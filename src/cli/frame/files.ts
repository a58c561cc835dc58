// Files that a command reads and writes whole.

import { closeSync, fchmodSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { Failure } from './failure.js'

export function readWhole(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EISDIR') throw new Failure(`${file} is a directory`, 'give a file')
    throw new Failure(`${file} cannot be read: ${message}`, 'check the path and who may read it')
  }
}

/** @param secret whether it is for its owner alone, whoever could read what was there before */
export function writeWhole(file: string, content: string | Uint8Array, secret: boolean): void {
  try {
    const descriptor = openSync(file, 'w', secret ? 0o600 : 0o666)
    try {
      // A device or a pipe stays as it is: /dev/null is everyone's.
      if (secret && fstatSync(descriptor).isFile()) fchmodSync(descriptor, 0o600)
      writeFileSync(descriptor, content)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw new Failure(`${file} cannot be written: ${(error as Error).message}`, 'give a path that may be written')
  }
}
