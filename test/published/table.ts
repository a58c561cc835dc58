// Makes the table of how our ends and the published program get along:
//
//   node build/test/published/table.js [--runs 50] [--only TEXT] [--relay 5,15,25,60] [--busy 2] [--client bun]
//
// --busy runs so many loops beside it; --client has our client in node, deno, bun or workerd, from the packed package.

import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { findRuntime, type RuntimeName } from '../runtimes/binaries.js'
import { start } from '../runtimes/launch.js'
import { suiteProject } from '../runtimes/scratch.js'
import { rows } from './rows.js'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
    relay: { type: 'string', default: '5,15,25,60' },
    client: { type: 'string' },
    busy: { type: 'string', default: '0' },
  },
})
const runs = Number(values.runs)
const runtime = values.client && findRuntime(values.client as RuntimeName)
if (typeof runtime === 'string') throw new Error(runtime)
const runner = runtime && (await start(runtime, await suiteProject()))
const busy = Array.from({ length: Number(values.busy) }, () => spawn(process.execPath, ['-e', 'for (;;);']))
for (const row of rows({ relays: values.relay.split(',').map(Number), ...(runner && { runner }) })) {
  if (!row.name.includes(values.only)) continue
  let good = 0
  for (let at = 0; at < runs; at++) if (await row.run()) good++
  row.stop()
  console.log(`${`${good} of ${runs}`.padStart(10)}  ${row.name}`)
}
for (const loop of busy) loop.kill()
await runner?.close()
