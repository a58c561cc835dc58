// Data goes to stdout, everything else to stderr.

import { Failure, oneLine } from './failure.js'

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
  info: (text: string, hint = '') => say(text, hint),
  /** Something is wrong, and the command goes on. */
  warn: (text: string, hint = '') => say(`warning: ${text}`, hint),
}

/** False if the line is lost: whoever reads standard error does not, and what waits for that is kept small. */
function say(text: string, hint: string): boolean {
  const { stderr } = process
  if (stderr.writableLength > MOST_WAITING) {
    unsaid += 1
    return false
  }
  if (unsaid > 0) stderr.write(`${unsaid} lines were lost, as nobody read them\n`)
  unsaid = 0
  stderr.write(`${oneLine(text)}\n${hint && `hint: ${oneLine(hint)}\n`}`)
  return true
}

/** All is over; but lines that nobody reads would keep the process. What is on its way to standard output is waited for. */
export function leaveUnread(): void {
  setTimeout(() => {
    if (process.stderr.writableLength > 0 && process.stdout.writableLength === 0) process.exit()
    leaveUnread()
  }, LEAVE_MS).unref()
}

let unsaid = 0
const MOST_WAITING = 1_048_576
const LEAVE_MS = 1000
