// One change, and the test files that may notice it.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outcomeOf, runTest } from './run.js'

/**
 * @typedef {import('./mutants.js').Mutant} Mutant
 * @typedef {Map<string, import('./reach.js').Reach>} AllReach
 * @typedef {{
 *   id: number, verdict: 'caught' | 'survived' | 'unreached', by?: string, passed: Record<string, string>, left?: number
 * }} Result `passed`: the test files that it has passed, as they were then; `left`: how many slower ones reach it, and did not run
 * @typedef {{ reach: AllReach, hashes: Map<string, string>, limit: number, unseen: string[] }} Tests `unseen`: those whose reach is not seen
 */

/**
 * Runs them until one fails: first the test files that have caught most in this file, then those of its name, and the quickest first.
 * @param {string} sandbox @param {Mutant} mutant @param {Tests} tests @param {Result | undefined} before what it has survived already
 * @param {Map<string, number>} catches of test files, in the same file
 * @returns {Promise<Result>}
 */
export async function judge(sandbox, mutant, { reach, hashes, limit, unseen }, before, catches) {
  const { id, file, start, end, text } = mutant
  const reaching = [...reach]
    .filter(([, it]) => !it.failed && it.reached.includes(id))
    .map(([test, { seconds, silence }]) => ({ test, seconds, silence: silence ?? seconds }))
  const seen = reaching.length > 0
  if (!seen) reaching.push(...unseen.map(test => ({ test, seconds: 0, silence: SILENCE_UNSEEN })))
  const rank = (/** @type {string} */ test) => (catches.get(test) ?? 0) + Number(isAbout(test, file))
  reaching.sort((a, b) => rank(b.test) - rank(a.test) || a.seconds - b.seconds)
  const path = join(sandbox, 'build', file)
  const code = readFileSync(path, 'utf8')
  const change = () => writeFileSync(path, code.slice(0, start) + text + code.slice(end))
  const restore = () => writeFileSync(path, code)
  const passed = { ...before?.passed }
  let spent = 0
  let left = 0
  change()
  try {
    for (const [at, { test, seconds, silence }] of reaching.entries()) {
      if (at > 0 && spent + seconds > limit) left++
      else {
        spent += seconds
        const hash = hashes.get(test) ?? ''
        if (passed[test] === hash) continue
        const patience = 5 + 3 * silence
        const outcome = await outcomeOf(sandbox, test, patience)
        const caught = outcome === 'fails' || (outcome === 'hangs' && (await passesUnchanged(test, patience)))
        if (caught) return { id, verdict: 'caught', by: `${test} ${outcome}`, passed }
        passed[test] = hash
      }
    }
    return { id, verdict: seen ? 'survived' : 'unreached', passed, left }
  } finally {
    restore()
  }

  /** Silence may be the machine's. @param {string} test @param {number} patience */
  async function passesUnchanged(test, patience) {
    restore()
    const it = await runTest(sandbox, test, patience)
    change()
    return it.passed
  }
}

/** Whether a test file’s name has a word of the changed file’s path. @param {string} test @param {string} file */
function isAbout(test, file) {
  const words = new Set(
    file
      .replace(/^src|\.js$/g, '')
      .split(/\W+/)
      .filter(Boolean),
  )
  return test.split(/\W+/).some(it => words.has(it))
}

/** What other runtimes may take to start, in s. */
const SILENCE_UNSEEN = 30
