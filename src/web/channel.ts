import { checkInteger, checkString } from '../engine/snapshot.js'
import { bytesOf } from './bytes.js'
import type { Connection } from './connection.js'

/** Bytes of any kind: TypeScript’s own BufferSource leaves out a plain Uint8Array, whose buffer might be shared. */
export type Bytes = ArrayBuffer | ArrayBufferView

/**
 * One end of a connected channel, as a pair of Web Streams. Both ends have proved their keys.
 *
 * Closing `writable` sends the authenticated end of this direction; the other may go on. The peer’s end closes `readable`; a carrier
 * that ends without it fails it with LINK_TRUNCATED, an alert of the peer with PEER_ALERT or PEER_NOT_AUTHORIZED; what came before
 * is read first. Cancelling `readable`, or aborting `writable`, gives the whole channel up.
 */
export class SecureChannel {
  /** What the peer sends: a byte stream, where the runtime has them. Message ends are not seen here. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  /** Takes bytes. It is ready as long as the peer, or what carries the channel, takes more. */
  readonly writable: WritableStream<Bytes>
  /** The peer’s long-term public key, 32 bytes, proved. */
  declare readonly remotePublicKey: Uint8Array
  /** This end’s own long-term public key, 32 bytes: of a server’s several, the one that the client has asked for. */
  declare readonly localPublicKey: Uint8Array
  /** The protocol’s. */
  declare readonly version: 1 | 2
  /** Version 2: a public name of 32 bytes for this session, the same at both ends, for logs and channel binding. Never a key. */
  declare readonly handshakeHash: Uint8Array | undefined
  /** What the server’s `authorize` attached to this client. */
  readonly authorization: object | undefined
  /** Resolves when both directions have come to their authenticated ends; rejects with what the channel failed with. */
  readonly closed: Promise<void>
  #connection: Connection

  /** Takes over a connection whose peer has proved its key. Users get channels from `secure` and its likes. */
  constructor(connection: Connection, authorization?: object) {
    this.#connection = connection
    Object.assign(this, connection.peer)
    this.authorization = authorization
    this.closed = connection.closed
    this.readable = iterable(openReadable(connection))
    this.writable = openWritable(connection)
    connection.handOver()
  }

  /**
   * For a client: resolves when the server has shown that it serves it, by its word or its first data; rejects with
   * PEER_NOT_AUTHORIZED where it refuses, and with what else the channel fails with. It waits as long as `handshakeTimeout`, from when it
   * is asked for; then it rejects with LINK_TIMEOUT, and the channel stays. At a server it is resolved.
   */
  get accepted(): Promise<void> {
    return this.#connection.accepted
  }

  /**
   * Derives a key of `length` (16 to 64, default 32) bytes for the application, the same at both ends.
   * @throws ChannelError USE_VERSION in version 1, USE_CLOSED after the channel has closed, USE_BAD_OPTION
   */
  exportKey(label: string, context?: Uint8Array | string, length?: number): Uint8Array {
    return this.#connection.engine.exportKey(label, context, length)
  }

  /**
   * Where this channel lies in linear memory, its secrets included: for `memoryMap` of `nopki/inspect`.
   * @throws ChannelError USE_BAD_OPTION unless the channel was made with `inspect: true`
   */
  get memory(): Connection['memory'] {
    return this.#connection.memory
  }

  /**
   * Sends a message, behind what was written: bytes that the peer’s `messages()` gives back as one. Resolves when there is room for more.
   * @throws ChannelError USE_CLOSED behind an end, USE_BAD_OPTION; what the channel failed with
   */
  async send(message: Bytes): Promise<void> {
    await this.#connection.outgoing.send(bytesOf(message))
  }

