import { closeSync, openSync, readFileSync } from 'node:fs'
import type net from 'node:net'

/** What there is to say of an error that means that no file or connection more can be opened; undefined of any other. */
export function exhaustion(code: string | undefined): { reason: string; hint: string } | undefined {
  if (code === 'ENFILE') return { reason: 'no file or connection more can be opened on this machine', hint: '' }
  if (code !== 'EMFILE') return undefined
  const most =
    limit === undefined ? 'as many files and connections open as it may' : `the ${limit} descriptors that it may have`
  return { reason: `this process uses ${most}`, hint: 'allow it more by ulimit -n, or by LimitNOFILE= in its unit' }
}

/** That few are left, if a connection has got one of the last: the system hands out the lowest that is free. Empty if there are more. */
export function shortage(socket: net.Socket): string {
  return shortageAt((socket as { _handle?: { fd?: number } })._handle?.fd ?? -1)
}

/** The same without a connection. */
export function shortageNow(): string {
  try {
    const descriptor = openSync('/dev/null', 'r')
    closeSync(descriptor)
    return shortageAt(descriptor)
  } catch (error) {
    return exhaustion((error as NodeJS.ErrnoException).code)?.reason ?? ''
  }
}

function shortageAt(descriptor: number): string {
  if (limit === undefined || descriptor < Number(limit) - SPARE) return ''
  return `${descriptor + 1} of the ${limit} descriptors that this process may have are in use: without one, connections are dropped`
}

/** Read before there is none left to read it with. */
function openFileLimit(): string | undefined {
  try {
    return /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

const SPARE = 16
const limit = openFileLimit()
