// The suite’s own assertions: it runs where no test framework does.

export function equal(actual: unknown, expected: unknown, what: string): void {
  const [is, wanted] = [show(actual), show(expected)]
  if (is !== wanted) throw new Error(`${what}: ${is}, not ${wanted}`)
}

export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`)
}

/** Awaits a failure with this code (of a ChannelError) or name (of an AbortError), and gives the error. */
export async function fails(promise: Promise<unknown>, code: string, what = 'this'): Promise<Failed> {
  const error = await promise.then(
    value => {
      throw new Error(`${what} gave ${show(value)}, and did not fail with ${code}`)
    },
    (reason: Failed) => reason,
  )
  if (error.code !== code && error.name !== code) throw new Error(`${what} failed with ${error}, not ${code}`)
  return error
}

export interface Failed extends Error {
  code?: unknown
  alert?: { code: number; text: string }
}

export function hex(bytes: Uint8Array | undefined): string {
  return bytes ? Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('') : 'none'
}

function show(value: unknown): string {
  return value instanceof Uint8Array ? hex(value) : typeof value === 'string' ? value : JSON.stringify(value)
}
