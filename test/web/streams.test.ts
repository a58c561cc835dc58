// Streams of other kinds than Node's own channels have: runtimes without byte streams, carriers that are none, and that end by themselves.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cleanUpAfter, guarded, rejects } from '../support/sockets.js'
import {
  giveUpAfter,
  receive,
  receiveUntilError,
  secureClient,
  secureServer,
  send,
  streamPair,
  webPair,
} from '../support/web.js'

const test = suite('streams')
cleanUpAfter(test)
giveUpAfter(test)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body)

/** Runs where ReadableStream knows no `type: 'bytes'`, as in older browsers. */
async function withoutByteStreams(body: () => Promise<void>): Promise<void> {
  const Real = globalThis.ReadableStream
  globalThis.ReadableStream = new Proxy(Real, {
    construct(target, args: ConstructorParameters<typeof Real>) {
      if ((args[0] as { type?: string } | undefined)?.type !== undefined) throw new RangeError('no such type')
      return new target(...args)
    },
  })
  try {
    await body()
  } finally {
    globalThis.ReadableStream = Real
  }
}

check('a runtime without byte streams: bytes, ends, and messages', () =>
  withoutByteStreams(async () => {
    const { client, server } = await webPair(2)
    assert.throws(() => server.readable.getReader({ mode: 'byob' }))
    const data = new Uint8Array(100_000).fill(7)
    await Promise.all([send(client, data), receive(server).then(it => assert.ok(it.equals(data)))])
    await Promise.all([send(server, data), receive(client).then(it => assert.ok(it.equals(data)))])
    await Promise.all([client.closed, server.closed])
    const other = await webPair(2)
    await other.client.send(Buffer.from('one'))
    await other.client.send(Buffer.from('two'))
    await other.client.writable.close()
    const messages: string[] = []
    for await (const message of other.server.messages()) messages.push(String(Buffer.from(message)))
    assert.equal(messages, ['one', 'two'])
  }),
)

check('a runtime without byte streams: what is not asked for stays where it is counted', () =>
  withoutByteStreams(async () => {
    const { client, server } = await webPair(2)
    await client.send(Buffer.from('first'))
    // The server has it when what it says behind it has come.
    const reader = client.readable.getReader()
    await server.send(Buffer.from('heard'))
    assert.is(String(Buffer.from((await reader.read()).value!)), 'heard')
    await new Promise(resolve => setImmediate(resolve))
    // The stream has not taken it away from who reads messages.
    const { value } = await server.messages().next()
    assert.is(String(Buffer.from(value!)), 'first')
  }),
)

check('a runtime without byte streams: an error comes behind what came before', () =>
  withoutByteStreams(async () => {
    const { client, server } = await webPair(2)
    const writer = client.writable.getWriter()
    await writer.write(Buffer.from('some of it'))
    const { value } = await server.readable.getReader().read()
    assert.is(String(Buffer.from(value!)), 'some of it')
    writer.abort().catch(() => {})
    await server.closed.then(
      () => assert.unreachable(),
      error => assert.is(error.code, 'LINK_TRUNCATED'),
    )
  }),
)

/** A client in version 1 whose carrier, a stream of chunks, ends by itself behind what the server has said. */
async function endedBy(allowTruncation: boolean) {
  const [near, far] = streamPair()
  let end = () => {}
  const ending = new TransformStream<Uint8Array, Uint8Array>({
    start: controller => {
      end = () => controller.terminate()
    },
  })
  const carrier = { ...near, readable: near.readable.pipeThrough(ending) }
  const [client, server] = await Promise.all([
    secureClient(carrier, { version: 1, allowTruncation }),
    secureServer(far, {}),
  ])
  const writer = server.writable.getWriter()
  await writer.write(Buffer.from('all of it'))
  const reader = client.readable.getReader()
  assert.is(String(Buffer.from((await reader.read()).value!)), 'all of it')
  reader.releaseLock()
  end()
  return client
}

check('allowTruncation takes the end of a carrier for one', async () => {
  const client = await endedBy(true)
  assert.is((await receive(client)).length, 0)
  const cut = await endedBy(false)
  const { error } = await receiveUntilError(cut)
  assert.is(error.code, 'LINK_TRUNCATED')
  assert.is(error.cause, undefined, 'nothing was wrong with the carrier')
})

check('a message that is too long is what the channel fails with', async () => {
  const { client, server } = await webPair(2)
  await client.send(new Uint8Array(10))
  await client.send(new Uint8Array(11))
  const lengths: number[] = []
  const reading = (async () => {
    for await (const message of server.messages(10)) lengths.push(message.length)
  })()
  await rejects(reading, 'PEER_TOO_LONG')
  assert.equal(lengths, [10])
  await rejects(server.closed, 'PEER_TOO_LONG')
})

check('who reads bytes is not held up by empty messages, of whatever number', async () => {
  const { client, server } = await webPair(2)
  const read = server.readable.getReader().read()
  for (let at = 0; at < 3000; at++) await client.send(new Uint8Array())
  await client.send(Uint8Array.of(7))
  assert.equal((await read).value, Uint8Array.of(7))
})

check('nor by those that come between bytes that nobody has read yet', async () => {
  const { client, server } = await webPair(2)
  const parts = ['one', '', 'two', 'x'.repeat(1000), '', '', 'y'.repeat(1000), ''].map(it => Buffer.from(it))
  for (const part of parts) await client.send(part)
  await client.writable.close()
  // The server has all of it when this has come.
  await server.send(Buffer.from('heard'))
  await client.readable.getReader().read()
  assert.ok((await receive(server)).equals(Buffer.concat(parts)))
})

check('nor by those that have come before', async () => {
  const { client, server } = await webPair(2)
  const sending = (async () => {
    for (let at = 0; at < 3000; at++) await client.send(new Uint8Array())
    await client.send(Uint8Array.of(7))
  })()
  // It has stopped taking them by then: nobody has read.
  for (let turn = 0; turn < 300; turn++) await new Promise(resolve => setImmediate(resolve))
  assert.equal((await server.readable.getReader().read()).value, Uint8Array.of(7))
  await sending
})

test.run()
