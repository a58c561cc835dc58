// Makes the table of how our ends and the published program get along:
//
//   node build/test/published/table.js [--runs 50] [--only TEXT] [--relay 5,15,25,60] [--busy 2]

import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { rows } from './rows.js'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
    relay: { type: 'string', default: '5,15,25,60' },
    busy: { type: 'string', default: '0' },
  },
})
const runs = Number(values.runs)
const busy = Array.from({ length: Number(values.busy) }, () => spawn(process.execPath, ['-e', 'for (;;);']))
for (const row of rows({ relays: values.relay.split(',').map(Number) })) {
  if (!row.name.includes(values.only)) continue
  let good = 0
  for (let at = 0; at < runs; at++) if (await row.run()) good++
  row.stop()
  console.log(`${`${good} of ${runs}`.padStart(10)}  ${row.name}`)
}
for (const loop of busy) loop.kill()
