// What each connection of a run does, drawn from a seed.

/** A small generator of numbers (xorshift32): the same seed gives the same run, as far as the system's own timing lets it. */
export class Draw {
  #state: number

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % limit
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  from<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

export const CARRIERS = ['tcp', 'unix', 'at once', 'in a tick', 'later', 'streams', 'port', 'websocket'] as const
export type CarrierName = (typeof CARRIERS)[number]

/** What `authorize` says of a client. */
export const ANSWERS = ['yes', 'slow yes', 'no', 'slow no', 'throws', 'slow throw'] as const
export type Answer = (typeof ANSWERS)[number]

export interface Side {
  writes: number[]
  /** How it leaves when it has written all. */
  farewell: 'end' | 'destroy' | 'alert'
  native: boolean
  padding: 'none' | 'full' | { block: number }
  rekeyAfter: number
  heartbeat: number
  /** How it reads: as it comes, with a pause behind some chunks, or a few bytes at a time. */
  reads: 'flowing' | 'pausing' | 'in parts'
  messages: boolean
}

export interface Plan {
  id: number
  carrier: CarrierName
  version: 1 | 2
  answer: Answer
  client: Side
  server: Side
}

export function drawPlan(draw: Draw, id: number, carriers: readonly CarrierName[]): Plan {
  const carrier = draw.from(carriers)
  // Version 1 keeps a pace, and is slow.
  const version = draw.chance(15) ? 1 : 2
  const answer = draw.chance(70) ? draw.from(['yes', 'slow yes', 'slow yes'] as const) : draw.from(ANSWERS)
  return { id, carrier, version, answer, client: drawSide(draw, version), server: drawSide(draw, version) }
}

function drawSide(draw: Draw, version: 1 | 2): Side {
  const count = version === 1 ? draw.below(4) : draw.below(10)
  return {
    writes: Array.from({ length: count }, () => drawSize(draw)),
    farewell: draw.chance(80) ? 'end' : draw.from(['destroy', 'alert'] as const),
    native: draw.chance(70),
    padding: draw.from(['none', 'none', 'none', 'full', { block: 100 + draw.below(900) }] as const),
    rekeyAfter: draw.chance(30) ? 1 + draw.below(200_000) : 1_073_741_824,
    heartbeat: draw.chance(30) ? 1 + draw.below(20) : 0,
    reads: draw.from(['flowing', 'pausing', 'in parts'] as const),
    messages: draw.chance(50),
  }
}

/** Many lie around the sizes at which something changes. */
function drawSize(draw: Draw): number {
  const edge = draw.from([0, 1, 64, 4096, 8170, 8192, 16_384, 65_467, 65_514, 65_536, 131_072])
  return draw.chance(60) ? Math.max(0, edge + draw.below(9) - 4) : draw.below(40_000)
}
