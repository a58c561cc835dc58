import { Caller } from '../ends/caller.js'
import { countFor, interleaved, type Measure, type Setting } from './measure.js'

/** Connections opened, until the server has said over the channel that the client is in; then closed. rate: a second. */
export const handshakes: Measure = {
  name: 'handshakes',
  cases: ({ handshakes }) => handshakes.map(value => ({ name: `${value}`, value })),
  run: interleaved('handshakes'),

  async prepare(setting) {
    const { scale, at } = setting
    const open = (count: number) => openEach(setting, count * at.value, at.value, async caller => caller.close())
    const count = await countFor(scale, open)
    return {
      async run() {
        const started = performance.now()
        await open(count)
        return { rate: (count * at.value * 1000) / (performance.now() - started) }
      },
      release() {},
    }
  },
}

/** Opens so many connections, so many at once, and lets each be used. */
export async function openEach(
  { contestant, keys, port }: Pick<Setting, 'contestant' | 'keys' | 'port'>,
  count: number,
  atOnce: number,
  use: (caller: Caller) => Promise<unknown>,
): Promise<void> {
  let left = count
  const work = async () => {
    while (left > 0) {
      left -= 1
      await use(await Caller.open(contestant, keys, port))
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work))
}
