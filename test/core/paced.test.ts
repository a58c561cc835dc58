// Version 1's pace ("The published program"), to the millisecond: what goes out in one write, and when.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { finish, PacedSender } from '../../src/channel/paced.js'
import type { Engine } from '../../src/engine/index.js'
import { type Clock, still } from '../support/clock.js'
import { freshCore, newPair, takeAll } from '../support/engines.js'

/** A sender whose carrier takes each write at once, or when it is told to. */
class Pacing {
  readonly sender: PacedSender
  /** When, and how long. */
  readonly writes: [at: number, length: number][] = []
  drained = 0
  /** Held back: the carrier is not done with the last write. */
  slow = false
  #taken: ((error?: unknown) => void) | undefined

  constructor(clock: Clock, engine: Engine) {
    this.sender = new PacedSender(
      (bytes, callback) => {
        this.writes.push([clock.now, bytes.length])
        this.#taken = callback
      },
      engine,
      () => this.drained++,
    )
  }

  send(): boolean {
    const all = this.sender.send()
    if (!this.slow) this.take()
    return all
  }

  /** The carrier has taken what it was given, and what follows. */
  take(error?: unknown): void {
    while (this.#taken) {
      const taken = this.#taken
      this.#taken = undefined
      taken(error)
    }
  }
}

/** A client that has said hello. */
function greeted(clock: Clock) {
  const { client, server } = newPair(1, { core: freshCore() })
  const pacing = new Pacing(clock, client)
  const hello = client.sendWindow().slice()
  assert.is(pacing.send(), false)
  assert.equal(pacing.writes.splice(0), [[clock.now, 108]])
  assert.is(pacing.drained, 1)
  assert.is(pacing.send(), true, 'there is nothing more')
  server.receive(hello)
  return { client, server, pacing }
}

/** One whose server has answered so much later, with records of so many bytes to send behind its response. */
function answered(clock: Clock, records: number[], roundTrip = 40) {
  const { client, server, pacing } = greeted(clock)
  clock.advance(roundTrip)
  client.receive(takeAll(server))
  assert.is(client.advance(), 'connected')
  for (const length of records) client.write(new Uint8Array(length))
  pacing.drained = 0
  assert.is(pacing.send(), false)
  return { client, pacing }
}

const RESPONSE_AND_HEADER = 144 + 24
const SHORT = 100
const SHORT_RECORD = SHORT + 22

still(test, 'a hello goes out at once, and whoever waits hears it', clock => {
  const { pacing } = greeted(clock)
  assert.is(pacing.sender.busy, false)
  assert.is(clock.timers.all, 0)
})

still(test, 'a client’s header goes with its response; records wait twice the round trip and 50 ms', clock => {
  const { pacing } = answered(clock, [SHORT])
  assert.equal(pacing.writes, [[40, RESPONSE_AND_HEADER]])
  assert.is(pacing.sender.busy, true)
  assert.is(pacing.send(), false)
  clock.advance(129)
  assert.is(pacing.writes.length, 1)
  clock.advance(1)
  pacing.take()
  assert.equal(pacing.writes[1], [40 + 50 + 2 * 40, SHORT_RECORD])
  assert.equal([pacing.drained, pacing.sender.busy], [1, false])
})

still(test, 'they wait a second at most', clock => {
  const { pacing } = answered(clock, [SHORT], 2000)
  clock.advance(999)
  assert.is(pacing.writes.length, 1)
  clock.advance(1)
  assert.equal(pacing.writes[1], [3000, SHORT_RECORD])
})

still(test, 'the server’s bytes end the wait 5 ms later, once', clock => {
  const { pacing } = answered(clock, [SHORT, SHORT])
  clock.advance(20)
  pacing.sender.received()
  clock.advance(4)
  pacing.sender.received()
  assert.is(pacing.writes.length, 1)
  clock.advance(1)
  assert.equal(pacing.writes[1], [65, SHORT_RECORD])
})

still(test, 'the server’s first record ends it at once, but 3 ms behind the response', clock => {
  const late = answered(clock, [SHORT])
  clock.advance(20)
  late.pacing.sender.opened()
  assert.equal(late.pacing.writes[1], [60, SHORT_RECORD])
})

still(test, 'a record that comes together with the header does not let one out too early', clock => {
  const { pacing } = answered(clock, [SHORT])
  pacing.sender.opened()
  clock.advance(2)
  assert.is(pacing.writes.length, 1)
  clock.advance(1)
  assert.equal(pacing.writes[1], [43, SHORT_RECORD])
})

still(test, 'bytes that come before the header has gone are the challenge, and end no wait', clock => {
  const { client, server, pacing } = greeted(clock)
  clock.advance(40)
  pacing.sender.received()
  client.receive(takeAll(server))
  client.advance()
  client.write(new Uint8Array(SHORT))
  pacing.send()
  clock.advance(129)
  assert.is(pacing.writes.length, 1)
  clock.advance(1)
  assert.is(pacing.writes.length, 2)
})

