import { test } from 'uvu'

const told = new Set<string>()

/** Skips a test for a reason, which is said once; tools/test.js shows it. */
export function skipped(name: string, reason: string): void {
  if (!told.has(reason)) console.log(`skipped: ${reason}`)
  told.add(reason)
  test.skip(name)
}
