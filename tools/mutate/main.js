// npm run mutate: changes what is built, one place at a time, runs the test files that reach it, and prints which changes no test
// notices. What was found is kept in build/mutate/: the same call goes on where an earlier one was stopped.

import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { judge } from './judge.js'
import { allMutants, sampleOf } from './mutants.js'
import { reachOf } from './reach.js'
import { makeSandbox, ROOT } from './run.js'

/**
 * @typedef {import('./mutants.js').Mutant} Mutant
 * @typedef {import('./judge.js').Result} Result
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    sample: { type: 'string', default: '300' },
    // Files with this in their name.
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '1' },
    // Of tests for one change, in seconds, as they take unchanged: what is behind this does not run.
    limit: { type: 'string', default: '180' },
    // A test file that takes longer is left out, in seconds.
    slowest: { type: 'string', default: '60' },
    // What no test is seen to reach is tried on those of other runtimes, whose reach is not seen.
    unseen: { type: 'boolean', default: false },
  },
})
const slowest = Number(values.slowest)
const FOLDERS = ['engine', 'channel', 'keys', 'inspect', 'node', 'web']
// They start runtimes that V8's coverage does not see into.
const UNSEEN = /^(?:suite\.(?!node)|(?:readme|bun-websocket)\.runtimes|loading|workers)/
// They measure, take long, or are about the package.
const NOT_RUN = /^(?:slow\.|matrix|bench|package|recipes|readme|docs|cli-docs|examples)/

// Whoever has called it with less has reason to.
setPriority(Math.max(5, getPriority()))
const mutants = allMutants(FOLDERS)
const files = readdirSync(join(ROOT, 'build/test'), { recursive: true, encoding: 'utf8' }).filter(it =>
  it.endsWith('.test.js'),
)
const unseen = files.filter(it => UNSEEN.test(basename(it)))
const tests = files.filter(it => !NOT_RUN.test(basename(it)) && !unseen.includes(it))
const build = hashOf(mutants.map(it => `${it.file}:${it.start}:${it.what}`).join('\n'))
const hashes = new Map(files.map(it => [it, hashOf(readFileSync(join(ROOT, 'build/test', it)))]))
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
    const it = await reachOf(sandbox, test, mutants, slowest)
    found.set(test, it)
    appendFileSync(path, `${JSON.stringify({ test, hash: hashes.get(test), ...it })}\n`)
    console.log(`${test}: ${it.seconds.toFixed(1)} s, reaches ${it.reached.length}`)
  })
  for (const [test, it] of found) {
    const why = it.failed?.trim().split('\n').pop() ?? (it.seconds > slowest ? 'it takes too long' : undefined)
    if (why === undefined) continue
    console.log(`left out: ${test}: ${why}`)
    found.delete(test)
  }
  return found
}

/** @returns {Promise<Map<number, Result>>} */
async function allResults() {
  const path = join(store, `results-${build}.jsonl`)
  /** @type {Map<number, Result>} */
  const found = new Map(linesOf(path).map(it => [it.id, it]))
  const todo = chosen.filter(it => found.get(it.id)?.verdict !== 'caught')
  await inSandboxes(todo, async (sandbox, mutant) => {
    const before = found.get(mutant.id)
    const given = { reach, hashes, limit: Number(values.limit), unseen: values.unseen ? unseen : [] }
    const result = await judge(sandbox, mutant, given, before, catchesIn(mutant.file, found))
    found.set(mutant.id, result)
    appendFileSync(path, `${JSON.stringify(result)}\n`)
    if (result.verdict !== 'caught') console.log(describe(mutant, result))
  })
  return found
}

/** How many changes of a file each test file has caught. @param {string} file @param {Map<number, Result>} found */
function catchesIn(file, found) {
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const { id, by } of found.values()) {
    const test = by?.split(' ')[0]
    if (test && mutants[id]?.file === file) counts.set(test, (counts.get(test) ?? 0) + 1)
  }
  return counts
}

/** @template T @param {T[]} items @param {(sandbox: string, item: T) => Promise<void>} work */
async function inSandboxes(items, work) {
  const left = [...items]
  const one = async () => {
    if (left.length === 0) return
    const sandbox = makeSandbox()
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(sandbox, next)
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, one))
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
function describe({ id, file, line, what }, { verdict, passed, left }) {
  const ran = `${Object.keys(passed).length} test files${left ? `, ${left} slower ones not run` : ''}`
  const how = verdict === 'unreached' ? `seen to be reached by none, ${ran}` : ran
  return `#${id} build/${file}:${line}: ${what} (${how})`
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