still(test, '8 ms behind a short record, nothing behind a full one', clock => {
  const full = 8192 - 22
  const { pacing } = answered(clock, [SHORT, full, SHORT, SHORT])
  pacing.sender.opened()
  for (let at = 0; at < 20; at++) {
    clock.advance(1)
    pacing.take()
  }
  assert.equal(
    pacing.writes.slice(1).map(([at, length]) => [at - 43, length]),
    [
      [0, SHORT_RECORD],
      [8, 8192],
      [8, SHORT_RECORD],
      [16, SHORT_RECORD],
    ],
  )
})

still(test, '3 ms behind a short record if the peer has sent a record since', clock => {
  const { pacing } = answered(clock, [SHORT, SHORT, SHORT, SHORT])
  const answer = (after: number) => {
    clock.advance(after)
    pacing.sender.opened()
    pacing.take()
  }
  answer(0)
  clock.advance(3)
  pacing.take()
  // One that comes before the 3 ms are over, one that comes later, and none.
  answer(1)
  answer(2)
  answer(5)
  clock.advance(8)
  assert.equal(
    pacing.writes.slice(1).map(([at]) => at - 43),
    [0, 3, 8, 16],
  )
})

still(test, 'the time runs from when the carrier has taken the record', clock => {
  const { pacing, client } = answered(clock, [SHORT])
  pacing.slow = true
  clock.advance(130)
  assert.is(pacing.writes.length, 2)
  assert.is(pacing.sender.busy, true)
  clock.advance(100)
  client.write(new Uint8Array(SHORT))
  assert.is(pacing.send(), false)
  assert.is(pacing.writes.length, 2, 'one write at a time')
  pacing.take()
  clock.advance(7)
  assert.is(pacing.writes.length, 2)
  clock.advance(1)
  assert.equal(pacing.writes[2], [278, SHORT_RECORD])
})

still(test, 'a timer that is early by a fraction is set anew', clock => {
  const { pacing } = answered(clock, [SHORT])
  // The process is as busy as to run timers late, and the peer's record moves the time meanwhile.
  clock.stall(60)
  pacing.sender.received()
  clock.advance(4)
  assert.is(pacing.writes.length, 1)
  clock.advance(1)
  assert.is(pacing.writes.length, 2)
  clock.advance(200)
  assert.is(pacing.writes.length, 2)
})

still(test, 'a server’s header goes at once; its records wait for the client’s first', clock => {
  const { client, server } = newPair(1, { core: freshCore() })
  server.receive(takeAll(client))
  const challenge = server.sendWindow().slice()
  const pacing = new Pacing(clock, server)
  pacing.send()
  client.receive(challenge)
  client.advance()
  clock.advance(30)
  server.receive(client.take())
  assert.is(server.advance(), 'connected')
  server.write(new Uint8Array(SHORT))
  pacing.send()
  assert.equal(pacing.writes, [
    [0, 176],
    [30, 24],
  ])
  // Bytes alone do not say that it has read the header.
  pacing.sender.received()
  clock.advance(49 + 2 * 30)
  assert.is(pacing.writes.length, 2)
  clock.advance(1)
  pacing.take()
  assert.equal(pacing.writes[2], [30 + 50 + 2 * 30, SHORT_RECORD])
})

still(test, 'a carrier that fails is given nothing more, and nobody is told that all is sent', clock => {
  const { pacing } = answered(clock, [SHORT, SHORT])
  pacing.slow = true
  pacing.sender.opened()
  clock.advance(3)
  pacing.take(new Error('gone'))
  clock.advance(1000)
  assert.is(pacing.writes.length, 2)
  assert.equal([pacing.drained, pacing.sender.busy, pacing.send()], [0, false, false])
})

still(test, 'one that is stopped sends nothing any more', clock => {
  const waiting = answered(clock, [SHORT])
  waiting.pacing.sender.stop()
  assert.is(clock.timers.all, 0)
  const writing = answered(clock, [SHORT, SHORT])
  writing.pacing.slow = true
  clock.advance(130)
  writing.pacing.sender.stop()
  writing.pacing.take()
  clock.advance(1000)
  assert.is(waiting.pacing.writes.length, 1)
  assert.is(writing.pacing.writes.length, 2)
  waiting.pacing.sender.opened()
  clock.advance(1000)
  assert.is(waiting.pacing.writes.length, 1)
})

still(test, 'to finish is to send what there is first', clock => {
  let finished = 0
  const { pacing, client } = answered(clock, [SHORT])
  finish(pacing.sender, () => finished++)
  assert.is(finished, 0)
  clock.advance(130)
  pacing.take()
  assert.is(finished, 1)
  assert.is(pacing.writes.length, 2)
  client.write(new Uint8Array(SHORT))
  pacing.send()
  clock.advance(1000)
  assert.is(pacing.writes.length, 2, 'nothing behind it')
  const idle = greeted(clock)
  finish(idle.pacing.sender, () => finished++)
  assert.is(finished, 2, 'at once, if there is nothing')
})

test.run()
