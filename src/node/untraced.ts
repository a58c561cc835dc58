/** Runs `work`, whose error is what became of a connection: where this program was then says nothing, and costs as much as a close. */
export function untraced<T>(work: () => T): T {
  const { stackTraceLimit } = Error
  // It may be frozen.
  if (!Reflect.set(Error, 'stackTraceLimit', 0)) return work()
  try {
    return work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
