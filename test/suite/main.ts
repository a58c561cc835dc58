// What a runner does when it is told to: the same in every runtime.

import type { ClientOptions, KeyPair, ServerOptions } from 'nopki/web'
import { sha256 } from './bytes.js'
import type { Carrier, End } from './carrier.js'
import type { Bench } from './cases.js'
import { answer, ask } from './conversation.js'
import { offer, sip } from './flood.js'
import { describe, runSuite } from './run.js'
import { watchWasm } from './wasm.js'

/** What only one runtime knows. */
export interface Platform {
  name: string
  generateKeyPair: Bench['generateKeyPair']
  /** How two ends can meet within this runtime; `relay` joins two WebSockets that come to it. */
  carriers(relay: string): Record<string, Carrier>
  /** Opens a channel to `nopki`’s server at a TCP port of this machine; not in a browser. */
  connectTcp?(port: number, options: ClientOptions): Promise<End>
  connectWebSocket(url: string, options: ClientOptions): Promise<End>
  /** Serves channels until the runner is stopped. Where a runtime cannot listen, its server meets clients at the relay. */
  serve(options: ServerOptions & { keyPair: KeyPair }, relay: string, onEnd: (end: End) => void): Promise<Listening>
  /** Where channel.wasm is compiled before any code runs: its bytes, from the same file. */
  wasmBytes?(): Promise<Uint8Array<ArrayBuffer>>
}

export interface Listening {
  /** A port of this machine. */
  tcp?: number
  /** A URL. */
  webSocket: string
}

export type Command =
  | { do: 'suite'; relay: string }
  /** The parts of the first connection, the second and so on; all others are as the last. */
  | { do: 'serve'; relay: string; keys: HexKeys; parts: Part[] }
  | { do: 'talk'; targets: Target[] }
  | { do: 'flood'; target: Target; part: Part }
  | { do: 'call'; call: Call }
  | { do: 'identify' }

/** What one end of a connection does. */
export type Part = { name: 'answer' } | { name: 'offer'; mib: number } | { name: 'sip' }

export interface Target {
  server: string
  serverKey: string
  version: 1 | 2
  tcp?: number
  webSocket?: string
}

/** What is said to a version 1 server that may send no end, such as the published program. */
export interface Call {
  port: number
  serverKey: string
  keys: HexKeys
  texts: string[]
  /** Milliseconds between two of them; or each waits for an answer. */
  apart: number | 'answered'
  maxRecord?: number
}

export interface HexKeys {
  publicKey: string
  secretKey: string
}

/** Runs one command, and reports lines that are JSON. */
export async function run(platform: Platform, command: Command, report: (line: object) => void): Promise<void> {
  switch (command.do) {
    case 'suite':
      return runSuite(platform.name, platform.carriers(command.relay), platform.generateKeyPair, report)
    case 'serve':
      return serve(platform, command, report)
    case 'talk':
      for (const target of command.targets) report(await talk(platform, target))
      return
    case 'flood':
      return report(await play(command.part, await open(platform, command.target), platform.name))
    case 'call':
      return call(platform, command.call)
    case 'identify':
      report(await identify(platform))
  }
}

async function call(platform: Platform, { port, serverKey, keys, texts, apart, maxRecord }: Call): Promise<void> {
  const end = await platform.connectTcp?.(port, {
    keyPair: { publicKey: fromHex(keys.publicKey), secretKey: fromHex(keys.secretKey) },
    serverKey: fromHex(serverKey),
    version: 1,
    allowTruncation: true,
    ...(maxRecord && { maxRecord }),
  })
  if (!end) return
  // Ends a connection in which that program waits for what it has lost.
  const timer = setTimeout(() => end.abandon(), PATIENCE_MS)
  try {
    for (const text of texts) {
      await end.write(new TextEncoder().encode(text))
      if (apart === 'answered') await end.read()
      else if (apart > 0) await new Promise(resolve => setTimeout(resolve, apart))
    }
    while (await end.read());
  } finally {
    clearTimeout(timer)
    await end.abandon()
  }
}

/** What is wrong with a connection; nothing, if all is well. */
export interface Talked {
  error?: string
  ms: number
}

/** What a runtime has loaded. */
export interface Identity {
  /** SHA-256. */
  wasm: string[]
}

async function identify(platform: Platform): Promise<Identity> {
  const compiled = watchWasm()
  await platform.generateKeyPair()
  const bytes = await platform.wasmBytes?.()
  return { wasm: bytes ? [await sha256(bytes)] : await compiled() }
}

async function serve(
  platform: Platform,
  { relay, keys, parts }: Extract<Command, { do: 'serve' }>,
  report: (line: object) => void,
): Promise<void> {
  const keyPair = { publicKey: fromHex(keys.publicKey), secretKey: fromHex(keys.secretKey) }
  const listening = await platform.serve({ keyPair, versions: [1, 2], authorize: 'anyone' }, relay, end => {
    // Who answers says what it has seen to the client. What fails here, the client at the other end reports.
    const part = (parts.length > 1 ? parts.shift() : parts[0]) ?? { name: 'answer' }
    play(part, end, platform.name).then(
      result => part.name !== 'answer' && report(result),
      () => end.abandon(),
    )
  })
  report(listening)
}

async function play(part: Part, end: End, name: string): Promise<object> {
  if (part.name === 'offer') return offer(end, part.mib)
  if (part.name === 'sip') return sip(end)
  await answer(end, name)
  return {}
}

async function talk(platform: Platform, target: Target): Promise<Talked> {
  const started = performance.now()
  const took = () => Math.round(performance.now() - started)
  let end: End | undefined
  try {
    const keyPair = await platform.generateKeyPair()
    end = await open(platform, target, keyPair)
    await ask(end, target.server, keyPair.publicKey)
    return { ms: took() }
  } catch (error) {
    return { error: describe(error), ms: took() }
  } finally {
    await end?.abandon()
  }
}

async function open(platform: Platform, target: Target, keyPair?: KeyPair): Promise<End> {
  const { serverKey, version, tcp, webSocket = '' } = target
  const keys = keyPair ?? (await platform.generateKeyPair())
  const options = { keyPair: keys, version, serverKey: fromHex(serverKey) }
  if (!tcp) return platform.connectWebSocket(webSocket, options)
  if (!platform.connectTcp) throw new Error('there is no TCP here')
  return platform.connectTcp(tcp, options)
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
}

const PATIENCE_MS = 5000
