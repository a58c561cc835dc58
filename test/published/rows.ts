// What our ends and the published program do together, a row a case: each runs once, and tells whether it went as it should.

import { once } from 'node:events'
import type net from 'node:net'
import {
  type ConnectOptions,
  connect,
  createServer,
  generateKeyPair,
  type SecureSocket,
  type ServeOptions,
} from '../../src/node/index.js'
import { startRelay } from './relay.js'
import { type Client, type Ending, type Server, startClient, startServer } from './standin.js'

export interface Row {
  name: string
  /** Whether it went well. */
  run(): Promise<boolean>
  stop(): void
}

export function rows({ relays = [25] } = {}): Row[] {
  return [
    servedRow('server writes, then an alert at once, after a client’s message', {
      steps: ['say question', 'hear all'],
      serve: socket => socket.once('data', () => answerAndLeave(socket)),
      good: ending => heard(ending) === ANSWER && ending.ended === `alert 1 ${REASON}`,
    }),
    servedRow('server speaks first: write and alert at once', {
      steps: ['hear all'],
      serve: answerAndLeave,
      good: ending => heard(ending) === ANSWER && ending.ended === `alert 1 ${REASON}`,
    }),
    ...[0, 1, 5].map(apart =>
      calledRow(`client, 20 messages of 10 bytes, ${apart} ms apart`, {
        steps: [`hear ${MESSAGES.length}`],
        call: socket => messages(socket, apart),
        good: ending => heard(ending) === MESSAGES,
      }),
    ),
    ...[0, 1, 5].map(apart =>
      servedRow(`server, 20 messages of 10 bytes, ${apart} ms apart`, {
        steps: ['say question', `hear ${MESSAGES.length}`],
        serve: socket => socket.once('data', () => messages(socket, apart)),
        good: ending => heard(ending) === MESSAGES,
      }),
    ),
    calledRow('client, 50 KB with maxRecord: 1024', {
      steps: [`hear ${BULK.length}`],
      options: { maxRecord: 1024 },
      call: socket => void socket.write(BULK),
      good: ending => heard(ending) === BULK,
    }),
    servedRow('server, 50 KB with maxRecord: 1024', {
      steps: ['say question', `hear ${BULK.length}`],
      options: { maxRecord: 1024 },
      serve: socket => socket.once('data', () => socket.write(BULK)),
      good: ending => heard(ending) === BULK,
    }),
    ...relays.flatMap(every => [
      calledRow(`client, over a relay that delivers every ${every} ms`, {
        steps: ['hear 8', 'say answer', 'hear 8', 'say answer'],
        every,
        call: async socket => {
          socket.on('data', () => socket.write(QUESTION))
          socket.write(QUESTION)
        },
        good: ending => heard(ending) === QUESTION + QUESTION,
      }),
      servedRow(`server, over a relay that delivers every ${every} ms`, {
        steps: ['say question', 'hear 6', 'say question', 'hear 6'],
        every,
        serve: socket => socket.on('data', () => socket.write(ANSWER)),
        good: ending => heard(ending) === ANSWER + ANSWER,
      }),
    ]),
    servedRow('server refuses the client', {
      steps: ['say question', 'hear all'],
      options: { authorize: () => false },
      good: ending => !ending.aborted && ending.ended.startsWith('alert 1 not authorized'),
    }),
    servedRow('server, idleTimeout', {
      steps: ['say question', 'hear all'],
      options: { idleTimeout: 100 },
      serve: socket => socket.resume(),
      good: ending => !ending.aborted && ending.ended.startsWith('alert 1 idle'),
    }),
    servedRow('server, alert(4)', {
      steps: ['say question', 'hear all'],
      serve: socket => socket.once('data', () => socket.alert(4, REASON).catch(() => {})),
      good: ending => !ending.aborted && ending.ended === `alert 1 shutting down: ${REASON}`,
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
  name: string,
  { steps, every, good, options, call }: Common & { options?: Partial<ConnectOptions>; call: Served },
): Row {
  let server: Server | undefined
  return {
    name,
    async run() {
      server ??= await startServer(serverKeys, steps)
      const relay = every === undefined ? undefined : await startRelay(server.port, every)
      const socket = await connect({
        host: '127.0.0.1',
        port: relay?.port ?? server.port,
        keyPair: clientKeys,
        serverKey: serverKeys.publicKey,
        version: 1,
        allowTruncation: true,
        ...options,
      })
      socket.on('error', () => {}).resume()
      call(socket)
      patience(socket)
      const ending = await server.next()
      if (ending.aborted) server = undefined
      socket.destroy()
      relay?.close()
      return good(ending)
    },
    stop: () => server?.stop(),
  }
}

type Served = (socket: SecureSocket) => unknown

function answerAndLeave(socket: SecureSocket): void {
  socket.write(ANSWER)
  socket.alert(1, REASON).catch(() => {})
}

async function messages(socket: SecureSocket, apart: number): Promise<void> {
  for (let at = 0; at < MESSAGES.length; at += 10) {
    socket.write(MESSAGES.slice(at, at + 10))
    await (apart === 0 ? null : new Promise(resolve => setTimeout(resolve, apart)))
  }
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
const MESSAGES = Array.from({ length: 20 }, (_, at) => `message ${String(at).padStart(2)}`).join('')
const BULK = 'the quick brown fox jumps'.repeat(2048)
