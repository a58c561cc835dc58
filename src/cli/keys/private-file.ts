import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { Failure } from '../frame/failure.js'

/**
 * The text of a file with a secret in it.
 * @param absent what to do where there is no such file
 * @throws Failure where others than its owner can read, write or run it; what is no file, such as a pipe, is not looked at in this way
 */
export function readPrivate(path: string, absent = ''): string {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Failure(`there is no file ${path}`, absent)
    throw new Failure(`${path} cannot be opened: ${message}`)
  }
  try {
    // By its descriptor, so that what is looked at is what is read.
    const status = fstatSync(descriptor)
    if (status.isDirectory()) throw new Failure(`${path} is a directory`, 'give a file')
    if (status.isFile() && process.platform !== 'win32' && (status.mode & OTHERS) !== 0) {
      throw new Failure(
        `others than its owner may read ${path} (mode ${(status.mode & 0o777).toString(8).padStart(4, '0')})`,
        `chmod 600 ${path}; if someone has read it, make a new one`,
      )
    }
    if (status.size > LARGEST) throw new Failure(`${path} is too large to be what it should`)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

// All of the group's and the others' bits.
const OTHERS = 0o077
const LARGEST = 64 * 1024
