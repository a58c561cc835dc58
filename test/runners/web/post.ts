let posted: Promise<unknown> = Promise.resolve()

/** Tells a line to where this page has come from. Lines come in order; the last promise is kept when all have. */
export function post(line: object): Promise<unknown> {
  posted = posted.then(() => fetch('/report', { method: 'POST', body: JSON.stringify(line) }))
  return posted
}

export const allPosted = (): Promise<unknown> => posted
