/** What a command that stays does about signals. */
export interface SignalHandlers {
  /** SIGTERM or SIGINT: takes nothing new, lets what runs come to its end. */
  drain(): void
  /** The same once more: ends what runs, telling it so. */
  stop(): void
  /** SIGHUP: reads files anew. Without it, SIGHUP drains. */
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
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.on('SIGHUP', hangUp)
  return () => {
    process.off('SIGTERM', end)
    process.off('SIGINT', end)
    process.off('SIGHUP', hangUp)
  }
}
