import { ChannelError, OUTSIDE, printable } from '../../errors.js'
import { told } from '../../node/files/bad-file.js'
import { exhaustion } from './descriptors.js'
import { missingZone } from './zones.js'

/** What a command fails with: an error line, a hint line, an exit code. */
export class Failure extends Error {
  readonly hint: string
  readonly exitCode: 1 | 2

  constructor(message: string, hint = '', exitCode: 1 | 2 = 1) {
    super(message)
    this.hint = hint
    this.exitCode = exitCode
  }

  static usage(message: string, hint: string): Failure {
    return new Failure(message, hint, 2)
  }

  /** Whatever was thrown, as a failure to be shown. */
  static of(error: unknown): Failure {
    if (error instanceof Failure) return error
    if (error instanceof ChannelError && error.code === 'USE_BAD_FILE') {
      // The files are the command’s own subject: neither the code nor general advice says more.
      const { reason, next } = told(error)
      return new Failure(reason, next === OUTSIDE.USE_BAD_FILE.next ? '' : next)
    }
    if (error instanceof ChannelError) {
      const [reason, ...next] = error.message.split('; ')
      // From a file they come by `at`: here they are arguments.
      const usage = error.code === 'USE_BAD_ADDRESS' || error.code === 'USE_BAD_KEY'
      return new Failure(reason ?? error.message, next.join('; '), usage ? 2 : 1)
    }
    const { code, message } = error as NodeJS.ErrnoException
    if (code?.startsWith('ERR_PARSE_ARGS')) {
      // Node's own advice, in further sentences, is for those who call parseArgs.
      return Failure.usage(message.replace(/\.\s.*$/s, ''), 'add --help to see what the command takes')
    }
    const exhausted = exhaustion(code)
    // Addresses that it does not have yet say nothing.
    if (exhausted) return new Failure(`${message.replace(/ - Local .*$/, '')}: ${exhausted.reason}`, exhausted.hint)
    const zone = missingZone(error)
    if (zone) return new Failure(`${message.replace(/ - Local .*$/, '')}: ${zone.reason}`, zone.hint)
    // Some of the system’s errors, such as an AggregateError, have no text of their own.
    return new Failure(message || code || String(error))
  }

  /** Whatever was thrown over a part of a file, with where that is, such as `FILE:LINE`. */
  static at(where: string, error: unknown): Failure {
    const { message, hint } = Failure.of(error)
    const reason = error instanceof ChannelError ? error.reason : message
    return new Failure(`${where}: ${reason}`, hint)
  }

  /** Writes the error and hint lines to stderr, and returns the exit code. */
  show(): number {
    const hint = this.hint && `hint: ${oneLine(this.hint)}\n`
    process.stderr.write(`error: ${oneLine(this.message)}\n${hint}`)
    return this.exitCode
  }
}

/** Names of files, and what peers send, may have any characters: none of them begins a line, or tells a terminal what to do. */
export function oneLine(text: string): string {
  return printable(text, Number.POSITIVE_INFINITY)
}
