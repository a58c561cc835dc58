// Data goes to stdout, everything else to stderr.

import { Failure } from './failure.js'

// Whoever reads our output may stop before it ends: that is no failure. That it cannot be written is one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader at a socket that leaves with bytes unread resets it.
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET') process.exit(0)
  process.exit(new Failure(`standard output cannot be written: ${error.message}`, 'is the disk full?').show())
})
// With nobody to tell, there is nothing to say.
process.stderr.on('error', () => {})

/** A line of data. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Data for programs: one JSON value a line. Keys and other bytes are to be text already. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

/** What a command tells while it runs, on stderr. Never a secret, and nothing that crossed a channel. */
export const log = {
  info: (text: string) => say(text),
  /** Something is wrong, and the command goes on. */
  warn: (text: string, hint = '') => say(`warning: ${text}${hint && `\nhint: ${hint}`}`),
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
