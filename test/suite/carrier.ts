import type { ClientOptions, KeyPair, ServerOptions } from 'nopki/web'

/** One end of an open channel, the same whether a Duplex, Web Streams or a WebSocket is behind it. */
export interface End {
  readonly remotePublicKey: Uint8Array
  readonly version: 1 | 2
  readonly handshakeHash: Uint8Array | undefined
  exportKey(label: string, context?: string, length?: number): Uint8Array
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>
  /** The authenticated end of this direction. */
  end(): Promise<void>
  /** The next bytes; undefined at the authenticated end. */
  read(): Promise<Uint8Array | undefined>
  /** All that comes, as `for await` over the channel’s own gives it. */
  chunks(): AsyncIterable<Uint8Array>
  alert(code: number, text: string): Promise<void>
  /** Drops the channel, without an end. */
  abandon(): Promise<void>
  send(message: Uint8Array): Promise<void>
  messages(): AsyncIterable<Uint8Array>
}

/** What both ends are told. */
export interface Setup {
  client: ClientOptions
  server: ServerOptions & { keyPair: KeyPair }
  /** `bytes`: what either end receives comes one byte at a time. */
  wire?: 'whole' | 'bytes'
}

/** Two ends of one connection, each while its handshake is under way. */
export interface Pair {
  client: Promise<End>
  server: Promise<End>
  /** Closes the connection below the channel, as a network does, without the authenticated end. */
  cut(): void
}

/** A way to connect two ends within one runtime. */
export type Carrier = (setup: Setup) => Promise<Pair>

/** All that comes until the authenticated end. */
export async function readAll(end: End): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for (let chunk = await end.read(); chunk; chunk = await end.read()) chunks.push(chunk)
  return chunks
}
