// How a link leaves its transport, by a clock that stands still until it is told to go on.

import { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine } from '../../src/engine/index.js'
import { Link } from '../../src/node/link.js'
import { nodeCore } from '../../src/node/load.js'
import { still } from '../support/clock.js'
import { cleanUpAfter, clientKeys, next, serverKeys, track } from '../support/sockets.js'

cleanUpAfter(test)

/** A link whose hello is on its way, to a peer that takes nothing. */
function unread() {
  const transport = track(new Duplex({ read() {}, write() {}, highWaterMark: 1 }))
  const engine = Engine.client(nodeCore(), { keyPair: clientKeys, serverKey: serverKeys.publicKey })
  const link = new Link(transport, engine, undefined, { onEvent: () => 'go on', onError() {} })
  link.flush()
  return { transport, link }
}

still(test, 'a peer that takes nothing has its time, and no more', async clock => {
  const { transport, link } = unread()
  const closed = next(transport, 'close')
  link.endGracefully({ time: 1000 })
  clock.advance(999)
  assert.is(transport.destroyed, false)
  clock.advance(1)
  assert.is(transport.destroyed, true)
  await closed
})

still(test, 'one that is given as long as it takes what was sent has all the time until then', async clock => {
  const { transport, link } = unread()
  link.endGracefully({ time: 1000, patient: true })
  clock.advance(1_000_000)
  assert.is(transport.destroyed, false)
  const closed = next(transport, 'close')
  link.destroy()
  await closed
})

still(test, 'nothing that still comes is kept: no listener stays but those of the end', async () => {
  const { transport, link } = unread()
  const listening = transport.listenerCount('data')
  assert.is(listening, 1)
  link.endGracefully({ time: 1000 })
  assert.is(transport.listenerCount('data'), 0)
  assert.is(transport.listenerCount('drain'), 0)
  const closed = next(transport, 'close')
  link.destroy()
  await closed
})

test.run()
