// Options as a large program may hand them over by mistake, drawn at random. NOPKI_SEED repeats a run.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Engine, Router } from '../../src/engine/index.js'
import { connect, createServer, generateKeyPair } from '../../src/node/index.js'
import { secure } from '../../src/web/index.js'
import { freshCore, handshake } from '../support/engines.js'
import { cleanUpAfter, clientKeys, duplexPair, guarded, serverKeys, track } from '../support/sockets.js'
import { giveUpAfter, keep, streamPair } from '../support/web.js'

cleanUpAfter(test)
giveUpAfter(test)

const seed = Number(process.env.NOPKI_SEED ?? Math.floor(Math.random() * 2 ** 31))
const SECRET = 'hunter2-the-secret'
const OWN = new Error('a getter of the caller’s')

/** Mulberry32. */
let state = seed
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
}
const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T

const NAMES =
  `keyPair context padding maxRecord rekeyAfter native allowTruncation onKeys onWire version serverKey middleboxKey versions
  strangers handshakeTimeout idleTimeout heartbeat keepAlive signal authorize waitForAccept allowHalfOpen maxPendingHandshakes role stream
  authorise serverkey server_key contxt __proto__ constructor toString host port path secret length then`.split(/\s+/)

function bytes(length: number): Uint8Array {
  const kinds = [
    () => new Uint8Array(length).fill(7),
    () => Buffer.alloc(length, 7),
    () => new Uint8Array(new SharedArrayBuffer(length)).fill(7),
    () => new Uint8Array(Math.max(length, 1) + 8).fill(7).subarray(8),
    () => Object.defineProperty(new Uint8Array(length).fill(7), 'length', { value: random(100) }),
    () => Object.defineProperty(new Uint8Array(length).fill(7), 'constructor', { value: Array }),
    () => {
      const gone = new Uint8Array(length)
      structuredClone(gone, { transfer: [gone.buffer] })
      return gone
    },
  ]
  return pick(kinds)()
}

const VALUES: (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () =>
    pick([
      0,
      -0,
      1,
      2,
      3,
      -1,
      0.5,
      64,
      255,
      8192,
      65_535,
      1e6,
      2 ** 31,
      2 ** 53,
      1e308,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]),
  () =>
    pick([
      '',
      'any',
      'anyone',
      'none',
      'full',
      'answer',
      'ignore',
      'client',
      'server',
      SECRET,
      `sk_${SECRET}`,
      '\ud800',
      'x'.repeat(1e6),
    ]),
  () => 5n,
  () => Symbol(SECRET),
  () => () => pick([true, false, undefined, {}, SECRET]),
  () => async () => pick([true, false]),
  () => bytes(pick([0, 1, 31, 32, 32, 32, 33, 64, 1000, 1e6])),
  () => new DataView(new ArrayBuffer(32)),
  () => new Uint16Array(32).fill(7),
  () => [1, 2],
  () => [2],
  () => new Array(1e9),
  () => ({ block: value() }),
  () => ({ publicKey: value(), secretKey: value() }),
  () => ({ publicKey: serverKeys.publicKey, secretKey: bytes(pick([32, 33, 1e6])) }),
  () => generateKeyPair(),
  () => serverKeys.publicKey.slice(),
  () => ({ aborted: false, addEventListener() {}, removeEventListener() {} }),
  () => new AbortController().signal,
  () => AbortSignal.abort(new Error('done')),
  () => ({ [SECRET]: SECRET, toString: () => SECRET, valueOf: () => 64 }),
  () => new Proxy({}, { get: () => value() }),
  () => new Proxy(serverKeys.publicKey, {}),
]

let depth = 0
function value(): unknown {
  if (depth > 2) return random(100)
  depth++
  try {
    return pick(VALUES)()
  } finally {
    depth--
  }
}

/** Mostly sound options, some of them replaced, in an object of any kind. */
function mangle(sound: Record<string, unknown>): object {
  const names = Array.from({ length: random(4) }, () => pick(NAMES))
  const options: Record<string, unknown> = { ...sound }
  for (const name of names) {
    const descriptor = pick([
      () => ({ value: value(), enumerable: random(2) === 0, writable: true }),
      () => ({ get: () => value(), enumerable: true }),
      () => ({
        get() {
          throw OWN
        },
      }),
    ])()
    Object.defineProperty(options, name, { ...descriptor, configurable: true })
  }
  return pick([
    () => options,
    () => options,
    () => Object.freeze(options),
    () => Object.create(options),
    () => new Proxy(options, {}),
    () => new Proxy(options, { getOwnPropertyDescriptor: () => undefined }),
    () => new Proxy(options, { ownKeys: () => [SECRET], getOwnPropertyDescriptor: () => undefined }),
    () => Object.setPrototypeOf(options, null),
    () => Object.assign(options, { [Symbol('x')]: SECRET }),
  ])()
}

