import type { Carrier, Pair, Setup } from './carrier.js'
import { type Bench, CASES, type Case } from './cases.js'

/** One line of a runner’s report. */
export interface Result {
  name: string
  error?: string
  ms: number
}

/** The names that a carrier’s report has, in order. */
export function namesOf(carrier: Pick<Carrier, 'name' | 'messages'>): string[] {
  return CASES.filter(it => !it.messages || carrier.messages).map(it => nameOf(carrier, it))
}

/** Runs every case over every carrier, one after the other, and reports each. */
export async function runSuite(
  carriers: Carrier[],
  generateKeyPair: Bench['generateKeyPair'],
  report: (result: Result) => void,
): Promise<void> {
  for (const carrier of carriers) {
    for (const it of CASES.filter(it => !it.messages || carrier.messages)) {
      const started = performance.now()
      const error = await outcome(carrier, it, generateKeyPair)
      report({ name: nameOf(carrier, it), ms: Math.round(performance.now() - started), ...(error && { error }) })
    }
  }
}

/** What is wrong, if anything is. Nothing of a case stays open. */
async function outcome(
  carrier: Carrier,
  { run }: Case,
  generateKeyPair: Bench['generateKeyPair'],
): Promise<string | undefined> {
  const pairs: Pair[] = []
  const connect = async (setup: Setup) => {
    const pair = await carrier.connect(setup)
    pairs.push(pair)
    return pair
  }
  try {
    await run({ connect, generateKeyPair })
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.stack ?? String(error)) : String(error)
  } finally {
    for (const pair of pairs) pair.cut()
  }
}

function nameOf(carrier: Pick<Carrier, 'name'>, { name }: Pick<Case, 'name'>): string {
  return `${carrier.name}: ${name}`
}
