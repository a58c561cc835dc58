// npm run mutate: changes what is built, one place at a time, runs the test files that reach it, and prints which changes no test
// notices. What was found is kept in build/mutate/: the same call goes on where an earlier one was stopped.

import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { changesOf } from './changes.js'
import { reachOf } from './reach.js'
import { makeSandbox, ROOT, runTest } from './run.js'

/**
 * @typedef {import('./changes.js').Change & { id: number, file: string, line: number }} Mutant
 * @typedef {{ id: number, verdict: 'caught' | 'survived' | 'unreached', by?: string, tests?: number, left?: number }} Result
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    sample: { type: 'string', default: '300' },
    // Files with this in their name.
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '1' },
    // Of tests for one change, in seconds, as they take unchanged: the quickest run first, and what is behind this does not.
    limit: { type: 'string', default: '180' },
    // A test file that takes longer is left out, in seconds.
    slowest: { type: 'string', default: '60' },
  },
})
const jobs = Number(values.jobs)
const limit = Number(values.limit)
const slowest = Number(values.slowest)
const FOLDERS = ['engine', 'channel', 'keys', 'inspect', 'node', 'web']
// They start runtimes that V8's coverage does not see into, or measure, or are about the package.
const NOT_RUN = /^(?:suite\.(?!node)|slow\.|matrix|bench|package|recipes|readme|loading|workers|docs|cli-docs|examples)/

setPriority(19)
const mutants = allMutants()
const tests = readdirSync(join(ROOT, 'build/test'), { recursive: true, encoding: 'utf8' }).filter(
  it => it.endsWith('.test.js') && !NOT_RUN.test(basename(it)),
)
const build = hashOf(mutants.map(it => `${it.file}:${it.start}:${it.what}`).join('\n'))
const hashes = new Map(tests.map(it => [it, hashOf(readFileSync(join(ROOT, 'build/test', it)))]))
/** What a change has survived: a test that is written for it has it tried again. */
const against = hashOf([...hashes.values(), limit, slowest].join())
const store = join(ROOT, 'build/mutate')
mkdirSync(store, { recursive: true })

const reach = await allReach()
const chosen = sampleOf(
  mutants.filter(it => it.file.includes(values.only)),
  Number(values.sample),
  Number(values.seed),
)
console.log(`${mutants.length} changes in all; ${chosen.length} of them, --seed ${values.seed}`)
const results = await allResults()
report()

/** @returns {Mutant[]} */
function allMutants() {
  /** @type {Mutant[]} */
  const all = []
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(ROOT, 'build/src', folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!name.endsWith('.js')) continue
      const file = `src/${folder}/${name}`
      const code = readFileSync(join(ROOT, 'build', file), 'utf8')
      for (const change of changesOf(code)) {
        all.push({ ...change, id: all.length, file, line: code.slice(0, change.start).split('\n').length })
      }
    }
  }
  return all
}

/** @returns {Promise<Map<string, import('./reach.js').Reach>>} */
async function allReach() {
  const path = join(store, `reach-${build}.jsonl`)
  const found = new Map(
    linesOf(path)
      .filter(it => it.hash === hashes.get(it.test))
      .map(({ test, ...it }) => [test, it]),
  )
  const missing = tests.filter(it => !found.has(it))
  await inSandboxes(missing, async (sandbox, test) => {
    const it = await reachOf(sandbox, test, mutants, slowest * 1000)
    found.set(test, it)
    appendFileSync(path, `${JSON.stringify({ test, hash: hashes.get(test), ...it })}\n`)
    console.log(`${test}: ${it.seconds.toFixed(1)} s, reaches ${it.reached.length}`)
  })
  for (const [test, { failed }] of found)
    if (failed) console.log(`left out: ${test}: ${failed.trim().split('\n').pop()}`)
  return found
}

