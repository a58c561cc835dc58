// Messages over sockets: send() and messages(), between sockets, and with channels over Web Streams.

import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect, createServer, type SecureSocket } from '../../src/node/index.js'
import { secure } from '../../src/web/index.js'
import {
  cleanUpAfter,
  clientKeys,
  duplexPair,
  guarded,
  listen,
  next,
  rejects,
  serverKeys,
  someBytes,
  track,
  until,
} from '../support/sockets.js'
import { giveUpAfter, keep } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 40_000)

async function pair(options = {}): Promise<[client: SecureSocket, server: SecureSocket]> {
  const server = track(createServer({ keyPair: serverKeys, authorize: 'anyone', allowHalfOpen: true, ...options }))
  const port = await listen(server)
  const target = { host: '127.0.0.1', port, serverKey: serverKeys.publicKey, keyPair: clientKeys, allowHalfOpen: true }
  const [near, [far]] = await Promise.all([
    connect({ ...target, ...options }),
    next(server, 'secureConnection') as Promise<[SecureSocket]>,
  ])
  return [track(near), track(far)]
}

const SIZES = [0, 1, 5, 0, 0, 16_384, 100, 70_000, 1, 300_000, 0, 3]
const MESSAGES = SIZES.map(it => someBytes(it))

async function sendAll(to: { send(message: Uint8Array): Promise<void> }): Promise<void> {
  for (const message of MESSAGES) await to.send(message)
}

async function takeAll(messages: AsyncIterable<Uint8Array>): Promise<Buffer[]> {
  const all: Buffer[] = []
  for await (const it of messages) all.push(Buffer.from(it))
  return all
}

function same(found: Uint8Array[]): void {
  assert.equal(
    found.map(it => it.length),
    SIZES,
  )
  for (const [at, it] of found.entries()) assert.ok(MESSAGES[at]!.equals(it), `message ${at}`)
}

check('each message comes whole, whatever its length, both ways at once', async () => {
  const ends = await pair()
  const heard = ends.map(it => takeAll(it.messages()))
  await Promise.all(ends.map(it => sendAll(it).then(() => it.end())))
  for (const it of heard) same(await it)
})

check('messages that are not waited for, and bytes between them, keep their order', async () => {
  const [near, far] = await pair()
  const sent = MESSAGES.map(it => near.send(it))
  near.end()
  same(await takeAll(far.messages()))
  await Promise.all(sent)
  const [one, two] = await pair()
  one.write('a')
  one.write('b')
  const last = one.send(Buffer.from('c'))
  one.end()
  await last
  assert.equal((await takeAll(two.messages())).map(String), ['abc'])
})

check('a reader that comes late gets all of them, from the first', async () => {
  const [near, far] = await pair()
  await near.send(new Uint8Array())
  await near.send(Buffer.from('hello'))
  await next(far, 'readable')
  near.end()
  assert.equal((await takeAll(far.messages())).map(String), ['', 'hello'])
})

check('who reads bytes sees nothing of the ends, and may go on with messages', async () => {
  const [near, far] = await pair()
  for (const text of ['one', 'two', 'three']) await near.send(Buffer.from(text))
  far.on('readable', () => {})
  await until(() => far.readableLength === 11)
  assert.is(String(far.read(6)), 'onetwo')
  near.end()
  assert.equal((await takeAll(far.messages())).map(String), ['three'])
})

for (const direction of ['to a channel over Web Streams', 'from one, whose credit counts'] as const) {
  check(`messages ${direction}`, async () => {
    const server = track(createServer({ keyPair: serverKeys, authorize: 'anyone', allowHalfOpen: true }))
    const [near, far] = duplexPair().map(track) as [Duplex, Duplex]
    const coming = next(server, 'secureConnection') as Promise<[SecureSocket]>
    server.emit('connection', far)
    const channel = keep(await secure(Duplex.toWeb(near) as never, { serverKey: serverKeys.publicKey }))
    const [socket] = await coming
    track(socket)
    if (direction.startsWith('to')) {
      const heard = takeAll(channel.messages())
      await sendAll(socket)
      socket.end()
      same(await heard)
    } else {
      const heard = takeAll(socket.messages())
      await sendAll(channel)
      await channel.writable.close()
      same(await heard)
    }
  })
}

check('one that is too long ends the channel, and so does leaving the loop', async () => {
  const [near, far] = await pair()
  near.on('error', () => {})
  near.send(someBytes(2000)).catch(() => {})
  await rejects(far.messages(1999).next(), 'PEER_TOO_LONG')
  assert.ok(far.destroyed)
  const [one, two] = await pair()
  one.on('error', () => {})
  await one.send(Buffer.from('x'))
  for await (const it of two.messages()) {
    assert.is(String(it), 'x')
    break
  }
  assert.ok(two.destroyed)
})

check('empty messages that nobody takes slow the peer down, and all of them come in the end', async () => {
  const COUNT = 70_000
  const listener = track(createServer({ keyPair: serverKeys, authorize: 'anyone', allowHalfOpen: true }))
  const [near, far] = duplexPair()
  const accepted = next(listener, 'secureConnection') as Promise<[SecureSocket]>
  listener.emit('connection', far)
  const client = track(await connect({ stream: near, serverKey: serverKeys.publicKey, allowHalfOpen: true }))
  const messages = track((await accepted)[0]).messages()
  const first = messages.next()
  let sent = 0
  // One by one, so that each comes in a piece of its own: in a row, as many are too many ("Records without data").
  const sending = (async () => {
    for (; sent < COUNT; sent++) await client.send(new Uint8Array())
    client.end()
  })()
  sending.catch(() => {})
  await first
  for (let before = -1; before !== sent; await delay(300)) before = sent
  assert.ok(sent < COUNT, `${sent} were taken from the sender`)
  let taken = 1
  for await (const message of messages) {
    assert.is(message.length, 0)
    taken++
  }
  await sending
  assert.is(taken, COUNT)
})

check('what the socket fails with is thrown; an end within a message is a fault', async () => {
  const [near, far] = await pair()
  await near.send(Buffer.from('whole'))
  const heard = far.messages()
  assert.is(String((await heard.next()).value), 'whole')
  near.destroy()
  await rejects(heard.next(), 'LINK_TRUNCATED')
  const [one, two] = await pair()
  one.end('bytes')
  await rejects(two.messages().next(), 'PEER_MALFORMED')
})

check('send fails behind an end, and for what is no bytes', async () => {
  const [near] = await pair()
  await rejects(near.send('text' as never), 'USE_BAD_OPTION')
  near.end()
  await rejects(near.send(Buffer.from('late')), 'USE_CLOSED')
})

test.run()
