/** What a command that stays does about signals. */
export interface SignalHandlers {
  /** SIGTERM or SIGINT: takes nothing new, lets what runs come to its end. */
  drain(): void
  /** The same once more: ends what runs, telling it so. */
  stop(): void
  /** SIGHUP, and what other programs take for it, SIGUSR1 and SIGUSR2: reads files anew. Without it, SIGHUP drains. */
  reload?(): void
}

/** Heeds signals until the returned function is called. */
export function heedSignals({ drain, stop, reload }: SignalHandlers): () => void {
  let draining = false
  const end = () => {
    if (draining) return stop()
    draining = true
    drain()
  }
  const hangUp = () => (reload ? reload() : end())
  const handlers: [NodeJS.Signals, () => void][] = [
    ['SIGTERM', end],
    ['SIGINT', end],
    // Its default would leave a core file behind, with the secret key in it.
    ['SIGQUIT', end],
    ['SIGHUP', hangUp],
  ]
  if (reload) handlers.push(['SIGUSR1', reload], ['SIGUSR2', reload])
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}

/** Without a listener, Node opens its debugger at SIGUSR1, to all of this machine, and dies of SIGUSR2. */
export function disarmSignals(): void {
  process.on('SIGUSR1', () => {})
  process.on('SIGUSR2', () => {})
}
