// Connecting to where plain bytes go, with patience: a service may be being restarted.

import type net from 'node:net'
import { openSocket } from '../node/reach.js'

/** Where plain bytes go, as net.connect takes it. */
export type PlainPlace = { host?: string; port: number } | { path: string }

export interface Patience {
  /** For one attempt, in milliseconds; 0 is no limit. */
  timeout: number
  /** How long to go on trying, in milliseconds. */
  retry: number
  signal: AbortSignal
}

/** How much a plain socket holds before its other side has to wait: a few reads. */
export const HIGH_WATER_MARK = 256 * 1024

/** @throws the system’s error where it cannot be reached within the time */
export function reachPlain(place: PlainPlace, patience: Patience): Promise<net.Socket> {
  return retrying(patience, () => attempt(place, patience))
}

/** Tries again, at growing intervals, while what fails is the system’s connecting and there is time left. */
export async function retrying<T>({ retry, signal }: Patience, attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + retry
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      if (!PASSING.has((error as NodeJS.ErrnoException).code ?? '') || performance.now() + pause > until) throw error
      await wait(pause, signal)
    }
  }
}

function attempt(place: PlainPlace, { timeout, signal }: Patience): Promise<net.Socket> {
  const timedOut = () => Object.assign(new Error(`nothing answered within ${timeout} ms`), { code: 'ETIMEDOUT' })
  const options = { ...place, noDelay: true, allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK }
  return openSocket(options as net.NetConnectOpts, { timeout, timedOut, signal })
}

function wait(time: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, time)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
// What a restart of the other side, or of the network, ends.
const PASSING = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'EAGAIN',
])
