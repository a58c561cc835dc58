// Playing: one step after the other, until the last.

import { useEffect, useState } from 'preact/hooks'

/** @returns whether it plays, and what starts and stops it; at the last step it starts with the first */
export function usePlaying(
  at: number,
  length: number,
  paceMs: number,
  go: (step: number) => void,
): [playing: boolean, play: (on: boolean) => void] {
  const [playing, setPlaying] = useState(false)
  useEffect(() => {
    if (!playing) return
    if (at === length - 1) return setPlaying(false)
    const timer = setTimeout(() => go(at + 1), paceMs)
    return () => clearTimeout(timer)
  }, [playing, at, length])
  return [
    playing,
    on => {
      setPlaying(on)
      if (on) go(at === length - 1 ? 0 : at + 1)
    },
  ]
}
