import { readFileSync } from 'node:fs'
import { type ClientEngineOptions, Engine, type ServerEngineOptions } from '../../src/engine/index.js'
import { drawKeyPair } from '../../src/keys/pair.js'
import { nodeCipher } from '../../src/node/cipher.js'
import { sodiumMultiplier } from '../../src/node/sodium.js'
import { hostPrimitives } from '../../src/wasm/host.js'
import { Core, type RandomSource } from '../../src/wasm/instance.js'

export const wasm = new Uint8Array(readFileSync(new URL('../../channel.wasm', import.meta.url)))

/** The platform's primitives, the cipher for every record of version 2, however short; not where the tests run without them. */
const native = process.env.NOPKI_NATIVE !== '0'
const cipher = native ? nodeCipher(1) : undefined
const multiplier = native ? sodiumMultiplier() : undefined

/** What a record of the engine carries at most: `maxRecord` less what is not data. */
export const LIMITS = { 1: 8170, 2: 65_340 }

/** An instance of its own: its memory holds what this test put there and nothing else. */
export function freshCore(random?: RandomSource): Core {
  return new Core(wasm, random, hostPrimitives(cipher, multiplier))
}

const shared = freshCore()
export const clientKeys = drawKeyPair(shared)
export const serverKeys = drawKeyPair(shared)

export interface Pair {
  client: Engine
  server: Engine
}

type Options = Partial<ClientEngineOptions & ServerEngineOptions> & { core?: Core }

/** Two engines before their first byte; the client has the server pinned. */
export function newPair(version: 1 | 2, { core = shared, versions = [version], ...options }: Options = {}): Pair {
  return {
    client: Engine.client(core, { keyPair: clientKeys, serverKey: serverKeys.publicKey, version, ...options }),
    server: Engine.server(core, { keyPair: serverKeys, versions, ...options }),
  }
}

/** Two engines whose handshake is over. */
export function connectedPair(version: 1 | 2, options: Options = {}): Pair {
  const pair = newPair(version, options)
  handshake(pair)
  return pair
}

export function handshake({ client, server }: Pair): void {
  server.receive(client.take())
  client.receive(takeAll(server))
  if (client.advance() !== 'connected') throw new Error('the client is not connected')
  server.receive(takeAll(client))
  if (server.advance() !== 'connected') throw new Error('the server is not connected')
  // Version 1's server has its stream header to send.
  hear(client, takeAll(server))
}

/** All there is to send, whatever the writes it is to go out in. */
export function takeAll(engine: Engine): Uint8Array {
  const units: Uint8Array[] = []
  for (let unit = engine.take(); unit.length > 0; unit = engine.take()) units.push(unit)
  return Buffer.concat(units)
}

export interface Heard {
  data: Buffer
  messages: Buffer[]
  events: string[]
}

/** Everything that an engine reports of what it was given, until it is idle; throws what it throws. */
export function hear(engine: Engine, bytes: Uint8Array = new Uint8Array(), step = bytes.length): Heard {
  const heard: Heard = { data: Buffer.alloc(0), messages: [], events: [] }
  hearInto(heard, engine, bytes, step)
  return heard
}

/** As `hear`, keeping what was heard before an error. */
export function hearInto(heard: Heard, engine: Engine, bytes: Uint8Array, step = bytes.length): void {
  const message: Buffer[] = []
  let at = 0
  for (;;) {
    const event = engine.advance()
    if (event === 'idle') {
      if (at === bytes.length) return
      at += engine.receive(bytes.subarray(at, Math.min(bytes.length, at + step)))
      continue
    }
    heard.events.push(event)
    if (event !== 'data' && event !== 'message') continue
    const data = Buffer.from(engine.readData())
    heard.data = Buffer.concat([heard.data, data])
    message.push(data)
    if (event === 'message') heard.messages.push(Buffer.concat(message.splice(0)))
  }
}

/** Writes all of the data, handing what is sealed to `send`. */
export function writeAll(
  engine: Engine,
  data: Uint8Array,
  send: (bytes: Uint8Array) => void,
  endOfMessage = false,
): void {
  let at = engine.write(data, 0, endOfMessage)
  send(takeAll(engine))
  while (at < data.length) {
    at += engine.write(data, at, endOfMessage)
    send(takeAll(engine))
  }
}

/** The code of the ChannelError that a call throws; `none` where it returns. */
export function codeOf(call: () => unknown): string {
  try {
    call()
    return 'none'
  } catch (error) {
    const { name, code } = error as { name: string; code?: string }
    return name === 'ChannelError' ? String(code) : `${name}: ${(error as Error).message}`
  }
}

/** A core whose protocol has another name: the last letter of it is a constant in its code. */
export function changedCore(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  // "AKE2b" as an i64 in LEB128, as assembly/transcript.ts stores it.
  const name = Buffer.from('42c1969592a30c', 'hex')
  const copy = new Uint8Array(bytes)
  const at = Buffer.from(copy.buffer).indexOf(name)
  if (at < 0) throw new Error('the protocol’s name is not in the core')
  copy[at + 1] = 0xc3
  return copy
}
