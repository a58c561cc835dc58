// One end of an established channel.

import type { Duplex } from 'node:stream'
import type { Established, Version } from './handshake.js'
import type { ByteSource } from './source.js'
import type { PeerRecord, RecordReader, RecordWriter, WriteOptions } from './stream.js'
import { exportKey } from './transcript.js'

// How long a version 1 server waits for the client's first record before it speaks.
const SPEAK_AFTER = 50

export interface PeerParts {
  socket: Duplex
  source: ByteSource
  reader: RecordReader
  writer: RecordWriter
  established: Established
  /** A version 1 server does not speak before the client's first record has been read, or 50 ms have passed. */
  mayWait: boolean
}

export class Peer {
  readonly version: Version
  readonly remotePublicKey: Uint8Array
  readonly handshakeHash: Uint8Array | null
  readonly exporterSecret: Uint8Array | null
  readonly keys: { clientToServer: Uint8Array; serverToClient: Uint8Array }
  /** For tests that seal what no peer would: send the result with `sendRaw`. */
  readonly writer: RecordWriter
  #socket: Duplex
  #source: ByteSource
  #reader: RecordReader
  #sending: Promise<void>
  #heard: () => void = () => {}

  constructor({ socket, source, reader, writer, established, mayWait }: PeerParts) {
    const { version, remotePublicKey, handshakeHash, exporterSecret, clientToServer, serverToClient } = established
    this.version = version
    this.remotePublicKey = remotePublicKey
    this.handshakeHash = handshakeHash
    this.exporterSecret = exporterSecret
    this.keys = { clientToServer, serverToClient }
    this.writer = writer
    this.#socket = socket
    this.#source = source
    this.#reader = reader
    this.#sending = mayWait ? this.#firstRecord() : Promise.resolve()
  }

  /** Sends data in as many records as it takes, one at least; the marks and the padding are the last one's. */
  write(data: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    return this.#send(() => {
      const most = this.writer.maximumData
      const last = Math.max(0, Math.ceil(bytes.length / most) - 1) * most
      const records: Uint8Array[] = []
      for (let at = 0; at < last; at += most) records.push(this.writer.data(bytes.subarray(at, at + most)))
      return [...records, this.writer.data(bytes.subarray(last), options)]
    })
  }

  keepAlive(): Promise<void> {
    return this.#send(() => [this.writer.keepAlive()])
  }

  /** Version 2 only. */
  control(code: number, payload: Uint8Array): Promise<void> {
    return this.#send(() => [this.writer.control(code, payload)])
  }

  /** Sends an alert, which ends this direction. */
  async alert(code: number, text: string): Promise<void> {
    await this.#send(() => [this.writer.alert(code, text)])
    this.#socket.end()
  }

  /** Sends the authenticated end of this direction. */
  async end(): Promise<void> {
    await this.#send(() => [this.writer.final()])
    this.#socket.end()
  }

  /** Sends bytes as they are, in their turn. */
  sendRaw(bytes: Uint8Array): Promise<void> {
    return this.#send(() => [bytes])
  }

  /** The next record, keep-alives and all; null after the authenticated end. Throws on what the protocol refuses. */
  async readRecord(): Promise<PeerRecord | null> {
    for (;;) {
      const record = this.#reader.next()
      if (record) this.#heard()
      if (record || this.#reader.ended) return record
      const chunk = await this.#source.chunk()
      if (!chunk) return this.#reader.finish() ?? null
      this.#reader.feed(chunk)
    }
  }

  /** The data until the authenticated end. Throws where the stream is cut short, or ends in an alert. */
  async readAll(): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for (let record = await this.readRecord(); record; record = await this.readRecord()) {
      if (record.kind === 'alert') throw new Error(`alert ${record.code}: ${record.text}`)
      if (record.kind === 'data' || record.kind === 'final') parts.push(record.data)
    }
    return Buffer.concat(parts)
  }

  /** A key for the application; version 1 has none. */
  exportKey(label: string, context: Uint8Array, length: number): Uint8Array {
    if (!this.exporterSecret) throw new Error('version 1 has no exporter')
    return exportKey(this.exporterSecret, label, context, length)
  }

  destroy(): void {
    this.#heard()
    this.#socket.destroy()
  }

  // One after the other, each record in a write of its own. A failure fails all that follows.
  #send(seal: () => Uint8Array[]): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      for (const record of seal()) await send(this.#socket, record)
    })
    return this.#sending
  }

  #firstRecord(): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, SPEAK_AFTER)
      this.#heard = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Writes to a socket and waits until it is written. */
export function send(socket: Duplex, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) return Promise.resolve()
  return new Promise((resolve, reject) => socket.write(bytes, error => (error ? reject(error) : resolve())))
}
