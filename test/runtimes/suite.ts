import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { planFor } from '../suite/plan.js'
import type { Result } from '../suite/run.js'
import { findRuntime, type RuntimeName } from './binaries.js'
import { start } from './launch.js'
import { startRelay } from './relay.js'
import { suiteProject } from './scratch.js'
import { skipped } from './skip.js'

/** Tests the packed package in one runtime: every case of the suite is a test of its own. */
export function testSuite(name: RuntimeName): void {
  const runtime = findRuntime(name)
  const planned = planFor(name).map(it => it.name)
  assert.ok(planned.length > 0)
  if (typeof runtime === 'string') for (const it of planned) skipped(`${name}, ${it}`, runtime)
  else {
    const results = new Map<string, Result>()
    test(`${name} ${runtime.version} runs the suite to its end`, async () => {
      const relay = await startRelay()
      const runner = await start(runtime, await suiteProject())
      try {
        await runner.run({ do: 'suite', relay: relay.url }, line => results.set((line as Result).name, line as Result))
      } finally {
        await runner.close()
        relay.close()
      }
    })
    for (const it of planned) {
      test(`${name}, ${it}`, () => {
        const result = results.get(it)
        assert.ok(result, 'the runner has not reported this case')
        if (result.error) throw new Error(result.error)
      })
    }
  }
  test.run()
}
