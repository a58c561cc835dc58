// Strangers, and clients that mean harm, lock nobody out: not of a server in Node, Deno or Bun, nor of a command. Counts, and no
// times: strangers-table.ts has those, and floods of records.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { workFolder } from '../support/command.js'
import { cleanUpAfter, guarded } from '../support/sockets.js'
import { honestClients, STRANGERS } from '../support/strangers.js'
import { SERVERS, type Server } from '../support/strangers-servers.js'

cleanUpAfter(test)
const folder = workFolder(test)
const [ATTACKED_FROM, ELSEWHERE] = ['127.0.0.2', '127.0.0.3']
const COUNT = 20

for (const [name, start] of Object.entries(SERVERS)) {
  for (const [attacked, begin] of Object.entries(STRANGERS)) {
    // Behind a router all clients come from its address: what it lets through is the server's to judge.
    if (name === 'route' && attacked === 'a flood of hellos') continue
    guarded(
      test,
      `${name}: against ${attacked}, honest clients get in`,
      async () => {
        const server: Server = await start(folder)
        const attack = begin(server.target, ATTACKED_FROM)
        try {
          await attack.begun
          const [same, others] = [
            await honestClients(server.target, ATTACKED_FROM, COUNT),
            await honestClients(server.target, ELSEWHERE, COUNT),
          ]
          assert.is(others.served, COUNT, 'from another address')
          assert.ok(same.served >= 15, `${same.served} from the same address`)
        } finally {
          attack.stop()
          await server.stop()
        }
      },
      120_000,
    )
  }
}

test.run()
