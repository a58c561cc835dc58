import type { Caller } from '../ends/caller.js'
import { TAKE } from '../ends/job.js'
import { openEach } from './handshakes.js'
import { interleaved, type Measure } from './measure.js'

/** A fixed load shared evenly by connections that are open already. rate: MB/s of all of them together. */
export const many: Measure = {
  name: 'connections',
  cases: ({ connections }) => connections.map(value => ({ name: `${value}`, value })),
  run: interleaved('connections'),

  async prepare(setting) {
    const { scale, at } = setting
    const callers: Caller[] = []
    await openEach(setting, at.value, AT_ONCE, async caller => callers.push(caller))
    const bytes = WRITE * Math.ceil(scale.load / WRITE / at.value)
    const run = async () => {
      const started = performance.now()
      await Promise.all(callers.map(caller => caller.move({ mode: TAKE, write: WRITE, bytes })))
      return { rate: (bytes * at.value) / 1e3 / (performance.now() - started) }
    }
    await run()
    return {
      run,
      release() {
        for (const caller of callers) caller.close()
      },
    }
  },
}

const WRITE = 16 * 1024
const AT_ONCE = 32
