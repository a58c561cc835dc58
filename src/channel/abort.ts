// Abort signals, each with one listener for all that waits for it: of many channels under one signal, Node would warn as of a leak from the
// eleventh on, and how many may listen is for the signal's owner to say.

import { callApart } from '../engine/uncaught.js'

/**
 * Calls `act` when the signal aborts, once. One that has aborted already never does.
 * @returns what ends it: nothing stays on the signal when it was called by all
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const acts = waiting.get(signal) ?? new Set()
  const stop = () => {
    acts.delete(call)
    if (acts.size === 0) signal.removeEventListener('abort', callAll)
  }
  const call = () => {
    stop()
    act()
  }
  waiting.set(signal, acts.add(call))
  // It is added once, however often this is called.
  signal.addEventListener('abort', callAll)
  return stop
}

const waiting = new WeakMap<EventTarget, Set<() => void>>()

function callAll({ currentTarget }: Event): void {
  for (const call of waiting.get(currentTarget as AbortSignal) ?? []) callApart(call)
}
