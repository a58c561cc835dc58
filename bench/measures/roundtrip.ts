import { Caller } from '../ends/caller.js'
import { sizeName } from '../scale.js'
import { quantile } from '../stats.js'
import { cipherAlone } from './cipher-alone.js'
import { countFor, interleaved, type Measure } from './measure.js'

/** A message there and back, one at a time. p50, p99: microseconds. */
export const roundtrip: Measure = {
  name: 'roundtrip',
  cases: ({ messages }) => messages.map(value => ({ name: sizeName(value), value })),
  run: interleaved('roundtrip', cipherAlone),

  async prepare({ contestant, keys, port, scale, at }) {
    const caller = await Caller.open(contestant, keys, port)
    const count = await countFor(scale, times => caller.echo(at.value, times))
    return {
      async run() {
        const times = await caller.echo(at.value, count)
        return { p50: quantile(times, 0.5) * 1000, p99: quantile(times, 0.99) * 1000 }
      },
      release: () => caller.close(),
    }
  },
}
