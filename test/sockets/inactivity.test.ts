// A socket's inactivity timer, by a clock that stands still until it is told to go on.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { still } from '../support/clock.js'
import { cleanUpAfter, duplexPair, next, pairOver } from '../support/sockets.js'

cleanUpAfter(test)

still(
  test,
  '‘timeout’ comes once there was nothing in either direction for so long, and again behind more',
  async clock => {
    const { client, server } = await pairOver(2, duplexPair())
    let timeouts = 0
    client.setTimeout(1000).on('timeout', () => timeouts++)
    for (const [from, to] of [
      [server, client],
      [client, server],
    ] as const) {
      clock.advance(999)
      const heard = next(to, 'data')
      from.write('x')
      await heard
    }
    clock.advance(999)
    assert.is(timeouts, 0)
    clock.advance(1)
    assert.is(timeouts, 1)
    clock.advance(5000)
    assert.is(timeouts, 1)
    client.write('y')
    clock.advance(999)
    assert.is(timeouts, 1)
    clock.advance(1)
    assert.is(timeouts, 2)
  },
)

still(test, 'it ends with the socket', async clock => {
  const { client, server } = await pairOver(2, duplexPair())
  server.on('error', () => {}).resume()
  client.setTimeout(1000, () => assert.unreachable())
  assert.is(clock.timers.all, 1)
  const closed = [next(client, 'close'), next(server, 'close')]
  client.destroy()
  await Promise.all(closed)
  assert.is(clock.timers.all, 0)
  clock.advance(1000)
})

test.run()