  /**
   * The messages that the peer sends, until its direction ends. Locks `readable`; leaving the loop before the end gives the channel up.
   *
   * @param limit the longest message to take, in bytes: default 16 MiB
   * @throws ChannelError PEER_TOO_LONG for a longer one; what the channel failed with
   */
  messages(limit = 16_777_216): AsyncGenerator<Uint8Array, void, undefined> {
    checkInteger('limit', limit, 0, Number.MAX_SAFE_INTEGER)
    return readMessages(this.#connection, this.readable.getReader(), limit)
  }

  /**
   * Ends the channel with an alert, behind what was written: code 1 general, 4 shutting down, others as both ends agree. What the
   * peer still sends is thrown away. Resolves when the peer has closed its end, or has had 30 s to do so since it took all of it.
   */
  async alert(code: number, text = ''): Promise<void> {
    checkInteger('code', code, 0, 0xffff)
    checkString('text', text)
    await this.#connection.alert(code, text)
  }

  /**
   * Ends this direction behind what was written, unless it has ended, and resolves as `closed` does. What the peer still sends is
   * thrown away, unless somebody reads it (`readable` is locked): then the peer has 30 s to end its own.
   */
  async close(): Promise<void> {
    await this.#connection.close(this.readable.locked)
  }
}

function openReadable(connection: Connection): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { inbox } = connection
  let over = false
  /** Says what is behind the last byte, as soon as there is none before it. */
  const settle = (controller: ReadableByteStreamController | ReadableStreamDefaultController) => {
    if (over || inbox.hasBytes || !inbox.ended) return
    over = true
    if (inbox.failure) return controller.error(inbox.failure.error)
    controller.close()
    if ('byobRequest' in controller) controller.byobRequest?.respond(0)
  }
  const source = {
    start(controller: ReadableByteStreamController | ReadableStreamDefaultController) {
      inbox.onEnd = () => settle(controller)
      settle(controller)
    },
    async pull(controller: ReadableByteStreamController | ReadableStreamDefaultController) {
      inbox.skipEnds()
      while (!inbox.hasBytes && !inbox.ended) {
        await inbox.arrived()
        inbox.skipEnds()
      }
      if (over) return
      if (inbox.hasBytes) {
        const request = 'byobRequest' in controller ? controller.byobRequest : null
        if (request?.view) request.respond(inbox.takeInto(bytesOf(request.view)))
        else controller.enqueue(inbox.takeBytes())
      }
      settle(controller)
    },
    cancel(reason: unknown) {
      over = true
      // Who has read all of it gives nothing up.
      if (inbox.hasBytes || !inbox.ended || inbox.failure) connection.giveUp(reason)
    },
  }
  try {
    const stream = new ReadableStream({ type: 'bytes', ...chunkSize(), ...source }, { highWaterMark: 0 })
    return stream as ReadableStream<Uint8Array<ArrayBuffer>>
  } catch {
    // Not every browser has byte streams.
    return new ReadableStream(source as UnderlyingDefaultSource<Uint8Array<ArrayBuffer>>, { highWaterMark: 0 })
  }
}

/** Workers cut all into pieces of 4096 bytes, unless told otherwise; others hand on what they are given. */
function chunkSize(): { autoAllocateChunkSize?: number } {
  return 'WebSocketPair' in globalThis ? { autoAllocateChunkSize: CHUNK_BYTES } : {}
}

/** WebKit’s streams have no iterator: there this one has its own. */
function iterable<Stream extends ReadableStream>(stream: Stream): Stream {
  if (Symbol.asyncIterator in stream) return stream
  return Object.defineProperty(stream, Symbol.asyncIterator, { value: () => chunksOf(stream) })
}

async function* chunksOf<Chunk>(stream: ReadableStream<Chunk>): AsyncGenerator<Chunk, void, undefined> {
  const reader = stream.getReader()
  let over = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      over = done
      if (done) return
      yield value
    }
  } catch (error) {
    over = true
    throw error
  } finally {
    // Who leaves early gives the channel up.
    if (!over) await reader.cancel()
    reader.releaseLock()
  }
}

function openWritable(connection: Connection): WritableStream<Bytes> {
  const { outgoing } = connection
  // It is asked within each write, and so knows of what the stream still holds.
  const size = (chunk?: Bytes) => {
    outgoing.given()
    return chunk?.byteLength ?? 1
  }
  return new WritableStream(
    {
      start(controller) {
        const { signal } = controller
        connection.onFailure = error => signal?.aborted || controller.error(error)
        if (connection.failure) return controller.error(connection.failure.error)
        // `abort` is called no sooner than the write that waits is over: it may wait for ever.
        signal?.addEventListener('abort', () => connection.giveUp(signal.reason))
      },
      write: chunk => outgoing.next(chunk),
      close() {
        // All of the chunks have come. What waits for more was asked for behind this end.
        const ended = connection.end(0)
        outgoing.noMore()
        return ended
      },
      abort: reason => connection.giveUp(reason),
    },
    { highWaterMark: WRITE_AHEAD_BYTES, size },
  )
}

async function* readMessages(
  connection: Connection,
  lock: ReadableStreamDefaultReader,
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { inbox } = connection
  try {
    for (;;) {
      const message = inbox.takeMessage(limit)
      if (message) yield message
      else if (inbox.failure) throw inbox.failure.error
      else if (inbox.ended) return
      else await inbox.arrived()
    }
  } catch (error) {
    connection.giveUp(error)
    throw error
  } finally {
    await lock.cancel().catch(() => {})
  }
}

const CHUNK_BYTES = 65_536
const WRITE_AHEAD_BYTES = 65_536
