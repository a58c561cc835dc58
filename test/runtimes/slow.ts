import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRuntime, type RuntimeName } from './binaries.js'
import { CAN_MEASURE, FLOODS, flood, floodMib } from './memory.js'
import { suiteProject } from './scratch.js'
import { skipped } from './skip.js'

/** Tests what a fast writer over a WebSocket can make a slow reader hold, and itself: between Node and another runtime. */
export function testSlowReader(other: RuntimeName, writer: RuntimeName): void {
  const [node, runtime] = [findRuntime('node'), findRuntime(other)]
  for (const { offers } of FLOODS.filter(it => it.other === other && it.offers === writer)) {
    const reader = offers === 'node' ? other : 'node'
    const mib = floodMib(reader)
    const name = `${mib} MiB offered by ${offers} to a slow ${reader}`
    if (typeof runtime === 'string' || typeof node === 'string') skipped(name, String(runtime))
    else if (!CAN_MEASURE) skipped(name, 'memory is measured on Linux')
    else {
      test(name, async () => {
        const done = await flood(node, runtime, offers, await suiteProject())
        assert.is(done.writer.bytes, mib << 20)
        assert.is(done.reader.bytes, mib << 20)
        for (const [process, grown] of Object.entries(done.grown)) {
          console.log(`  ${process}: ${grown.toFixed(1)} MiB (first ${(done.first[process] ?? 0).toFixed(1)})`)
          assert.ok(grown < mostOf(reader), `${process} grew by ${grown} MiB`)
        }
      })
    }
  }
  test.run()
}

/** MiB. What Firefox has read it collects late. */
const mostOf = (reader: RuntimeName) => (reader === 'firefox' ? floodMib(reader) / 2 : 64)
