import { appendFileSync, chmodSync, closeSync, openSync } from 'node:fs'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'

export const keylogOption = {
  keylog: {
    value: 'FILE',
    summary: 'appends the session keys to FILE, for nopki inspect; whoever has them reads all that is sent',
    completes: 'file',
  },
} as const

/** What a channel is told as `onKeys`; nothing where no file is given. The file is its owner's alone. */
export function keylogTo(path: string | undefined): { onKeys?: (line: string) => void } {
  if (path === undefined) return {}
  try {
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
  } catch (error) {
    throw new Failure(`the key log ${path} cannot be written: ${(error as Error).message}`)
  }
  log.warn(
    `session keys are being written to ${path}`,
    'whoever has them reads all that is sent; use this to look for faults',
  )
  return { onKeys: line => appendFileSync(path, `${line}\n`) }
}
