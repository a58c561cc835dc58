// Which cases run in which runtime, and over what: known to the runners, and to who reads their reports.

import { CASES, type Case } from './cases.js'

/** How two ends meet within a runtime, the way that its users would mostly take first: bulk data goes over that. */
export const CARRIERS: Readonly<Record<string, readonly string[]>> = {
  node: ['TCP', 'WebSocket', 'Web Streams', 'MessagePort'],
  deno: ['TCP', 'WebSocket', 'Web Streams', 'MessagePort', 'Deno.Conn'],
  bun: ['TCP', 'WebSocket', 'Web Streams', 'MessagePort'],
  workerd: ['WebSocket', 'Web Streams', 'MessagePort'],
  chromium: ['WebSocket', 'Web Streams', 'MessagePort'],
  firefox: ['WebSocket', 'Web Streams', 'MessagePort'],
  webkit: ['WebSocket', 'Web Streams', 'MessagePort'],
}

export interface Planned {
  /** Unique within a runtime. */
  name: string
  carrier: string
  it: Case
}

export function planFor(runtime: string): Planned[] {
  const [first, ...others] = CARRIERS[runtime] ?? []
  return [first, ...others]
    .filter(it => it !== undefined)
    .flatMap(carrier =>
      CASES.filter(it => !(it.bulk && carrier !== first)).map(it => ({
        name: `${carrier}: ${it.name}`,
        carrier,
        it,
      })),
    )
}
