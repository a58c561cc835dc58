// What channels do by the clock, which stands still until it is told to go on: timers, keep-alives, silence, waiting for acceptance.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Acceptance } from '../../src/channel/acceptance.js'
import { Liveness } from '../../src/channel/liveness.js'
import { Timer } from '../../src/channel/timer.js'
import type { ChannelError } from '../../src/errors.js'
import { expectSigns, promiseSigns } from '../../src/node/signs-of-life.js'
import { CONTROL_ACCEPTED, CONTROL_ALIVE, CONTROL_CREDIT } from '../../src/wire/stream.js'
import { still } from '../support/clock.js'
import { codeOf, connectedPair, freshCore, hear, takeAll } from '../support/engines.js'

still(test, 'a timer runs when its time is over, and again, until it is stopped', clock => {
  const ran: number[] = []
  const timer = new Timer(100, () => ran.push(clock.now))
  clock.advance(99)
  assert.equal(ran, [])
  clock.advance(1)
  assert.equal(ran, [100])
  clock.advance(250)
  assert.equal(ran, [100, 200, 300])
  timer.stop()
  clock.advance(1000)
  assert.equal(ran, [100, 200, 300])
  assert.is(clock.timers.all, 0)
})

still(test, 'a timer that is put off runs a whole time later, and needs no new one for that', clock => {
  const ran: number[] = []
  const timer = new Timer(100, () => ran.push(clock.now))
  for (let at = 0; at < 10; at++) {
    clock.advance(60)
    timer.refresh()
    assert.is(clock.timers.all, 1)
  }
  assert.equal(ran, [])
  clock.advance(99)
  assert.equal(ran, [])
  clock.advance(1)
  assert.equal(ran, [700])
})

still(test, 'a timer that is a millisecond early runs; one that is stopped as it runs does not run again', clock => {
  const ran: number[] = []
  const timer = new Timer(100, () => {
    ran.push(clock.now)
    timer.stop()
  })
  clock.advance(1)
  timer.refresh()
  clock.advance(99)
  assert.equal(ran, [100])
  clock.advance(1000)
  assert.equal(ran, [100])
  // Nor does one that was stopped when its time had come already.
  const late = new Timer(100, () => ran.push(clock.now))
  late.stop()
  clock.advance(1000)
  assert.equal(ran, [100])
})

still(test, 'a time of 0 is none; a timer in the background keeps no process', clock => {
  const never = new Timer(0, () => assert.unreachable())
  assert.is(clock.timers.all, 0)
  never.refresh()
  clock.advance(10_000)
  const both = [new Timer(100, () => {}, true), new Timer(100, () => {})]
  assert.equal(clock.timers, { all: 2, foreground: 1 })
  clock.advance(150)
  assert.equal(clock.timers, { all: 2, foreground: 1 }, 'also the next time')
  for (const it of both) it.stop()
})

/** One end with its liveness, and what it has done. */
function living(options: { heartbeat?: number; idleTimeout?: number }, version: 1 | 2 = 2) {
  const { client, server } = connectedPair(version, { core: freshCore() })
  hear(server, takeAll(client))
  const channel = {
    engine: client,
    blocked: false,
    stopped: false,
    dataEnded: false,
    failure: undefined as unknown,
    sent: [] as number[],
    flush: () => {
      const bytes = takeAll(client)
      channel.sent.push(bytes.length)
      hear(server, bytes)
    },
    silent: undefined as { error: ChannelError; told: boolean } | undefined,
    onSilent: (error: ChannelError, told: boolean) => {
      channel.silent = { error, told }
    },
    failed: undefined as unknown,
    fail: (error: unknown) => {
      channel.failed = error
    },
  }
  return { channel, client, server, liveness: new Liveness(channel, options) }
}

const KEEP_ALIVE_BYTES = { 1: 21, 2: 21 }

for (const version of [1, 2] as const) {
  still(test, `v${version}: a keep-alive goes out when nothing else has for so long`, clock => {
    const { channel, liveness } = living({ heartbeat: 1000 }, version)
    clock.advance(999)
    assert.equal(channel.sent, [])
    clock.advance(1)
    assert.equal(channel.sent, [KEEP_ALIVE_BYTES[version]])
    // What is sent otherwise puts it off.
    for (let at = 0; at < 5; at++) {
      clock.advance(900)
      liveness.sent()
    }
    assert.is(channel.sent.length, 1)
    clock.advance(999)
    assert.is(channel.sent.length, 1)
    clock.advance(1)
    assert.is(channel.sent.length, 2)
    liveness.stop()
    clock.advance(10_000)
    assert.is(channel.sent.length, 2)
    assert.is(clock.timers.all, 0)
  })
}

