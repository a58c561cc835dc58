// What an end says last, and what it does until its peer is gone: sockets and Web Streams.

import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  cleanUpAfter,
  delay,
  dial,
  failureOf,
  guarded,
  next,
  plainServer,
  serve,
  track,
  VERSIONS,
} from './support/sockets.js'
import { giveUpAfter } from './support/web.js'

giveUpAfter(test)
cleanUpAfter(test)

/** Passes bytes on, and no ends: whoever is behind it seems to stay. */
async function deafRelay(to: number): Promise<{ port: number; close(): void }> {
  const sockets: net.Socket[] = []
  const port = await plainServer(near => {
    const far = track(net.connect({ port: to, host: '127.0.0.1', allowHalfOpen: true }))
    far.on('error', () => {})
    near.on('data', data => far.write(data))
    far.on('data', data => near.write(data))
    sockets.push(near, far)
  })
  return { port, close: () => sockets.forEach(socket => void socket.destroy()) }
}

for (const version of VERSIONS) {
  const check = (name: string, run: () => Promise<void>) => guarded(test, `v${version}: ${name}`, run)

  for (const option of ['keepAlive', 'idleTimeout'] as const) {
    check(`${option} is over with an alert, although the peer stays`, async () => {
      const { server: listener, port } = await serve({ [option]: 40, allowHalfOpen: true })
      const relay = await deafRelay(port)
      const accepted = next(listener, 'secureConnection')
      const client = await dial(relay.port, { version })
      const [server] = await accepted
      const seen = failureOf(client)
      const alerted = server.alert(4, 'bye')
      assert.is((await seen).alert?.code, 4)
      // An error in a timer would end this process.
      await delay(200)
      assert.is(server.destroyed, false)
      relay.close()
      await alerted
    })
  }
}

test.run()
