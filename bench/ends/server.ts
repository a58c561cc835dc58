// The server’s process of one contestant.

import type { Keys, Pipe } from '../contestants/contestant.js'
import { loadContestant } from '../contestants/list.js'
import { serveAsks } from './asks.js'
import { pageFaults } from './job.js'
import { respond } from './respond.js'

const contestant = await loadContestant(process.argv[2] ?? '')
let open = 0

export interface Memory {
  /** Of the process, in bytes, once what can be collected has been. */
  resident: number
  /** What the contestant accounts for itself, in bytes. */
  core: number | undefined
}

serveAsks({
  listen: (keys: Keys) => contestant.listen(keys, accept),

  /** Connections. */
  open: () => open,

  faults: pageFaults,

  async memory(): Promise<Memory> {
    await collected()
    return { resident: process.memoryUsage.rss(), core: contestant.coreBytes?.() }
  },
})

function accept(pipe: Pipe): void {
  open += 1
  pipe.once('close', () => {
    open -= 1
  })
  respond(pipe)
}

async function collected(): Promise<void> {
  for (let times = 0; times < 3; times++) {
    globalThis.gc?.()
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
