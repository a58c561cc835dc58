// Abort signals, each with one listener for all that waits for it: of many channels under one signal, Node would warn as of a leak from the
// eleventh on, and how many may listen is for the signal's owner to say.

/**
 * Calls `act` when the signal aborts, once. One that has aborted already never does.
 * @returns what ends it: nothing stays on the signal when it was called by all
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const listener = listeners.get(signal) ?? listenTo(signal)
  listener.acts.add(act)
  return () => {
    if (listener.acts.delete(act) && listener.acts.size === 0) listener.stop()
  }
}

interface Listener {
  acts: Set<() => void>
  stop(): void
}

const listeners = new WeakMap<AbortSignal, Listener>()

function listenTo(signal: AbortSignal): Listener {
  const acts = new Set<() => void>()
  const abort = () => {
    stop()
    for (const act of acts) {
      acts.delete(act)
      try {
        act()
      } catch (error) {
        // As a listener's: the others are called.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
  const stop = () => {
    signal.removeEventListener('abort', abort)
    listeners.delete(signal)
  }
  const listener = { acts, stop }
  signal.addEventListener('abort', abort)
  listeners.set(signal, listener)
  return listener
}
