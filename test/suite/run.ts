import type { Carrier, Pair, Setup } from './carrier.js'
import type { Bench, Case } from './cases.js'
import { planFor } from './plan.js'

/** One line of a runner’s report. */
export interface Result {
  name: string
  error?: string
  ms: number
}

/** Runs what is planned for a runtime, one case after the other, and reports each. */
export async function runSuite(
  runtime: string,
  carriers: Readonly<Record<string, Carrier>>,
  generateKeyPair: Bench['generateKeyPair'],
  report: (result: Result) => void,
): Promise<void> {
  for (const { name, carrier, it } of planFor(runtime)) {
    const started = performance.now()
    const error = await outcome(carriers[carrier], it, generateKeyPair)
    report({ name, ms: Math.round(performance.now() - started), ...(error && { error }) })
  }
}

/** What is wrong, if anything is. Nothing of a case stays open. */
async function outcome(
  carrier: Carrier | undefined,
  { run }: Case,
  generateKeyPair: Bench['generateKeyPair'],
): Promise<string | undefined> {
  if (!carrier) return 'the runner has no such carrier'
  const pairs: Pair[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened within ${LIMIT_MS} ms`)), LIMIT_MS)
  })
  const connect = async (setup: Setup) => {
    const pair = await carrier(setup)
    pairs.push(pair)
    return pair
  }
  try {
    await Promise.race([run({ connect, generateKeyPair }), hung])
    return undefined
  } catch (error) {
    return describe(error)
  } finally {
    clearTimeout(timer)
    for (const pair of pairs) pair.cut()
  }
}

/** With its message, which is not in the stack of every engine. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { stack = '' } = error
  return stack.startsWith(String(error)) ? stack : `${error}\n${stack}`
}

const LIMIT_MS = 60_000
