import { ChannelError, OUTSIDE } from '../../errors.js'

/** A file is not what it should be. `reason` names it, and the line. */
export function badFile(reason: string, next?: string): ChannelError {
  return new ChannelError('USE_BAD_FILE', reason, next ? { next } : OUTSIDE.USE_BAD_FILE)
}

/** The same for what was thrown over a part of a file; `where` is such as `FILE:LINE`. */
export function badFileAt(where: string, error: unknown): ChannelError {
  const { reason, next } = told(error)
  return badFile(`${where}: ${reason}`, next)
}

/** What an error says, and what to do. */
export function told(error: unknown): { reason: string; next: string } {
  if (!(error instanceof ChannelError)) return { reason: (error as Error).message, next: '' }
  const { code, reason, message } = error
  return { reason, next: message.slice(`${code}: ${reason}; `.length) }
}
