// What our ends and the published program do together, a row a case: each runs once, and tells whether it went as it should.

import { once } from 'node:events'
import type net from 'node:net'
import { connect, createServer, generateKeyPair, type SecureSocket, type ServeOptions } from '../../src/node/index.js'
import type { Runner } from '../runtimes/launch.js'
import type { Call } from '../suite/main.js'
import { startRelay } from './relay.js'
import { type Client, type Ending, type Server, startClient, startServer } from './standin.js'

export interface Row {
  name: string
  /** Whether it went well. */
  run(): Promise<boolean>
  stop(): void
}

/** @param runner a runtime for our client; without it, this process. Then there are no rows of our server. */
export function rows({ relays = [25], runner }: { relays?: number[]; runner?: Runner } = {}): Row[] {
  const calls = callRows(relays, runner)
  return runner ? calls : [...calls, ...serveRows(relays)]
}

/** That program as the server. */
function callRows(relays: number[], runner: Runner | undefined): Row[] {
  const heardAll = (ending: Ending) => heard(ending) === MESSAGES
  return [
    ...[0, 1, 5].map(apart =>
      calledRow(runner, `client, 20 messages of 10 bytes, ${apart} ms apart`, {
        steps: [`hear ${MESSAGES.length}`],
        says: { texts: messages(), apart },
        good: heardAll,
      }),
    ),
    calledRow(runner, 'client, 50 KB with maxRecord: 1024', {
      steps: [`hear ${BULK.length}`],
      says: { texts: [BULK], apart: 0, maxRecord: 1024 },
      good: ending => heard(ending) === BULK,
    }),
    ...relays.map(every =>
      calledRow(runner, `client, over a relay that delivers every ${every} ms`, {
        steps: ['hear 8', 'say answer', 'hear 8', 'say answer'],
        every,
        says: { texts: [QUESTION, QUESTION], apart: 'answered' },
        good: ending => heard(ending) === QUESTION + QUESTION,
      }),
    ),
  ]
}

/** That program as the client. */
function serveRows(relays: number[]): Row[] {
  const answered = (ending: Ending) => heard(ending) === ANSWER && ending.ended === `alert 1 ${REASON}`
  const relayed = relays.flatMap(every => [
    servedRow(`server, over a relay that delivers every ${every} ms`, {
      steps: ['say question', 'hear 6', 'say question', 'hear 6'],
      every,
      serve: socket => socket.on('data', () => socket.write(ANSWER)),
      good: ending => heard(ending) === ANSWER + ANSWER,
    }),
    servedRow(`server speaks first, over a relay that delivers every ${every} ms`, {
      steps: ['hear 6'],
      every,
      serve: socket => socket.write(ANSWER),
      good: ending => heard(ending) === ANSWER,
    }),
    servedRow(`server, 20 messages, padding: 'full', over a relay that delivers every ${every} ms`, {
      steps: ['say question', `hear ${MESSAGES.length}`],
      every,
      options: { padding: 'full' },
      serve: socket => socket.once('data', () => send(socket, 1)),
      good: ending => heard(ending) === MESSAGES,
    }),
  ])
  return [
    servedRow('server writes, then an alert at once, after a client’s message', {
      steps: ['say question', 'hear all'],
      serve: socket => socket.once('data', () => answerAndLeave(socket)),
      good: answered,
    }),
    servedRow('server speaks first: write and alert at once', {
      steps: ['hear all'],
      serve: answerAndLeave,
      good: answered,
    }),
    ...[0, 1, 5].map(apart =>
      servedRow(`server, 20 messages of 10 bytes, ${apart} ms apart`, {
        steps: ['say question', `hear ${MESSAGES.length}`],
        serve: socket => socket.once('data', () => send(socket, apart)),
        good: ending => heard(ending) === MESSAGES,
      }),
    ),
    servedRow('server, 50 KB with maxRecord: 1024', {
      steps: ['say question', `hear ${BULK.length}`],
      options: { maxRecord: 1024 },
      serve: socket => socket.once('data', () => socket.write(BULK)),
      good: ending => heard(ending) === BULK,
    }),
    ...relayed,
    ...refusals(),
  ]
}

