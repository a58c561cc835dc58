// All changes to what is built, and a lot drawn of them.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { changesOf } from './changes.js'
import { ROOT } from './run.js'

/** @typedef {import('./changes.js').Change & { id: number, file: string, line: number }} Mutant */

/** @param {string[]} folders of build/src/ @returns {Mutant[]} */
export function allMutants(folders) {
  /** @type {Mutant[]} */
  const all = []
  for (const folder of folders) {
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

/** @template T @param {T[]} items @param {number} count @param {number} seed @returns {T[]} */
export function sampleOf(items, count, seed) {
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
