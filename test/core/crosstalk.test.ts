// Whose bytes come out of which channel, where many channels share one core.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { generateKeyPair, type SecureSocket } from '../../src/node/index.js'
import { codeOf, connectedPair, freshCore } from '../support/engines.js'
import { cleanUpAfter, dial, guarded, next, readAll, serve, turn } from '../support/sockets.js'

// The host's cipher is asked for records of 8 KB or more.
const SIZE = 20_000

for (const version of [2, 1] as const) {
  test(`v${version}: what an engine has opened stays its own while others open theirs`, () => {
    const core = freshCore()
    const pairs = Array.from({ length: 5 }, () => connectedPair(version, { core }))
    pairs.forEach(({ client, server }, index) => {
      for (let left = SIZE; left > 0; ) {
        left -= client.write(new Uint8Array(left).fill(index + 1))
        for (let unit = client.take(); unit.length > 0; unit = client.take())
          assert.is(server.receive(unit), unit.length)
      }
      assert.is(server.advance(), 'data')
    })
    // All have something opened, and nobody has read it.
    pairs.forEach(({ server }, index) => {
      let got = 0
      for (let event = 'data'; event === 'data'; event = server.advance()) {
        const data = server.readData()
        assert.ok(
          data.every(byte => byte === index + 1),
          `channel ${index + 1} gives another's bytes`,
        )
        got += data.length
      }
      assert.is(got, SIZE)
    })
    for (const { client, server } of pairs) {
      client.close()
      server.close()
    }
    assert.is(core.buffersInUse, 0)
  })
}

test('what an engine has opened is gone when it is closed, and another’s is not', () => {
  const core = freshCore()
  const [one, two] = [connectedPair(2, { core }), connectedPair(2, { core })]
  for (const [{ client, server }, letter] of [[one, 1] as const, [two, 2] as const]) {
    assert.is(client.write(new Uint8Array(SIZE / 2).fill(letter)), SIZE / 2)
    server.receive(client.take())
    assert.is(server.advance(), 'data')
  }
  one.server.close()
  assert.is(
    codeOf(() => one.server.readData()),
    'USE_CLOSED',
  )
  assert.equal(Buffer.from(two.server.readData()), Buffer.alloc(SIZE / 2, 2))
})

guarded(test, 'clients that write while `authorize` is pending are each heard with their own bytes', async () => {
  const waiting: (() => void)[] = []
  const names = new Map<string, number>()
  const { server, port } = await serve({
    authorize: async ({ publicKey }) => {
      await new Promise<void>(resolve => waiting.push(resolve))
      return { letter: names.get(hex(publicKey)) }
    },
  })
  const heard = new Map<number, Buffer>()
  const done = new Promise<void>(resolve =>
    server.on('secureConnection', async (socket: SecureSocket) => {
      heard.set((socket.authorization as { letter: number }).letter, await readAll(socket))
      socket.end()
      if (heard.size === COUNT) resolve()
    }),
  )
  const clients = await Promise.all(
    Array.from({ length: COUNT }, async (_, index) => {
      const keyPair = generateKeyPair()
      names.set(hex(keyPair.publicKey), index + 1)
      const socket = await dial(port, { keyPair })
      socket.resume().end(Buffer.alloc(SIZE, index + 1))
      return socket
    }),
  )
  await waitFor(() => waiting.length === COUNT)
  // The records of all have come before one is let in.
  for (const client of clients) await finishedWriting(client)
  await turn()
  for (const letIn of waiting) letIn()
  await done
  for (const [letter, bytes] of heard) assert.equal(bytes, Buffer.alloc(SIZE, letter))
})

guarded(test, 'nothing of a client that is refused comes out of a socket of another', async () => {
  const waiting: (() => void)[] = []
  const good = generateKeyPair()
  const { server, port } = await serve({
    authorize: async ({ publicKey }) => {
      await new Promise<void>(resolve => waiting.push(resolve))
      return hex(publicKey) === hex(good.publicKey)
    },
  })
  const accepted = next(server, 'secureConnection')
  const honest = await dial(port, { keyPair: good })
  honest.resume().end(Buffer.alloc(SIZE, 'a'))
  await waitFor(() => waiting.length === 1)
  await finishedWriting(honest)
  const bad = await dial(port, { keyPair: generateKeyPair() })
  const refusal = next(bad, 'error')
  bad.end(Buffer.alloc(SIZE, 'm'))
  await waitFor(() => waiting.length === 2)
  await finishedWriting(bad)
  await turn()
  for (const answer of waiting) answer()
  const [socket] = await accepted
  assert.equal(await readAll(socket), Buffer.alloc(SIZE, 'a'))
  assert.is((await refusal)[0].code, 'PEER_NOT_AUTHORIZED')
})

guarded(test, 'listeners that are attached late lose nothing', async () => {
  const { server, port } = await serve()
  const whole: number[] = []
  const done = new Promise<void>((resolve, reject) =>
    server.on('secureConnection', async socket => {
      socket.on('error', reject)
      await turn()
      const bytes = await readAll(socket)
      socket.end()
      assert.is(bytes.length, SIZE)
      assert.equal(bytes, Buffer.alloc(SIZE, bytes[0]))
      whole.push(bytes[0] as number)
      if (whole.length === COUNT) resolve()
    }),
  )
  await Promise.all(
    Array.from({ length: COUNT }, async (_, index) => {
      const socket = await dial(port)
      socket.resume().end(Buffer.alloc(SIZE, index + 1))
    }),
  )
  await done
  assert.equal(
    whole.sort((a, b) => a - b),
    Array.from({ length: COUNT }, (_, index) => index + 1),
  )
})

for (const size of [3, 3000]) {
  guarded(test, `a chunk of ${size} bytes lies in memory of its own`, async () => {
    const { server, port } = await serve()
    const chunk = new Promise<Buffer>(resolve => server.on('secureConnection', socket => socket.once('data', resolve)))
    const socket = await dial(port)
    socket.end(Buffer.alloc(size, 1))
    const got = await chunk
    assert.is(got.buffer.byteLength, size)
  })
}

const COUNT = 12

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** Resolves when the system has all that was written and the end. */
function finishedWriting(socket: SecureSocket): Promise<void> {
  return socket.writableFinished ? Promise.resolve() : next(socket, 'finish').then(() => {})
}

cleanUpAfter(test)
test.run()
