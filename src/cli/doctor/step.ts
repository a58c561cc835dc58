/** What was tried, and what came of it. */
export interface Step {
  step: string
  /** `unknown`: nothing went wrong, but it does not show either. */
  result: 'ok' | 'unknown' | 'failed'
  /** What was found. */
  found: string
  /** What that means, or what to do about it. */
  means?: string
  milliseconds?: number
}
