// npm run bench: the channel beside its rivals, measured in one run. docs/performance.md says what is measured, and how.

import { type Arguments, HELP, readArguments, UsageError } from './arguments.js'
import { loadContestant } from './contestants/list.js'
import { installRivals } from './install.js'
import { MEASURES } from './measures/list.js'
import type { Context } from './measures/measure.js'
import { RESULTS, writePage } from './report/page.js'
import { printable } from './report/tables.js'
import { emptyResults, merge, readResults, writeResults } from './results.js'

// So that what a measure has started ends with it, however it ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  const asked = readArguments(process.argv.slice(2))
  if (asked.todo === 'help') console.log(HELP)
  else if (asked.todo === 'install') installRivals()
  else if (asked.todo === 'page') redraw()
  else await measure(asked)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`error: ${error.message}\nhint: ${error.hint}`)
  process.exitCode = 2
}

async function measure(asked: Arguments): Promise<void> {
  const { scale, json, write } = asked
  if (scale.name !== 'smallest') install()
  const context = await contextOf(asked)
  for (const it of MEASURES) {
    const cases = it.cases(scale).filter(({ name }) => asked.wanted(it.name, name))
    if (cases.length > 0) await it.run(context, cases)
  }
  console.log(printable(context.results))
  const file = json ?? (write ? RESULTS : undefined)
  if (!file) return
  const results = merge(readResults(file), context.results)
  writeResults(file, results)
  if (write) writePage(results)
}

function redraw(): void {
  const results = readResults(RESULTS)
  if (!results) throw new UsageError('there is no bench/results.json', 'measure with --write first')
  writePage(results)
}

function install(): void {
  try {
    installRivals()
  } catch (error) {
    console.error(`${(error as Error).message}: measuring without them`)
  }
}

/** Who can take part, with fresh keys; who cannot is in the results, with the reason. */
async function contextOf({ scale, contestants }: Arguments): Promise<Context> {
  const results = emptyResults()
  const context: Context = { scale, contestants: new Map(), results, say: text => console.error(text) }
  for (const name of contestants) {
    try {
      const contestant = await loadContestant(name)
      context.contestants.set(name, { contestant, keys: await contestant.makeKeys() })
      if (contestant.describe) results.notes[name] = await contestant.describe()
    } catch (error) {
      results.leftOut[name] = (error as Error).message.split('\n')[0]!
      context.say(`${name} left out: ${results.leftOut[name]}`)
    }
  }
  return context
}
