import type { Contestant, Keys } from '../contestants/contestant.js'
import { End } from '../ends/asks.js'
import type { Results, Sample } from '../results.js'
import type { Scale } from '../scale.js'

/** One column of a measure's table. */
export interface Case {
  name: string
  /** Bytes, or how many: the measure knows. */
  value: number
}

/** One thing that is measured. Its name is what `--only` takes. */
export interface Measure {
  name: string
  cases(scale: Scale): Case[]
  run(context: Context, cases: Case[]): Promise<void>
  /** In the client's process: makes one case ready to be run again and again. */
  prepare?(setting: Setting): Promise<Prepared>
}

export interface Context {
  scale: Scale
  /** Who takes part, and with which keys. */
  contestants: Map<string, { contestant: Contestant; keys: Keys }>
  results: Results
  say(text: string): void
}

/** What a client's process knows of a case. */
export interface Setting {
  contestant: Contestant
  keys: Keys
  port: number
  scale: Scale
  at: Case
}

export interface Prepared {
  run(): Promise<Sample>
  release(): Promise<void> | void
}

/** Who takes part in a case, and what it is asked to run there. */
interface Runner {
  name: string
  end: End
  /** If it has one of its own, which the measure has not started. */
  server?: End
  request: object
}

/** Both processes of every contestant, for as long as `use` takes. */
async function withEnds(
  context: Context,
  measure: string,
  use: (runners: Map<string, Runner>) => Promise<void>,
): Promise<void> {
  const ends: End[] = []
  const runners = new Map<string, Runner>()
  try {
    for (const [name, { keys }] of context.contestants) {
      await attempt(context, `${measure}: ${name}`, async () => {
        const [server, end] = await startEnds(name)
        ends.push(server, end)
        const port = await server.ask<number>('listen', keys)
        runners.set(name, { name, end, request: { keys, port, scale: context.scale } })
      })
    }
    await use(runners)
  } finally {
    for (const end of ends) await end.stop()
  }
}

/** The server’s and the client’s process of one contestant. */
export async function startEnds(name: string, serverFlags: string[] = []): Promise<[End, End]> {
  return Promise.all([End.start('server', name, serverFlags), End.start('client', name)])
}

/** Case by case, round by round: all contestants take turns, and each round begins with another, so that drift hits all alike. */
export function interleaved(measure: string, alongside?: Alongside) {
  return (context: Context, cases: Case[]) =>
    withEnds(context, measure, async runners => {
      const others = (await alongside?.start(context)) ?? []
      try {
        for (const at of cases) {
          const here = others.filter(() => alongside?.where(at))
          await runCase(context, measure, at, [...runners.values(), ...here])
        }
      } finally {
        for (const { end, server } of others) await Promise.all([end.stop(), server?.stop()])
      }
    })
}

/** What takes turns with the contestants in some cases, without being one. */
export interface Alongside {
  start(context: Context): Promise<Runner[]>
  where(at: Case): boolean
}

/** Who fails is left out, and the results say why; the others go on. */
export async function attempt({ results, say }: Context, where: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    results.leftOut[where] = (error as Error).message
    say(`left out: ${where}: ${results.leftOut[where]}`)
    return false
  }
}

async function runCase(context: Context, measure: string, at: Case, runners: Runner[]): Promise<void> {
  const { results, scale } = context
  const samples = new Map<string, Sample[]>()
  const inTurn = async ({ name }: Runner, work: () => Promise<void>) => {
    if (!samples.has(name)) return
    if (!(await attempt(context, `${measure}/${at.name}: ${name}`, work))) samples.delete(name)
  }
  for (const runner of runners) {
    samples.set(runner.name, [])
    await inTurn(runner, () => runner.end.ask('prepare', { measure, at, ...runner.request }))
  }
  for (let round = 0; round < scale.rounds; round++) {
    for (let turn = 0; turn < runners.length; turn++) {
      const runner = runners[(round + turn) % runners.length]!
      await inTurn(runner, async () => void samples.get(runner.name)?.push(await runner.end.ask<Sample>('run')))
    }
  }
  for (const runner of runners) await inTurn(runner, () => runner.end.ask('release'))
  for (const [contestant, its] of samples) results.rows.push({ measure, case: at.name, contestant, samples: its })
  context.say(`${measure}/${at.name}`)
}

/** How many times takes `milliseconds`, about: found behind a warm-up, for code that was just loaded is not yet compiled as it will be. */
export async function countFor(
  { milliseconds, warmUp }: Scale,
  run: (count: number) => Promise<unknown>,
): Promise<number> {
  const begun = performance.now()
  for (let count = 1; ; ) {
    const started = performance.now()
    await run(count)
    const ended = performance.now()
    const took = ended - started
    if (took >= milliseconds / 3 && ended - begun >= warmUp)
      return Math.max(1, Math.round((count * milliseconds) / took))
    if (took < milliseconds) count = Math.ceil(count * Math.min(8, milliseconds / took))
  }
}
