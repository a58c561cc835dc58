// Programs of people who use this package from TypeScript: each name is a way to resolve it, and what is compiled.

export interface Consumer {
  files: Record<string, string>
  [option: string]: unknown
}

/** Whoever uses this package from TypeScript, with all of its declarations checked (no skipLibCheck). */
export function consumers(): Record<string, Consumer> {
  const node = { lib: ['es2023'], types: ['node'], files: { 'node.ts': ON_NODE, 'engine.ts': ENGINE } }
  const web = { lib: ['es2023', 'dom'], types: [], files: { 'web.ts': ON_THE_WEB('nopki/web'), 'engine.ts': ENGINE } }
  const conditional = { ...web, files: { 'web.ts': ON_THE_WEB('nopki') } }
  return {
    'node16, on Node': { module: 'node16', moduleResolution: 'node16', ...node },
    'nodenext, on Node': { module: 'nodenext', moduleResolution: 'nodenext', ...node },
    'bundler, on Node': { module: 'esnext', moduleResolution: 'bundler', customConditions: ['node'], ...node },
    'node16, nopki/web without node’s types': { module: 'node16', moduleResolution: 'node16', ...web },
    'bundler, nopki/web without node’s types': { module: 'esnext', moduleResolution: 'bundler', ...web },
    'bundler, told of no runtime, with the types of both': {
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['es2023', 'dom'],
      types: ['node'],
      files: { 'node.ts': ON_NODE, 'web.ts': ON_THE_WEB('nopki') },
    },
    'bundler for browsers': {
      module: 'esnext',
      moduleResolution: 'bundler',
      customConditions: ['browser'],
      ...conditional,
    },
    'bundler for Workers': {
      module: 'esnext',
      moduleResolution: 'bundler',
      customConditions: ['workerd'],
      ...conditional,
    },
  }
}

const ON_NODE = `
import { once } from 'node:events'
import type net from 'node:net'
import {
  ChannelError, type ConnectTarget, connect, connectSocket, createServer, generateKeyPair, type KeyPair, type Peer, SecureSocket,
} from 'nopki'
import { connect as same } from 'nopki/node'

const keyPair: KeyPair = generateKeyPair()
const server = createServer({ keyPair, authorize: async (peer: Peer) => ({ key: peer.publicKeyText }) }, (socket: SecureSocket) => {
  socket.pipe(socket)
})
const target: ConnectTarget = { host: 'localhost', port: 1, serverKey: keyPair.publicKey }
export async function use(): Promise<string> {
  const socket = await (Math.random() > 0.5 ? connect : same)(target)
  await once(server, 'close')
  const key: Uint8Array = socket.exportKey('label')
  return socket.errored instanceof ChannelError ? socket.errored.code : String(key)
}
// @ts-expect-error whom to talk to has no default; an address says it
export const open = connect({ host: 'localhost', port: 1 })
export const pinned = connect('nopki://pk_…@localhost:1', { keyPair })
// What undici, and drivers, have as the type of a socket.
export const plain: net.Socket = connectSocket(target, { timeout: 1000 })
export const ours: boolean = plain instanceof SecureSocket && plain.secureConnecting
// @ts-expect-error there is no version 3
export const wrong = connect({ ...target, version: 3 })
`
const ENGINE = `
import { type Core, Engine, type EngineEvent } from 'nopki/engine'
import { dump, type MessageKind } from 'nopki/inspect'

export function hello(core: Core, secretKey: Uint8Array, publicKey: Uint8Array): string {
  const engine = Engine.client(core, { keyPair: { secretKey, publicKey }, serverKey: 'any' })
  const kind: MessageKind = 'hello2'
  const event: EngineEvent = engine.advance()
  return dump(kind, engine.take()) + event
}
`
const ON_THE_WEB = (name: string) => `
import {
  acceptWebSocket, ChannelError, connectWebSocket, generateKeyPair, type Peer, ready, type SecureChannel, secure,
} from '${name}'

export async function use(
  streams: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
  socket: WebSocket,
  bytes: Uint8Array,
): Promise<string> {
  await ready()
  const keyPair = generateKeyPair()
  const channels: SecureChannel[] = [
    await secure(streams, { role: 'client', serverKey: bytes }),
    await secure(streams, { role: 'server', keyPair, authorize: (peer: Peer) => ({ name: peer.publicKeyText }) }),
    await connectWebSocket(socket, { serverKey: bytes }),
    await connectWebSocket(new URL('wss://example.org'), { keyPair, serverKey: 'any' }),
    await acceptWebSocket(socket, { keyPair, authorize: 'anyone' }),
  ]
  for (const channel of channels) {
    const writer = channel.writable.getWriter()
    await writer.write(bytes)
    await channel.send(bytes)
    for await (const message of channel.messages()) await channel.send(message)
    channel.readable.pipeThrough(new CompressionStream('gzip'))
    await channel.closed.catch(error => error instanceof ChannelError && error.code === 'PEER_ALERT')
    await channel.alert(4, 'bye')
  }
  // @ts-expect-error a server needs a key pair
  await acceptWebSocket(socket, { authorize: 'anyone' })
  // @ts-expect-error a server says whom it serves
  await acceptWebSocket(socket, { keyPair })
  // @ts-expect-error a client says whom it talks to
  await connectWebSocket(socket, { keyPair })
  return channels[0]?.exportKey('label').toString() ?? ''
}
`
