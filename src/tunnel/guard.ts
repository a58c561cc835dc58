// What is thrown in the handling of one connection ends that connection, and no other, and not the process.

import type { EventEmitter } from 'node:events'

/** Calls what handles a connection; what it throws goes to `fail`, which ends the connection. */
export function guarded(run: () => void, fail: (error: Error) => void): void {
  try {
    run()
  } catch (error) {
    fail(error as Error)
  }
}

/** The same for all that listens to a connection: an exception of a listener goes to `fail`, and not to the process. */
export function guardListeners(emitter: EventEmitter, fail: (error: Error) => void): void {
  const emit = emitter.emit
  emitter.emit = function (this: EventEmitter, ...args: Parameters<EventEmitter['emit']>): boolean {
    try {
      return emit.apply(this, args)
    } catch (error) {
      fail(error as Error)
      return true
    }
  } as EventEmitter['emit']
}

/** What the other end is told. */
export const FAILED = 'this connection failed where it is served'
