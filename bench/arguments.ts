import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { NAMES } from './contestants/list.js'
import { MEASURES } from './measures/list.js'
import { readResults } from './results.js'
import { SCALES, type Scale } from './scale.js'

export const HELP = `usage: npm run bench -- [options]

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
  npm run bench -- --write       all of it, in about 16 minutes; nothing else should be running`

/** What the command was asked for, found sound. */
export interface Arguments {
  todo: 'help' | 'install' | 'page' | 'measure'
  scale: Scale
  contestants: string[]
  /** Whether a case of a measure is to be run. */
  wanted(measure: string, at: string): boolean
  json: string | undefined
  write: boolean
}

/** An error of whoever called the command, with what to do about it. */
export class UsageError extends Error {
  readonly hint: string

  constructor(message: string, hint = 'npm run bench -- --help has them all') {
    super(message)
    this.hint = hint
  }
}

/** @throws UsageError */
export function readArguments(args: string[]): Arguments {
  const values = parse(args)
  const { only = [], contestant: contestants = NAMES, json, write, help, install, page } = values
  for (const name of contestants) {
    if (!NAMES.includes(name)) throw new UsageError(`there is no contestant ${name}`, NAMES.join('; '))
  }
  if (write) checkWrite(values)
  if (json !== undefined) checkFile(json)
  const scale = scaleOf(values)
  checkOnly(only, scale)
  return {
    todo: help ? 'help' : install ? 'install' : page ? 'page' : 'measure',
    scale,
    contestants,
    wanted: (measure, at) => only.length === 0 || only.includes(measure) || only.includes(`${measure}/${at}`),
    json,
    write,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
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
    throw new UsageError((error as Error).message.split('. ')[0]!)
  }
}

type Values = ReturnType<typeof parse>

function checkWrite({ quick, smallest, json, contestant }: Values): void {
  if (quick || smallest) throw new UsageError('the page is not written from a short run', 'leave --write out')
  if (json !== undefined) {
    throw new UsageError('--write and --json are given together', '--write keeps its results in bench/results.json')
  }
  if (contestant) throw new UsageError('--write with --contestant', 'the page compares contestants within one run')
}

/** Before minutes are spent on what could then not be kept. */
function checkFile(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK)
    readResults(file)
  } catch (error) {
    throw new UsageError(
      `${file} cannot be used: ${(error as Error).message}`,
      'name a file of an earlier --json, or a new one',
    )
  }
}

function scaleOf({ rounds, quick, smallest }: Values): Scale {
  if (quick && smallest) throw new UsageError('--quick and --smallest are given together')
  const scale = quick ? SCALES.quick : smallest ? SCALES.smallest : SCALES.full
  if (rounds === undefined) return scale
  if (!/^[1-9]\d{0,3}$/.test(rounds)) throw new UsageError(`--rounds is ${rounds}`, 'it is a number from 1 to 9999')
  return { ...scale, rounds: Number(rounds) }
}

function checkOnly(only: string[], scale: Scale): void {
  for (const wanted of only) {
    const [name, ...at] = wanted.split('/')
    const cases = MEASURES.find(it => it.name === name)?.cases(scale)
    if (!cases)
      throw new UsageError(`there is no measure ${name}`, `there are ${MEASURES.map(it => it.name).join(', ')}`)
    if (at.length > 0 && !cases.some(it => it.name === at.join('/'))) {
      throw new UsageError(`${name} has no case ${at.join('/')}`, `it has ${cases.map(it => it.name).join(', ')}`)
    }
  }
}
