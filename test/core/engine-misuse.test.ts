// Wrong use of the engine, and a random source that fails: an error, nothing lost that was there, and no secret left behind.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, RecordOpener, Router } from '../../src/engine/index.js'
import { parseAddress } from '../../src/keys/address.js'
import { drawKeyPair } from '../../src/keys/pair.js'
import { clientKeys, codeOf, connectedPair, freshCore, hear, serverKeys, takeAll } from '../support/engines.js'

const NO_LENGTHS = [-1, 0.5, Number.NaN, 2 ** 32, 2 ** 32 + 1, '1', undefined] as unknown as number[]

for (const version of [2, 1] as const) {
  test(`v${version}: a length that is none, or too long, changes nothing`, () => {
    const { client, server } = connectedPair(version)
    assert.is(client.write(Buffer.from('all of it')), 9)
    const waiting = client.sendWindow().length
    for (const length of [...NO_LENGTHS, waiting + 1]) {
      assert.is(
        codeOf(() => client.sent(length)),
        'USE_BAD_OPTION',
      )
    }
    assert.is(client.sendWindow().length, waiting)
    server.receive(takeAll(client))
    assert.is(server.advance(), 'data')
    for (const length of [...NO_LENGTHS, 10]) {
      assert.is(
        codeOf(() => server.consume(length)),
        'USE_BAD_OPTION',
      )
    }
    assert.is(String(Buffer.from(server.readData())), 'all of it')
    for (const length of NO_LENGTHS) {
      assert.is(
        codeOf(() => server.received(length)),
        'USE_BAD_OPTION',
      )
      assert.is(
        codeOf(() => client.wrote(length)),
        'USE_BAD_OPTION',
      )
    }
    client.close()
    server.close()
  })

  test(`v${version}: what was not written into a window is not sent`, () => {
    const { client, server } = connectedPair(version)
    const wrote = (length: number) => codeOf(() => client.wrote(length))
    assert.is(wrote(1), 'USE_BAD_OPTION')
    const window = client.writeWindow(10)
    window.fill(7)
    assert.is(wrote(11), 'USE_BAD_OPTION')
    assert.is(wrote(10), 'none')
    assert.is(wrote(1), 'USE_BAD_OPTION')
    // An empty one needs no window.
    client.wrote(0, true)
    assert.equal(
      hear(server, takeAll(client)).messages.map(it => it.length),
      [10],
    )
    client.close()
    server.close()
  })

  for (const role of ['client', 'server'] as const) {
    test(`v${version}: a ${role} whose random source fails, at every draw`, () => {
      let failed = 0
      for (let draw = 1; draw === failed + 1; draw++) if (failsAt(version, role, draw)) failed = draw
      assert.ok(failed >= 4, `${failed} draws`)
    })
  }
}

/** Opens a channel whose random source throws at this draw of one end's. False: there are not so many. */
function failsAt(version: 1 | 2, role: 'client' | 'server', draw: number): boolean {
  const failure = new Error('no entropy')
  const drawn: Uint8Array[] = []
  let armed = false
  const core = freshCore(out => {
    if (armed && drawn.length === draw - 1) throw failure
    crypto.getRandomValues(out)
    if (armed) drawn.push(out.slice())
  })
  const used = core.bytesInUse
  const keyPair = role === 'client' ? clientKeys : serverKeys
  const act = <T>(who: 'client' | 'server', run: () => T): T => {
    armed = who === role
    try {
      return run()
    } finally {
      armed = false
    }
  }
  let client: Engine | undefined
  let server: Engine | undefined
  let thrown: unknown
  try {
    const [one, other] = [
      { keyPair: clientKeys, serverKey: 'any', version } as const,
      { keyPair: serverKeys, versions: [version], strangers: 'answer' as const },
    ]
    client = act('client', () => Engine.client(core, one))
    server = act('server', () => Engine.server(core, other))
    for (let turn = 0; turn < 3; turn++) {
      act('server', () => server?.receive(takeAll(client as Engine)))
      act('client', () => client?.receive(takeAll(server as Engine)))
    }
  } catch (error) {
    thrown = error
  }
  const broken = role === 'client' ? client : server
  if (thrown) {
    assert.is(thrown, failure)
    // It is gone, if it has come to be at all.
    if (broken) {
      assert.is(
        codeOf(() => broken.advance()),
        'USE_CLOSED',
      )
    }
    const other = role === 'client' ? server : client
    other?.close()
    assert.is(core.bytesInUse, used)
    const memory = Buffer.from(core.bytes.buffer)
    for (const secret of [keyPair.secretKey, ...drawn.filter(it => it.length >= 32)]) {
      assert.is(memory.indexOf(secret), -1, `draw ${draw} leaves a secret behind`)
    }
  } else {
    client?.close()
    server?.close()
  }
  return thrown !== undefined
}

test('a random source that fails for a key pair, and for a reject; and is well again', () => {
  let broken = true
  const core = freshCore(out => {
    if (broken) throw new Error('no entropy')
    crypto.getRandomValues(out)
  })
  assert.throws(() => drawKeyPair(core), /no entropy/)
  const router = new Router(core, serverKeys)
  broken = false
  const client = Engine.client(core, { keyPair: clientKeys, serverKey: serverKeys.publicKey })
  const hello = takeAll(client)
  const opened = router.open(hello)!
  broken = true
  assert.throws(() => router.reject(hello, opened, 2), /no entropy/)
  broken = false
  assert.is(router.reject(hello, opened, 2).length, 76)
  client.close()
})

test('an opener that is closed opens nothing, and can be closed again', () => {
  const core = freshCore()
  const opener = new RecordOpener(core, 2, new Uint8Array(32).fill(1))
  opener.close()
  const record = new Uint8Array(30)
  record[0] = record.length
  assert.is(
    codeOf(() => opener.open(record)),
    'USE_CLOSED',
  )
  opener.close()
  assert.is(core.bytesInUse, 0)
})

test('a second close touches nothing', () => {
  for (const version of [1, 2] as const) {
    const own = freshCore()
    const { client, server } = connectedPair(version, { core: own })
    client.close()
    const before = Buffer.from(own.bytes)
    client.close()
    assert.ok(Buffer.from(own.bytes).equals(before), 'no byte of what all channels share')
    hear(server)
    server.close()
    assert.is(own.bytesInUse, 0)
  }
})

test('options without a prototype are options', () => {
  const bare = (options: object) => Object.assign(Object.create(null), options)
  const client = Engine.client(freshCore(), bare({ keyPair: bare(clientKeys), serverKey: 'any' }))
  const server = Engine.server(freshCore(), bare({ keyPair: bare(serverKeys) }))
  server.receive(takeAll(client))
  client.receive(takeAll(server))
  assert.is(client.advance(), 'connected')
  client.close()
  server.close()
})

test('what is no text is no address', () => {
  for (const text of [undefined, null, 5, {}, [], new URL('nopki://pk_x@h:1')]) {
    assert.is(
      codeOf(() => parseAddress(text as never)),
      'USE_BAD_ADDRESS',
    )
  }
})

test.run()
