// The package's own carriers, one at a time: the queue of what has come, and how a WebSocket is written to.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ByteQueue } from '../../src/web/carriers/queue.js'
import { SocketCarrier } from '../../src/web/carriers/socket-carrier.js'
import { CREDIT_NONE } from '../../src/wire/stream.js'
import { still } from '../support/clock.js'

/** A queue, and what it has asked of whom it slows down. */
function queueWith(brake: boolean) {
  const asked: string[] = []
  const cancelled: unknown[] = []
  const both = { pause: () => void asked.push('pause'), resume: () => void asked.push('resume') }
  const queue = new ByteQueue(
    reason => cancelled.push(reason),
    () => {},
    brake ? both : undefined,
  )
  return { queue, asked, cancelled, reader: queue.readable.getReader() }
}

const QUARTER = new Uint8Array(65_536)

test('from 256 KiB on, who sends is stopped, once; below it, let go on, once', async () => {
  const { queue, asked, reader } = queueWith(true)
  for (let at = 0; at < 3; at++) queue.push(QUARTER)
  queue.push(QUARTER.subarray(1))
  assert.equal(asked, [])
  queue.push(new Uint8Array(1))
  assert.equal(asked, ['pause'])
  queue.push(QUARTER)
  assert.equal(asked, ['pause'])
  for (let at = 0; at < 6; at++) await reader.read()
  assert.equal(asked, ['pause', 'resume'])
  for (let at = 0; at < 5; at++) queue.push(QUARTER)
  assert.equal(asked, ['pause', 'resume', 'pause'])
  queue.drop(new Error('given up'))
  assert.equal(asked, ['pause', 'resume', 'pause', 'resume'], 'what is dropped holds nobody up')
})

test('who cannot be stopped is cut off beyond 16 MiB', async () => {
  const { queue, reader } = queueWith(false)
  for (let at = 0; at < CREDIT_NONE / QUARTER.length; at++) queue.push(QUARTER)
  assert.is((await reader.read()).value?.length, QUARTER.length)
  queue.push(QUARTER)
  assert.is((await reader.read()).value?.length, QUARTER.length, 'so much is taken')
  queue.push(QUARTER)
  queue.push(new Uint8Array(1))
  const error = await reader.read().then(
    () => assert.unreachable(),
    it => it,
  )
  assert.is(error.fault.code, 'PEER_OVERRUN')
})

test('small messages that wait are kept together, in their order', async () => {
  const { queue, reader } = queueWith(false)
  for (let at = 0; at < 10_000; at++) queue.push(Uint8Array.of(at % 251))
  queue.end()
  const bytes: number[] = []
  let chunks = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    bytes.push(...read.value)
    chunks++
  }
  assert.equal(
    bytes,
    Array.from({ length: 10_000 }, (_, at) => at % 251),
  )
  assert.ok(chunks < 10, `${chunks} chunks`)
})

test('nothing is no chunk; behind an end nothing comes', async () => {
  const { queue, reader } = queueWith(false)
  queue.push(new Uint8Array())
  queue.push(Uint8Array.of(1))
  queue.end()
  queue.push(Uint8Array.of(2))
  queue.fail(new Error('too late'))
  assert.equal((await reader.read()).value, Uint8Array.of(1))
  assert.is((await reader.read()).done, true)
})

test('a failure comes behind what came before; a cancel is passed on', async () => {
  const { queue, reader } = queueWith(false)
  queue.push(Uint8Array.of(1))
  queue.fail(new Error('broken'))
  assert.equal((await reader.read()).value, Uint8Array.of(1))
  assert.is(await reader.read().catch(it => it.message), 'broken')
  const other = queueWith(false)
  await other.reader.cancel('enough')
  assert.equal(other.cancelled, ['enough'])
  const waiting = queueWith(false)
  const read = waiting.reader.read()
  waiting.queue.push(Uint8Array.of(3))
  assert.equal((await read).value, Uint8Array.of(3), 'who waits gets it')
})

/** What a WebSocket has besides events: it takes all that it is given, and says how much of that it has not sent. */
function openSocket() {
  return {
    readyState: 1,
    bufferedAmount: 0,
    binaryType: 'arraybuffer',
    sent: [] as number[],
    send(data: Uint8Array) {
      this.sent.push(data.length)
      this.bufferedAmount += data.length
    },
    close() {},
    addEventListener() {},
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
}

still(
  test,
  'a WebSocket is written to until 256 KiB wait in it; then it is asked at longer and longer intervals',
  async clock => {
    const socket = openSocket()
    const writer = new SocketCarrier(socket).streams.writable.getWriter()
    await writer.write(new Uint8Array(262_144))
    let done: number | undefined
    writer.write(new Uint8Array(1)).then(() => (done = clock.now))
    await settled()
    const asked: number[] = []
    Object.defineProperty(socket, 'bufferedAmount', {
      get: () => {
        asked.push(clock.now)
        return clock.now < 50 ? 262_145 : 262_144
      },
    })
    for (let at = 0; at < 100; at++) {
      clock.advance(1)
      await settled()
    }
    assert.equal(asked, [1, 3, 7, 15, 31, 47, 63])
    assert.is(done, 63)
    assert.is(clock.timers.all, 0)
  },
)

still(test, 'a WebSocket that closes meanwhile is not waited for; a closed one takes nothing', async clock => {
  const socket = openSocket()
  const writer = new SocketCarrier(socket).streams.writable.getWriter()
  let done = false
  writer.write(new Uint8Array(300_000)).then(() => (done = true))
  await settled()
  clock.advance(100)
  await settled()
  assert.is(done, false)
  socket.readyState = 3
  clock.advance(16)
  await settled()
  assert.is(done, true)
  assert.is(await writer.write(new Uint8Array(1)).catch(it => it.message), 'the WebSocket is closed')
  assert.equal(socket.sent, [300_000])
})

test.run()