/** Where that program aborts at a code that it does not know. */
function refusals(): Row[] {
  const steps = ['say question', 'hear all']
  const told = (text: string) => (ending: Ending) => !ending.aborted && ending.ended.startsWith(`alert 1 ${text}`)
  return [
    servedRow('server refuses the client', {
      steps,
      options: { authorize: () => false },
      good: told('not authorized: '),
    }),
    servedRow('server, idleTimeout', {
      steps,
      options: { idleTimeout: 100 },
      serve: socket => socket.resume(),
      good: told('idle timeout'),
    }),
    servedRow('server, alert(4)', {
      steps,
      serve: socket => socket.once('data', () => socket.alert(4, REASON).catch(() => {})),
      good: told(`shutting down: ${REASON}`),
    }),
  ]
}

interface Common {
  /** What the published program does. */
  steps: string[]
  /** Through a relay that delivers every so many milliseconds. */
  every?: number
  good(ending: Ending): boolean
}

/** Our server, and that program as the client. */
function servedRow(
  name: string,
  { steps, every, good, options, serve }: Common & { options?: Partial<ServeOptions>; serve?: Served },
): Row {
  let client: Client | undefined
  return {
    name,
    async run() {
      client ??= startClient(clientKeys, serverKeys.publicKey)
      const server = createServer(
        { keyPair: serverKeys, versions: [1], authorize: 'anyone', allowTruncation: true, ...options },
        socket => {
          socket.on('error', () => {})
          serve?.(socket)
          patience(socket)
        },
      )
      await listening(server)
      const relay = every === undefined ? undefined : await startRelay(portOf(server), every)
      const ending = await client.call(relay?.port ?? portOf(server), steps)
      relay?.close()
      server.close()
      return good(ending)
    },
    stop: () => client?.stop(),
  }
}

/** Our client, and that program as the server. */
function calledRow(
  runner: Runner | undefined,
  name: string,
  { steps, every, good, says }: Common & { says: Pick<Call, 'texts' | 'apart' | 'maxRecord'> },
): Row {
  let server: Server | undefined
  return {
    name,
    async run() {
      server ??= await startServer(serverKeys, steps)
      const relay = every === undefined ? undefined : await startRelay(server.port, every)
      const port = relay?.port ?? server.port
      const call = { port, serverKey: hex(serverKeys.publicKey), keys: HEX_KEYS, ...says }
      // How it ends here says nothing: that program has heard all of it, or it has not.
      const calling = runner ? runner.run({ do: 'call', call }, () => {}) : callHere(call)
      calling.catch(() => {})
      const ending = await server.next()
      if (ending.aborted) server = undefined
      await calling.catch(() => {})
      relay?.close()
      return good(ending)
    },
    stop: () => server?.stop(),
  }
}

async function callHere({ port, texts, apart, maxRecord }: Call): Promise<void> {
  const socket = await connect({
    host: '127.0.0.1',
    port,
    keyPair: clientKeys,
    serverKey: serverKeys.publicKey,
    version: 1,
    allowTruncation: true,
    ...(maxRecord && { maxRecord }),
  })
  patience(socket)
  const closed = new Promise(resolve => socket.on('error', () => {}).once('close', resolve))
  if (apart !== 'answered') socket.resume()
  for (const text of texts) {
    socket.write(text)
    if (apart === 'answered') await Promise.race([once(socket, 'data'), closed])
    else if (apart > 0) await new Promise(resolve => setTimeout(resolve, apart))
  }
  await closed
}

type Served = (socket: SecureSocket) => unknown

function answerAndLeave(socket: SecureSocket): void {
  socket.write(ANSWER)
  socket.alert(1, REASON).catch(() => {})
}

async function send(socket: SecureSocket, apart: number): Promise<void> {
  for (const message of messages()) {
    socket.write(message)
    await (apart === 0 ? null : new Promise(resolve => setTimeout(resolve, apart)))
  }
}

function messages(): string[] {
  return Array.from({ length: 20 }, (_, at) => `message ${String(at).padStart(2)}`)
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex')
}

/** Ends a connection in which that program waits for what it has lost. */
function patience(socket: SecureSocket): void {
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS)
  socket.once('close', () => clearTimeout(timer))
}

function heard({ heard }: Ending): string {
  return Buffer.from(heard, 'base64').toString()
}

async function listening(server: net.Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port
}

const clientKeys = generateKeyPair()
const serverKeys = generateKeyPair()
const PATIENCE_MS = 5000
const QUESTION = 'question'
const ANSWER = 'answer'
const REASON = 'that is all for today'
const MESSAGES = messages().join('')
const HEX_KEYS = { publicKey: hex(clientKeys.publicKey), secretKey: hex(clientKeys.secretKey) }
const BULK = 'the quick brown fox jumps'.repeat(2048)
