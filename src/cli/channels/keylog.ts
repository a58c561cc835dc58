import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'

export const keylogOption = {
  keylog: {
    value: 'FILE',
    summary: 'appends the session keys to FILE, for nopki inspect; whoever has them reads all that is sent',
    completes: 'file',
    writes: true,
  },
} as const

/** What a channel is told as `onKeys`; nothing if no file is given. A file that cannot be written loses lines, and nothing else. */
export function keylogTo(path: string | undefined): { onKeys?: (line: string) => void } {
  if (path === undefined) return {}
  const descriptor = openKeylog(path)
  log.warn(
    `session keys are being written to ${path}`,
    'whoever has them reads all that is sent; use this to look for faults',
  )
  let failed = false
  const onKeys = (line: string) => {
    try {
      writeSync(descriptor, `${line}\n`)
      failed = false
    } catch (error) {
      if (!failed)
        log.warn(`the key log ${path} cannot be written: ${(error as Error).message}`, 'channels go on without')
      failed = true
    }
  }
  return { onKeys }
}

/** A file of this user’s alone. Whoever makes a link chooses where the keys go, so one is followed only to a pipe or a terminal. */
function openKeylog(path: string): number {
  try {
    return checked(openSync(path, FLAGS | constants.O_NOFOLLOW, 0o600), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw cannotWrite(path, error)
  }
  try {
    const descriptor = openSync(path, FLAGS & ~constants.O_CREAT)
    if (!fstatSync(descriptor).isFile()) return descriptor
    closeSync(descriptor)
  } catch (error) {
    throw cannotWrite(path, error)
  }
  throw new Failure(`the key log ${path} is a link`, 'give the file itself')
}

function checked(descriptor: number, path: string): number {
  const status = fstatSync(descriptor)
  if (!status.isFile()) return descriptor
  const user = process.geteuid?.() ?? status.uid
  if (status.uid !== user) {
    closeSync(descriptor)
    throw new Failure(`the key log ${path} belongs to another user (${status.uid})`, 'give another name')
  }
  fchmodSync(descriptor, 0o600)
  return descriptor
}

function cannotWrite(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENXIO') return new Failure(`nobody reads the key log ${path}`, 'start its reader first')
  return new Failure(`the key log ${path} cannot be written: ${message}`)
}

// Not blocking: who reads a pipe may stall.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