/** @returns {Promise<Map<number, Result>>} */
async function allResults() {
  const path = join(store, `results-${build}.jsonl`)
  const found = new Map(
    linesOf(path)
      .filter(it => it.verdict === 'caught' || it.against === against)
      .map(it => [it.id, it]),
  )
  await inSandboxes(
    chosen.filter(it => !found.has(it.id)),
    async (sandbox, mutant) => {
      const result = await judge(sandbox, mutant)
      found.set(mutant.id, result)
      appendFileSync(path, `${JSON.stringify({ ...result, against })}\n`)
      if (result.verdict !== 'caught') console.log(describe(mutant, result))
    },
  )
  return found
}

/** @param {string} sandbox @param {Mutant} mutant @returns {Promise<Result>} */
async function judge(sandbox, { id, file, start, end, text }) {
  const reaching = [...reach]
    .filter(([, it]) => !it.failed && it.reached.includes(id))
    .sort(([a, one], [b, other]) => Number(isAbout(b, file)) - Number(isAbout(a, file)) || one.seconds - other.seconds)
  if (reaching.length === 0) return { id, verdict: 'unreached' }
  const path = join(sandbox, 'build', file)
  const code = readFileSync(path, 'utf8')
  writeFileSync(path, code.slice(0, start) + text + code.slice(end))
  try {
    let spent = 0
    let ran = 0
    for (const [test, { seconds }] of reaching) {
      if (ran > 0 && spent + seconds > limit) break
      spent += seconds
      ran++
      const { passed, hung } = await runTest(sandbox, test, 10_000 + 4000 * seconds)
      if (!passed) return { id, verdict: 'caught', by: hung ? `${test}, which hung` : test, tests: ran }
    }
    return { id, verdict: 'survived', tests: ran, left: reaching.length - ran }
  } finally {
    writeFileSync(path, code)
  }
}

/** Whether a test file’s name has a word of the changed file’s path: it is the likeliest to notice. @param {string} test @param {string} file */
function isAbout(test, file) {
  const words = new Set(
    file
      .replace(/^src|\.js$/g, '')
      .split(/\W+/)
      .filter(Boolean),
  )
  return test.split(/\W+/).some(it => words.has(it))
}

/** @template T @param {T[]} items @param {(sandbox: string, item: T) => Promise<void>} work */
async function inSandboxes(items, work) {
  const left = [...items]
  const one = async () => {
    if (left.length === 0) return
    const sandbox = makeSandbox()
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(sandbox, next)
  }
  await Promise.all(Array.from({ length: jobs }, one))
}

function report() {
  const all = chosen.map(it => /** @type {Result} */ (results.get(it.id)))
  const count = (/** @type {string} */ verdict) => all.filter(it => it.verdict === verdict).length
  const survivors = chosen.filter(it => results.get(it.id)?.verdict !== 'caught')
  console.log(
    `\nNo test notices:\n${survivors.map(it => describe(it, /** @type {Result} */ (results.get(it.id)))).join('\n')}`,
  )
  const score = ((100 * count('caught')) / all.length).toFixed(1)
  console.log(
    `\n${score} % of ${all.length} are caught; ${count('survived')} survive, ${count('unreached')} are reached by no test`,
  )
  console.log(`--seed ${values.seed} --sample ${values.sample}, build ${build}`)
}

/** @param {Mutant} mutant @param {Result} result */
function describe({ id, file, line, what }, { verdict, tests: ran, left }) {
  const how =
    verdict === 'unreached' ? 'reached by none' : `${ran} test files${left ? `, ${left} slower ones not run` : ''}`
  return `#${id} build/${file}:${line}: ${what} (${how})`
}

/** @template T @param {T[]} items @param {number} count @param {number} seed @returns {T[]} */
function sampleOf(items, count, seed) {
  const random = randomFrom(seed)
  const left = [...items]
  const taken = []
  while (taken.length < count && left.length > 0)
    taken.push(.../** @type {T[]} */ (left.splice(Math.floor(random() * left.length), 1)))
  return taken
}

/** Mulberry32. @param {number} seed @returns {() => number} from 0 up to 1 */
function randomFrom(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @param {string | Buffer} data */
function hashOf(data) {
  return createHash('sha256').update(data).digest('hex').slice(0, 12)
}

/** @param {string} path @returns {any[]} */
function linesOf(path) {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}
