import type { Memory } from '../ends/server.js'
import { openEach } from './handshakes.js'
import { attempt, type Case, type Context, type Measure, startEnds } from './measure.js'
import { allClosed } from './memory.js'

/**
 * Connections each opened, used for one message, and closed: the wasm core's own account of memory in use in the server's and in
 * the client's process, before and after, in bytes. Contestants that keep no account have no row.
 */
export const churn: Measure = {
  name: 'churn',
  cases: ({ churn: value }) => (value ? [{ name: `${value}`, value }] : []),

  async run(context, [at]) {
    if (!at) return
    for (const [name, { contestant }] of context.contestants) {
      if (!contestant.coreBytes) continue
      await attempt(context, `churn/${at.name}: ${name}`, () => openAndClose(context, name, at))
    }
  },

  async prepare(setting) {
    const use = (count: number) =>
      openEach(setting, count, AT_ONCE, async caller => {
        await caller.echo(MESSAGE, 1)
        caller.close()
      })
    // The first ones fill the pools.
    await use(Math.min(setting.at.value, AT_ONCE))
    return {
      async run() {
        const started = performance.now()
        await use(setting.at.value)
        return { seconds: (performance.now() - started) / 1000 }
      },
      release() {},
    }
  },
}

async function openAndClose({ contestants, scale, results, say }: Context, name: string, at: Case): Promise<void> {
  const keys = contestants.get(name)?.keys
  const [server, client] = await startEnds(name, ['--expose-gc'])
  try {
    const port = await server.ask<number>('listen', keys)
    const core = async () => {
      await allClosed(server)
      return { server: (await server.ask<Memory>('memory')).core ?? 0, client: await client.ask<number>('core') }
    }
    await client.ask('prepare', { measure: 'churn', keys, port, scale, at })
    const before = await core()
    const { seconds } = await client.ask<{ seconds: number }>('run')
    const after = await core()
    const sample = {
      serverBefore: before.server,
      serverAfter: after.server,
      clientBefore: before.client,
      clientAfter: after.client,
      seconds,
    }
    results.rows.push({ measure: 'churn', case: at.name, contestant: name, samples: [sample] })
  } finally {
    await client.stop()
    await server.stop()
  }
  say(`churn: ${name}`)
}

const MESSAGE = 64
const AT_ONCE = 64
