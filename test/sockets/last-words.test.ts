// What an end says last, and what it does until its peer is gone: sockets and Web Streams.

import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ByteStreams, SecureChannel } from '../../src/web/index.js'
import {
  cleanUpAfter,
  delay,
  dial,
  failureOf,
  guarded,
  next,
  plainServer,
  rejects,
  serve,
  track,
  turn,
  VERSIONS,
} from '../support/sockets.js'
import { giveUpAfter, streamPair, tapped, webPair } from '../support/web.js'

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

/** Reads messages until the channel fails or ends. */
async function loop(channel: SecureChannel): Promise<number> {
  let count = 0
  for await (const _ of channel.messages()) count++
  return count
}

/** A carrier whose far end gets what it is sent when the test says so. */
function heldBack(streams: ByteStreams): { streams: ByteStreams; hold(): void; pass(): void } {
  let waiting: Promise<void> | undefined
  let pass = () => {}
  return {
    streams: tapped(streams, {
      in: async chunk => {
        const copy = chunk.slice()
        await waiting
        return [copy]
      },
    }),
    hold() {
      waiting = new Promise(resolve => {
        pass = resolve
      })
    },
    pass: () => pass(),
  }
}

for (const version of VERSIONS) {
  const check = (name: string, run: () => Promise<void>) => guarded(test, `v${version}: ${name}`, run)

  /** The published program knows no code but 1: in version 1 the text says it. */
  const said = (code: number, text: string, name: string) =>
    version === 1 ? { code: 1, text: `${name}: ${text}` } : { code, text }

  for (const option of ['heartbeat', 'idleTimeout'] as const) {
    check(`${option} is over with an alert, although the peer stays`, async () => {
      const { server: listener, port } = await serve({ [option]: 40, allowHalfOpen: true })
      const relay = await deafRelay(port)
      const accepted = next(listener, 'secureConnection')
      const client = await dial(relay.port, { version })
      const [server] = await accepted
      const seen = failureOf(client)
      const alerted = server.alert(4, 'bye')
      assert.equal((await seen).alert, said(4, 'bye', 'shutting down'))
      // An error in a timer would end this process.
      await delay(200)
      assert.is(server.destroyed, false)
      relay.close()
      await alerted
    })
  }

  check('an alert goes out although a loop reads messages, and fails', async () => {
    const { client, server } = await webPair(version)
    const own = rejects(loop(server), 'USE_CLOSED')
    const there = rejects(loop(client), 'PEER_ALERT')
    await server.send(Buffer.from('the last message'))
    await server.alert(4, 'bye')
    await own
    assert.equal((await there).alert, said(4, 'bye', 'shutting down'))
  })

  check('so does that of an idle timeout', async () => {
    const { client, server } = await webPair(version, streamPair(), { server: { idleTimeout: 50 } })
    const own = rejects(loop(server), 'LINK_TIMEOUT')
    const error = await rejects(loop(client), 'PEER_ALERT')
    assert.is(error.alert?.code, said(5, '', '').code)
    await own
  })

  check('an alert is never taken for an end, whatever this end does as it comes', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const [near, far] = streamPair()
      const held = heldBack(far)
      const { client, server } = await webPair(version, [near, held.streams])
      const reading = server.readable.getReader().read()
      await turn()
      held.hold()
      client.alert(9, 'something is wrong').catch(() => {})
      await turn()
      const closing = server.writable.close().catch(() => {})
      // Which of the two is first is a matter of microtasks.
      for (let at = 0; at < turns; at++) await null
      held.pass()
      await rejects(server.closed, 'PEER_ALERT')
      await rejects(reading, 'PEER_ALERT')
      await closing
    }
  })

  for (const [how, giveUp] of Object.entries({
    abort: (_: AbortController, channel: SecureChannel) => channel.writable.abort(new Error('enough')),
    alert: (_: AbortController, channel: SecureChannel) => channel.alert(7, 'enough'),
    signal: async (controller: AbortController) => controller.abort(new Error('enough')),
  })) {
    check(`${how} with bytes unread: who reads on sees no end`, async () => {
      const controller = new AbortController()
      const { client, server } = await webPair(version, streamPair(), { server: { signal: controller.signal } })
      const writer = client.writable.getWriter()
      for (let at = 0; at < 5; at++) writer.write(new Uint8Array(1000)).catch(() => {})
      writer.close().catch(() => {})
      const reader = server.readable.getReader()
      assert.ok((await reader.read()).value)
      await turn()
      const given = giveUp(controller, server)
      await rejects(
        (async () => {
          while (!(await reader.read()).done);
        })(),
        how === 'alert' ? 'USE_CLOSED' : /enough/,
      )
      await given
    })
  }

  check('empty messages are the last before the end', async () => {
    const { client, server } = await webPair(version)
    const sizes = [0, 5, 0, 0]
    for (const size of sizes) await client.send(new Uint8Array(size))
    await client.writable.close()
    // All of it waits to be read.
    await delay(50)
    const heard: number[] = []
    for await (const message of server.messages()) heard.push(message.length)
    assert.equal(heard, sizes)
  })
}

test.run()
