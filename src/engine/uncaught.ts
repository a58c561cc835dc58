/** Calls a function of the user's for what it does. What it throws is reported as an exception that nobody has caught. */
export function callApart(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
