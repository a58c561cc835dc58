import type { EventEmitter } from 'node:events'

/** A connected, mutually authenticated byte stream: what the measures write to and count from. Any Duplex is one. */
export interface Pipe extends EventEmitter {
  /** False: wait for 'drain' before the next one. */
  write(chunk: Buffer): boolean
  destroy(): void
}

/** Whatever a contestant needs for its two ends to know each other. Made once in the runner, and sent to both processes. */
export type Keys = unknown

/** One way to connect two processes. Both ends check the other’s long-term key, where it has one. */
export interface Contestant {
  /** @throws where it cannot run here, saying why */
  makeKeys(): Promise<Keys>
  /** Serves on a free port of 127.0.0.1, and resolves with it. `accept` gets a client once it has proved its key. */
  listen(keys: Keys, accept: (pipe: Pipe) => void): Promise<number>
  connect(keys: Keys, port: number): Promise<Pipe>
  /** What it says of itself, where that depends on the machine. */
  describe?(): Promise<string>
  /** Bytes of memory that it accounts for itself, where it does. */
  coreBytes?(): number
}

export const HOST = '127.0.0.1'