still(test, 'bytes that wait to be sent are what keeps the link alive', clock => {
  const { channel, client } = living({ heartbeat: 1000 })
  client.write(Buffer.from('waits'))
  const waiting = client.sendWindow().length
  clock.advance(1000)
  assert.equal(channel.sent, [waiting], 'they go out, and nothing with them')
  channel.blocked = true
  clock.advance(1000)
  assert.equal(channel.sent, [waiting, 0])
  channel.blocked = false
  client.end()
  const end = client.sendWindow().length
  clock.advance(5000)
  assert.equal(channel.sent, [waiting, 0], 'behind an end nothing may follow')
  assert.is(client.sendWindow().length, end)
})

still(test, 'a channel that has failed, and waits to be read, sends no keep-alive', clock => {
  const { channel } = living({ heartbeat: 1000 })
  channel.failure = new Error('gone')
  clock.advance(5000)
  assert.equal(channel.sent, [])
})

still(test, 'a silent peer is told so', clock => {
  const { channel, client, server, liveness } = living({ idleTimeout: 1000 })
  for (let at = 0; at < 5; at++) {
    clock.advance(900)
    liveness.received()
  }
  clock.advance(1000)
  assert.is(channel.silent, undefined, 'what has come by now is to be read first')
  clock.advance(1)
  assert.is(channel.silent?.error.code, 'LINK_TIMEOUT')
  assert.match(channel.silent?.error.message ?? '', /silent for longer than idleTimeout/)
  assert.is(channel.silent?.told, true)
  assert.equal(hear(server, takeAll(client)).events, ['alert'])
  assert.equal(server.alertReceived, { code: 5, text: 'idle timeout' })
})

still(test, 'a peer whose bytes lie here, while this process was busy, is not silent', clock => {
  const { channel, liveness } = living({ idleTimeout: 1000 })
  clock.stall(5000)
  clock.advance(0)
  liveness.received()
  clock.advance(999)
  assert.is(channel.silent, undefined)
  clock.advance(2)
  assert.ok(channel.silent)
})

still(test, 'one that is stopped between does not judge', clock => {
  const { channel, liveness } = living({ idleTimeout: 1000 })
  clock.advance(1000)
  liveness.stop()
  clock.advance(10_000)
  assert.is(channel.silent, undefined)
})

still(test, 'no silence is judged that says nothing', clock => {
  for (const why of ['stopped', 'dataEnded'] as const) {
    const { channel, client } = living({ idleTimeout: 1000 })
    channel[why] = true
    clock.advance(1001)
    assert.is(channel.silent, undefined, why)
    assert.is(client.writeEnded, false)
    channel[why] = false
    clock.advance(1001)
    assert.ok(channel.silent, 'but the next is')
  }
})

still(test, 'a peer that cannot be told is not', clock => {
  const waiting = living({ idleTimeout: 1000 })
  waiting.client.write(Buffer.from('does not go out'))
  const ended = living({ idleTimeout: 1000 })
  ended.client.end()
  takeAll(ended.client)
  for (const { channel, client } of [waiting, ended]) {
    const { length } = client.sendWindow()
    clock.advance(1001)
    assert.is(channel.silent?.told, false)
    assert.is(client.sendWindow().length, length)
  }
})

still(test, 'a channel that failed while what came before waits to be read: that is what it fails with', clock => {
  const { channel } = living({ idleTimeout: 1000 })
  const failure = new Error('reset')
  channel.failure = failure
  clock.advance(1001)
  assert.is(channel.failed, failure)
  assert.is(channel.silent, undefined)
})

still(test, 'an error in a timer is the channel’s', clock => {
  for (const options of [{ heartbeat: 1000 }, { idleTimeout: 1000 }]) {
    const { channel, client } = living(options)
    client.close()
    clock.advance(1001)
    assert.is(
      codeOf(() => {
        throw channel.failed
      }),
      'USE_CLOSED',
    )
  }
})

still(test, 'keep-alives and silence are off unless they are asked for', clock => {
  const { channel } = living({})
  assert.is(clock.timers.all, 0)
  clock.advance(1e9)
  assert.equal([channel.sent.length, channel.silent, channel.failed], [0, undefined, undefined])
})

