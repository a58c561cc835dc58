// The client’s process of one contestant: prepares one case of a measure, and runs it round by round.

import { loadContestant } from '../contestants/list.js'
import { MEASURES } from '../measures/list.js'
import type { Prepared, Setting } from '../measures/measure.js'
import { serveAsks } from './asks.js'

const contestant = await loadContestant(process.argv[2] ?? '')
let prepared: Prepared | undefined

serveAsks({
  async prepare({ measure, ...setting }: Omit<Setting, 'contestant'> & { measure: string }) {
    const found = MEASURES.find(it => it.name === measure)
    if (!found?.prepare) throw new Error(`${measure} has nothing to prepare`)
    prepared = await found.prepare({ ...setting, contestant })
  },

  core: () => contestant.coreBytes?.(),

  run: () => prepared?.run(),

  async release() {
    await prepared?.release()
    prepared = undefined
  },
})
