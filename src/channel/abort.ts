// Abort signals, each with one listener for all that waits for it: of many channels under one signal, Node would warn as of a leak from the
// eleventh on, and how many may listen is for the signal's owner to say.

import { callApart } from '../engine/uncaught.js'

/**
 * Calls `act` when the signal aborts, once. One that has aborted already never does.
 * @returns what ends it: nothing stays on the signal when it was called by all
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const { acts, callAll } = waiting.get(signal) ?? waitingAt(signal)
  const stop = () => {
    acts.delete(call)
    if (acts.size === 0) signal.removeEventListener('abort', callAll)
  }
  const call = () => {
    stop()
    act()
  }
  acts.add(call)
  // It is added once, however often this is called.
  signal.addEventListener('abort', callAll)
  return stop
}

interface Waiting {
  acts: Set<() => void>
  /** The signal's one listener. Signals that are not the platform's may call it without an event. */
  callAll(): void
}

const waiting = new WeakMap<AbortSignal, Waiting>()

function waitingAt(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>()
  const it = { acts, callAll: () => acts.forEach(callApart) }
  waiting.set(signal, it)
  return it
}