still(
  test,
  'a peer that promises signs of life is taken for gone after three intervals without one, and 5 s at least',
  clock => {
    const signs = (interval: number) => {
      const payload = new Uint8Array(4)
      new DataView(payload.buffer).setUint32(0, interval, true)
      const it = living({})
      return { ...it, expected: expectSigns(it.channel, { code: CONTROL_ALIVE, payload }) }
    }
    for (const [interval, most] of [
      [1, 5000],
      [1666, 5000],
      [1667, 5001],
      [10_000, 30_000],
    ] as const) {
      const { channel, expected } = signs(interval)
      clock.advance(most - 1)
      expected?.received()
      clock.advance(most)
      assert.is(channel.silent, undefined)
      clock.advance(1)
      assert.is(channel.silent?.error.code, 'LINK_TIMEOUT')
      const seconds = new RegExp(`for ${most / 1000} s, though it sends something every ${interval / 1000} s`)
      assert.match(channel.silent?.error.message ?? '', seconds)
      assert.is(channel.silent?.told, true)
      expected?.stop()
    }
    const none = signs(0)
    assert.is(none.expected, undefined)
    assert.is(clock.timers.all, 0)
    for (const length of [0, 3, 5, 8]) {
      assert.is(
        codeOf(() => expectSigns(none.channel, { code: CONTROL_ALIVE, payload: new Uint8Array(length) })),
        'PEER_MALFORMED',
      )
    }
  },
)

still(test, 'an end promises signs of life if it sends them', () => {
  const promise = (options: { heartbeat?: number }, version: 1 | 2 = 2) => {
    const { client, server } = living({}, version)
    const promised = promiseSigns(client, options)
    const { events } = hear(server, takeAll(client))
    return promised ? Buffer.from(server.controlReceived?.payload ?? []).toString('hex') : events.length
  }
  assert.is(promise({ heartbeat: 0x01020304 }), '04030201')
  assert.is(promise({ heartbeat: 1000 }, 1), 0, 'version 1 has no control records')
  for (const options of [{}, { heartbeat: 0 }]) assert.is(promise(options), 0)
  const { client } = living({})
  client.end()
  assert.is(promiseSigns(client, { heartbeat: 1000 }), false)
})

/** What a promise has come to, once all that was under way is done. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  let state: unknown = 'waits'
  promise.then(
    () => (state = 'resolved'),
    error => (state = error),
  )
  await new Promise(resolve => setImmediate(resolve))
  return state
}

still(test, 'a client waits for its server’s word as long as it says, from when it asks', async clock => {
  const { client } = connectedPair(2)
  const acceptance = new Acceptance(client)
  clock.advance(5000)
  const asked = acceptance.within(1000)
  assert.is(acceptance.within(1), asked)
  clock.advance(999)
  assert.is(await stateOf(asked), 'waits')
  clock.advance(1)
  const error = (await stateOf(asked)) as ChannelError
  assert.is(error.code, 'LINK_TIMEOUT')
  assert.match(error.message, /1000 ms/)
})

still(test, 'what of the server’s is taken for its word', async clock => {
  const hears = async (make: (server: ReturnType<typeof connectedPair>['server']) => void) => {
    const { client, server } = connectedPair(2, { core: freshCore() })
    const acceptance = new Acceptance(client)
    const asked = acceptance.within(1000)
    acceptance.heard('connected')
    assert.is(await stateOf(asked), 'waits')
    make(server)
    client.receive(takeAll(server))
    for (let event = client.advance(); event !== 'idle'; event = client.advance()) {
      acceptance.heard(event)
      if (event === 'data' || event === 'message') client.readData()
    }
    const state = await stateOf(asked)
    if (state === 'resolved') assert.is(clock.timers.all, 0, 'the time is stopped')
    assert.is(acceptance.accepted, state === 'resolved')
    acceptance.fail(() => new Error('over'))
    return state === 'waits' ? `waits, then ${((await stateOf(asked)) as Error).message}` : state
  }
  assert.is(await hears(it => it.accept()), 'resolved')
  assert.is(await hears(it => it.control(CONTROL_ACCEPTED)), 'resolved')
  assert.is(await hears(it => it.write(Buffer.from('x'))), 'resolved')
  assert.is(await hears(it => it.write(Buffer.alloc(0), 0, true)), 'resolved')
  assert.is(await hears(it => it.end()), 'resolved')
  assert.is(await hears(it => it.control(9)), 'resolved')
  assert.is(await hears(it => it.control(CONTROL_CREDIT, new Uint8Array(16))), 'waits, then over')
  assert.is(await hears(it => it.alert(3, 'no')), 'waits, then over')
  clock.advance(5000)
})

still(test, 'what was heard before it is asked for', async clock => {
  const { client, server } = connectedPair(2)
  const accepted = new Acceptance(client)
  accepted.heard('data')
  accepted.fail(() => assert.unreachable('nobody has to be told'))
  assert.is(await stateOf(accepted.within(1000)), 'resolved')
  const failed = new Acceptance(client)
  failed.fail(() => new Error('first'))
  failed.heard('data')
  assert.is(((await stateOf(failed.within(1000))) as Error).message, 'first')
  assert.is(await stateOf(new Acceptance(server).within(1000)), 'resolved', 'a server has accepted by itself')
  assert.is(clock.timers.all, 0)
  // Without a limit there is none.
  const patient = new Acceptance(client).within(0)
  clock.advance(1e9)
  assert.is(await stateOf(patient), 'waits')
})

test.run()
