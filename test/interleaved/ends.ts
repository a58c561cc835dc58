// Both kinds of channels behind one interface: sockets, and channels over Web Streams.

import type { SecureSocket } from '../../src/node/index.js'
import type { SecureChannel } from '../../src/web/index.js'
import type { Side } from './draw.js'

export interface End {
  readonly remotePublicKey: Uint8Array
  readonly handshakeHash: Uint8Array | undefined
  exportKey(label: string): Uint8Array
  /** Resolves when there is room for more; rejects if the channel has failed. */
  write(bytes: Uint8Array): Promise<unknown>
  end(): Promise<unknown>
  alert(code: number, text: string): Promise<unknown>
  destroy(): void
  rekey(): void
  /** Stops reading for a moment. */
  pause(ms: number): void
  /** Reads to the end, and resolves with `end` or with the error. */
  read(side: Side, take: (chunk: Uint8Array) => void): Promise<'end' | Error>
}

export function socketEnd(socket: SecureSocket): End {
  // The reader has it; a write that fails rejects by itself.
  socket.on('error', () => {})
  let resume: ReturnType<typeof setTimeout> | undefined
  const pause = (ms: number) => {
    socket.pause()
    clearTimeout(resume)
    resume = setTimeout(() => socket.resume(), ms)
  }
  return {
    get remotePublicKey() {
      return socket.remotePublicKey
    },
    get handshakeHash() {
      return socket.handshakeHash
    },
    exportKey: label => socket.exportKey(label),
    write: bytes => {
      if (bytes.length % 3 === 0) {
        socket.cork()
        process.nextTick(() => socket.uncork())
      }
      return new Promise<void>((resolve, reject) => socket.write(bytes, error => (error ? reject(error) : resolve())))
    },
    end: () =>
      new Promise<void>((resolve, reject) => socket.end((error?: Error | null) => (error ? reject(error) : resolve()))),
    alert: (code, text) => socket.alert(code, text),
    destroy: () => void socket.destroy(),
    rekey: () => socket.rekey(),
    pause,
    read: ({ reads }, take) =>
      new Promise(resolve => {
        socket.once('end', () => resolve('end'))
        socket.once('error', resolve)
        socket.once('close', () => resolve(new Error('closed without an end')))
        if (reads === 'in parts') {
          socket.on('readable', () => {
            for (let part = socket.read(Math.min(1000, socket.readableLength)); part; ) {
              take(part)
              part = socket.read(Math.min(1000, socket.readableLength || 1))
            }
          })
          return
        }
        let chunks = 0
        socket.on('data', chunk => {
          take(chunk)
          if (reads === 'pausing' && chunks++ % 3 === 0) pause(2)
        })
      }),
  }
}

export function channelEnd(channel: SecureChannel, { messages }: Side): End {
  channel.closed.catch(() => {})
  const writer = channel.writable.getWriter()
  writer.closed.catch(() => {})
  let paused: Promise<unknown> = Promise.resolve()
  let cancel = () => {}
  return {
    remotePublicKey: channel.remotePublicKey,
    handshakeHash: channel.handshakeHash,
    exportKey: label => channel.exportKey(label),
    write: bytes => (messages && bytes.length > 0 ? channel.send(bytes) : writer.write(bytes)),
    end: () => writer.close(),
    alert: (code, text) => channel.alert(code, text),
    destroy() {
      writer.abort(new Error('destroyed')).catch(() => {})
      cancel()
    },
    rekey() {},
    pause(ms) {
      paused = new Promise(resolve => setTimeout(resolve, ms))
    },
    async read({ reads }, take) {
      const reader = channel.readable.getReader()
      cancel = () => void reader.cancel(new Error('destroyed')).catch(() => {})
      try {
        for (let chunks = 0; ; chunks++) {
          await paused
          const { done, value } = await reader.read()
          if (done) return 'end'
          take(value)
          if (reads === 'pausing' && chunks % 3 === 0) this.pause(2)
        }
      } catch (error) {
        return error as Error
      }
    },
  }
}
