// Which test files reach which changes, as V8's coverage has it, of child processes too.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTest } from './run.js'

/**
 * @typedef {{ startOffset: number, endOffset: number, count: number }} Range
 * @typedef {{ url: string, functions: { ranges: Range[] }[] }} Script
 * @typedef {{ id: number, file: string, start: number }} Placed
 * @typedef {{ seconds: number, silence?: number, reached: number[], failed?: string }} Reach
 */

/**
 * Runs a test file on what is built, and finds which of the changes stand in what it has run.
 * @param {string} sandbox @param {string} test @param {Placed[]} changes @param {number} limit in s
 * @returns {Promise<Reach>}
 */
export async function reachOf(sandbox, test, changes, limit) {
  const folder = mkdtempSync(join(tmpdir(), 'nopki-reach-'))
  // Tests run programs as other users.
  chmodSync(folder, 0o777)
  try {
    const { passed, hung, seconds, silence, output } = await runTest(sandbox, test, limit, { NODE_V8_COVERAGE: folder })
    if (!passed) return { seconds, reached: [], failed: hung ? 'it takes too long' : output.slice(-2000) }
    /** @type {Set<number>} */
    const reached = new Set()
    for (const name of readdirSync(folder)) {
      for (const script of scriptsOf(join(folder, name))) {
        const [, file] = /\/build\/(src\/.*\.js)$/.exec(script.url) ?? []
        if (!file || !script.url.includes(sandbox)) continue
        for (const it of changes)
          if (it.file === file && !reached.has(it.id) && ran(script, it.start)) reached.add(it.id)
      }
    }
    return { seconds, silence, reached: [...reached].sort((a, b) => a - b) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {string} path @returns {Script[]} */
function scriptsOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).result
  } catch {
    // Of a process that was killed while it wrote.
    return []
  }
}

/** The smallest range around a place says whether it ran. @param {Script} script @param {number} place */
function ran({ functions }, place) {
  let smallest = Number.POSITIVE_INFINITY
  let count = 0
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count: times } of ranges) {
      if (place < startOffset || place >= endOffset || endOffset - startOffset > smallest) continue
      smallest = endOffset - startOffset
      count = times
    }
  }
  return count > 0
}
