// One run as a program, in any runtime that has sockets: main.js SEED CONNECTIONS AT_ONCE [CARRIER …]. Prints what went wrong.

import { CARRIERS, type CarrierName } from './draw.js'
import { Crowd } from './run.js'

const LIMIT_MS = 120_000

const [seed, connections, atOnce] = process.argv.slice(2, 5).map(Number) as [number, number, number]
const named = process.argv.slice(5) as CarrierName[]
let bytes = 0
const crowd = new Crowd({ seed, connections, atOnce, carriers: named.length > 0 ? named : CARRIERS })
const late = setTimeout(() => {
  report()
  for (const connection of crowd.unfinished()) console.log(`not done: ${connection}`)
  process.exit(2)
}, LIMIT_MS)
bytes = await crowd.run()
clearTimeout(late)
report()
process.exit(crowd.violations.length > 0 ? 1 : 0)

function report() {
  for (const violation of crowd.violations.slice(0, 20)) console.log(violation)
  console.log(`seed ${seed}: ${connections} connections, ${bytes} bytes, ${crowd.violations.length} violations`)
}
