// npm run bench: the channel beside its rivals, measured in one run. docs/performance.md says what is measured, and how.

import { parseArgs } from 'node:util'
import { loadContestant, NAMES } from './contestants/list.js'
import { installRivals } from './install.js'
import { MEASURES } from './measures/list.js'
import type { Context } from './measures/measure.js'
import { RESULTS, writePage } from './report/page.js'
import { printable } from './report/tables.js'
import { emptyResults, merge, readResults, writeResults } from './results.js'
import { SCALES, type Scale } from './scale.js'

const HELP = `usage: npm run bench -- [options]

Measures the channel and its rivals, and prints tables. What the rivals stand on is installed first, into build/bench/contestants.

  --only NAME        one measure, or one case of it: ${MEASURES.map(it => it.name).join(', ')};
                     or for example bulk/64KiB. May be given again
  --contestant NAME  this one alone; may be given again: ${NAMES.join('; ')}
  --rounds N         how often each timed case is run (default 5)
  --quick            less of everything: a look, in under two minutes
  --smallest         a few kilobytes of everything, and nothing installed: shows that it runs, and no more
  --json FILE        writes the results; cases that FILE has of other runs stay
  --write            the same with bench/results.json, then writes docs/performance.md and its pictures from it
  --page             writes these without measuring
  --install          installs what the rivals stand on, and no more
  --help

examples:
  npm run bench -- --quick
  npm run bench -- --only bulk/64KiB --contestant 'nopki, native' --contestant 'TLS, AES-256-GCM'
  npm run bench -- --write       all of it, in about 12 minutes; nothing else should be running`

const values = readArguments()
const only = values.only ?? []
const scale = scaleOf(values)

if (values.help) console.log(HELP)
else if (values.install) installRivals()
else if (values.page)
  writePage(readResults(RESULTS) ?? fail('there is no bench/results.json', 'measure with --write first'))
else await measure()

async function measure(): Promise<void> {
  if (scale.name !== 'smallest') install()
  const context = await contextOf(values.contestant ?? NAMES)
  for (const it of MEASURES) {
    const cases = it.cases(scale).filter(({ name }) => isWanted(it.name, name))
    if (cases.length > 0) await it.run(context, cases)
  }
  console.log(printable(context.results))
  const file = values.json ?? (values.write ? RESULTS : undefined)
  if (!file) return
  const results = merge(readResults(file), context.results)
  writeResults(file, results)
  if (values.write) writePage(results)
}

function install(): void {
  try {
    installRivals()
  } catch (error) {
    console.error(`${(error as Error).message}: measuring without them`)
  }
}

/** Who can take part, with fresh keys; who cannot is in the results, with the reason. */
async function contextOf(names: string[]): Promise<Context> {
  const results = emptyResults()
  const context: Context = { scale, contestants: new Map(), results, say: text => console.error(text) }
  for (const name of names) {
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

function isWanted(measure: string, at: string): boolean {
  return only.length === 0 || only.includes(measure) || only.includes(`${measure}/${at}`)
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        contestant: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        quick: { type: 'boolean', default: false },
        smallest: { type: 'boolean', default: false },
        json: { type: 'string' },
        write: { type: 'boolean', default: false },
        page: { type: 'boolean', default: false },
        install: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return fail((error as Error).message.split('. ')[0]!)
  }
}

function scaleOf({ rounds, quick, smallest, write, json, contestant = [] }: typeof values): Scale {
  if (quick && smallest) fail('--quick and --smallest are given together')
  if (write && (quick || smallest)) fail('the page is not written from a short run', 'leave --write out')
  if (write && json) fail('--write and --json are given together', '--write keeps its results in bench/results.json')
  if (write && contestant.length > 0) fail('--write with --contestant', 'the page compares contestants within one run')
  const chosen = quick ? SCALES.quick : smallest ? SCALES.smallest : SCALES.full
  for (const name of contestant) if (!NAMES.includes(name)) fail(`there is no contestant ${name}`, NAMES.join('; '))
  for (const wanted of only) {
    const [name, ...at] = wanted.split('/')
    const cases = MEASURES.find(it => it.name === name)?.cases(chosen)
    if (!cases) fail(`there is no measure ${name}`, `there are ${MEASURES.map(it => it.name).join(', ')}`)
    if (at.length > 0 && !cases.some(it => it.name === at.join('/'))) {
      fail(`${name} has no case ${at.join('/')}`, `it has ${cases.map(it => it.name).join(', ')}`)
    }
  }
  if (rounds === undefined) return chosen
  if (!/^[1-9]\d{0,3}$/.test(rounds)) fail(`--rounds is ${rounds}`, 'it is a number from 1 to 9999')
  return { ...chosen, rounds: Number(rounds) }
}

function fail(message: string, hint = 'npm run bench -- --help has them all'): never {
  console.error(`error: ${message}\nhint: ${hint}`)
  process.exit(2)
}
