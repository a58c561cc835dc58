// What strangers, and clients that mean harm, do to a server; and whether honest clients get in meanwhile.

import net from 'node:net'
import { Engine } from '../../src/engine/index.js'
import { connect, generateKeyPair, type KeyPair } from '../../src/node/index.js'
import { nodeCore } from '../../src/node/load.js'

export interface Target {
  port: number
  serverKey: Uint8Array
  /** Where the hello goes, if a router is in front. */
  middleboxKey?: Uint8Array
  /** A client that is let in, and means harm. */
  insider: KeyPair
  honest: KeyPair
}

export interface Attack {
  /** Resolves when it is in full swing. */
  begun: Promise<void>
  stop(): void
}

/** @param from the address that it comes from */
export type Attacker = (target: Target, from: string) => Attack

/** Of those who are not let in. */
export const STRANGERS: Record<string, Attacker> = {
  '1,100 silent connections': (target, from) => {
    const sockets = Array.from({ length: 1100 }, () => open(target, from))
    return attack(Promise.all(sockets.map(connected)), () => sockets)
  },
  '300 refused clients that stay': (target, from) => {
    const strangers = Array.from({ length: 300 }, () => channel(target, from, generateKeyPair()))
    return attack(Promise.all(strangers.map(it => it.connected)), () => strangers.map(it => it.socket))
  },
  'a flood of hellos': (target, from) => {
    const hello = helloOf(target, generateKeyPair())
    return flood(HELLOS_AT_ONCE, again => {
      const socket = open(target, from)
      socket.write(hello)
      // The challenge: it asks for the next one, and leaves this one as it is.
      socket.once('data', again).once('close', again)
      return socket
    })
  },
}

/** Of those who are, too. */
export const ATTACKS: Record<string, Attacker> = {
  ...STRANGERS,
  'a flood of key changes': (target, from) => floodRecords(target, from, engine => engine.rekey()),
  'a flood of 1-byte messages': (target, from) =>
    floodRecords(target, from, engine => void engine.write(ONE_BYTE, 0, true)),
}

/** How many honest clients, five at a time, get in and are answered; and how long the slowest took, in ms. */
export async function honestClients(target: Target, from: string, count: number) {
  let served = 0
  let slowest = 0
  const one = async () => {
    const started = performance.now()
    if (await isServed(target, from)) served += 1
    slowest = Math.max(slowest, performance.now() - started)
  }
  for (let at = 0; at < count; at += 5) await Promise.all([one(), one(), one(), one(), one()])
  return { served, slowest: Math.round(slowest) }
}

async function isServed(target: Target, from: string): Promise<boolean> {
  const { serverKey, middleboxKey, honest: keyPair } = target
  const keys = { serverKey, ...(middleboxKey && { middleboxKey }), keyPair }
  try {
    const socket = await connect({ stream: open(target, from), ...keys })
    const answer = new Promise<boolean>(resolve => {
      socket.once('data', data => resolve(String(data) === 'hello'))
      socket.once('close', () => resolve(false))
      socket.on('error', () => {})
    })
    socket.write('hello')
    const served = await answer
    socket.destroy()
    return served
  } catch {
    return false
  }
}

function open({ port }: Target, from: string): net.Socket {
  const options = { port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true, noDelay: true }
  return net.connect(options).on('error', () => {})
}

function connected(socket: net.Socket): Promise<void> {
  return new Promise(resolve => socket.once('connect', resolve).once('close', () => resolve()))
}

function attack(begun: Promise<unknown>, sockets: () => Iterable<net.Socket>): Attack {
  const stop = () => {
    for (const socket of sockets()) socket.destroy()
  }
  return { begun: begun.then(() => {}), stop }
}

/** So many at once, and another one for each that asks for it. Begun when each of the first has asked. */
function flood(atOnce: number, begin: (again: () => void) => net.Socket): Attack {
  const sockets = new Set<net.Socket>()
  let stopped = false
  let asked = 0
  let ready: () => void
  const next = () => {
    if (stopped) return
    let done = false
    const socket = begin(() => {
      if (done) return
      done = true
      asked += 1
      if (asked === atOnce) ready()
      setImmediate(next)
    })
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  const begun = new Promise<void>(resolve => {
    ready = resolve
  })
  for (let at = 0; at < atOnce; at++) next()
  const { stop } = attack(begun, () => sockets)
  return {
    begun,
    stop() {
      stopped = true
      stop()
    },
  }
}

/** Insiders that send as many records as are taken, and come again when they are cut off. */
function floodRecords(target: Target, from: string, seal: (engine: Engine) => void): Attack {
  const sockets = new Set<net.Socket>()
  let stopped = false
  const again = async (): Promise<void> => {
    const { engine, socket, connected: open } = channel(target, from, target.insider)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      if (!stopped) setImmediate(again)
    })
    await open
    const pour = () => {
      if (stopped || socket.destroyed || !engine.connected) return
      for (let at = 0; at < RECORDS_AT_ONCE; at++) seal(engine)
      if (socket.write(engine.take())) setImmediate(pour)
      else socket.once('drain', pour)
    }
    pour()
  }
  const { stop } = attack(Promise.resolve(), () => sockets)
  return {
    begun: Promise.all(Array.from({ length: INSIDERS }, again)).then(() => {}),
    stop() {
      stopped = true
      stop()
    },
  }
}

/** A client without the library's pace, which stays when it is refused. */
function channel(target: Target, from: string, keyPair: KeyPair) {
  const socket = open(target, from)
  const { serverKey, middleboxKey } = target
  const engine = Engine.client(nodeCore(), { keyPair, serverKey, ...(middleboxKey && { middleboxKey }) })
  socket.write(engine.take())
  const connected = new Promise<void>(resolve => {
    socket.once('close', resolve)
    socket.on('data', chunk => {
      if (engine.connected) return
      try {
        for (let at = 0; at < chunk.length && !engine.connected; engine.advance()) at += engine.receive(chunk, at)
      } catch {
        return void socket.destroy()
      }
      if (!engine.connected) return
      socket.write(engine.take())
      resolve()
    })
  })
  socket.once('close', () => setImmediate(() => engine.close()))
  return { socket, engine, connected }
}

function helloOf({ serverKey, middleboxKey }: Target, keyPair: KeyPair): Uint8Array {
  const engine = Engine.client(nodeCore(), { keyPair, serverKey, ...(middleboxKey && { middleboxKey }) })
  const hello = engine.take()
  engine.close()
  return hello
}

const ONE_BYTE = new Uint8Array(1)
const HELLOS_AT_ONCE = 100
const INSIDERS = 4
const RECORDS_AT_ONCE = 50