/** A core that notices what is copied past the memory that was lent for it. */
function guardedCore() {
  const core = freshCore()
  const lent: [from: number, to: number][] = []
  const { lend } = core
  core.lend = (size, use) =>
    lend.call(core, size, pointer => {
      lent.push([pointer, pointer + size])
      try {
        return use(pointer)
      } finally {
        lent.pop()
      }
    }) as never
  const real = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(core), 'bytes')!.get!
  Object.defineProperty(core, 'bytes', {
    get() {
      const memory: Uint8Array = real.call(core)
      if (!Object.hasOwn(memory, 'set')) Object.defineProperty(memory, 'set', { value: checkedSet })
      return memory
    },
  })
  function checkedSet(this: Uint8Array, source: Uint8Array, at = 0): void {
    const end =
      at + Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length')!.get!.call(source)
    if (lent.length > 0 && !lent.some(([from, to]) => at >= from && end <= to))
      throw new Error('a byte outside what was lent')
    Uint8Array.prototype.set.call(this, source, at)
  }
  return core
}

function checkFailure(error: unknown): void {
  if (error === OWN) return
  const { name, code = '', stack = '', message } = error as Error & { code?: string }
  assert.not.match(`${message}${stack}`, SECRET)
  const known =
    name === 'ChannelError' || name === 'AbortError' || message === 'done' || String(code).startsWith('ERR_')
  assert.ok(known, `${stack}`)
}

async function attempt(run: () => unknown): Promise<void> {
  const before = state
  try {
    await run()
  } catch (error) {
    try {
      checkFailure(error)
    } catch (failure) {
      throw new Error(`with NOPKI_SEED=${seed}, at ${before}: ${(failure as Error).message}`)
    }
  }
}

guarded(
  test,
  `the engine and the router: nothing but typed errors, no byte where none belongs (seed ${seed})`,
  async () => {
    const core = guardedCore()
    for (let round = 0; round < 1500; round++) {
      await attempt(() => {
        const client = Engine.client(core, mangle({ keyPair: clientKeys, serverKey: serverKeys.publicKey }) as never)
        client.close()
      })
      await attempt(() => Engine.server(core, mangle({ keyPair: serverKeys }) as never).close())
      await attempt(() => {
        const router = new Router(core, mangle({ ...serverKeys }) as never)
        router.open(value() as never)
      })
      assert.is(core.bytesInUse, 0)
    }
    const client = Engine.client(core, { keyPair: clientKeys, serverKey: serverKeys.publicKey })
    const server = Engine.server(core, { keyPair: serverKeys })
    handshake({ client, server })
    await attempt(() => client.exportKey(value() as never, value() as never, value() as never))
    for (let round = 0; round < 500; round++) {
      await attempt(() => client.exportKey(value() as never, value() as never, value() as never))
    }
  },
)

guarded(
  test,
  `sockets and streams: no hang, no uncaught error, no secret in a message (seed ${seed})`,
  async () => {
    const time = { handshakeTimeout: 500 }
    for (let round = 0; round < 150; round++) {
      await attempt(async () => {
        const [near, far] = duplexPair().map(it => track(it).on('error', () => {}))
        const server = createServer({ keyPair: serverKeys, authorize: 'anyone', ...time }, it =>
          track(it).on('error', () => {}),
        )
        server.emit('connection', far)
        const options = mangle({ stream: near, serverKey: serverKeys.publicKey, ...time })
        track(await connect(options as never)).on('error', () => {})
      })
      await attempt(async () => {
        const options = mangle({ keyPair: serverKeys, authorize: () => true, ...time })
        const server = createServer(options as never, it => track(it).on('error', () => {}))
        const [near, far] = duplexPair().map(it => track(it).on('error', () => {}))
        server.emit('connection', far)
        track(await connect({ stream: near!, serverKey: 'any', ...time })).on('error', () => {})
      })
      await attempt(async () => {
        const [near, far] = streamPair()
        secure(far, { role: 'server', keyPair: serverKeys, authorize: 'anyone', ...time }).then(keep, () => {})
        keep(await secure(near, mangle({ serverKey: serverKeys.publicKey, ...time }) as never))
      })
    }
  },
  240_000,
)

test.run()
