/** How much a run of the suite does. Every number but `rounds` can be zero or empty where a run leaves the thing out. */
export interface Scale {
  name: 'full' | 'quick' | 'smallest'
  /** How often each timed case is run; contestants take turns within a round. */
  rounds: number
  /** How long one timed run takes, about: as many bytes, trips or handshakes as that needs are found beforehand. */
  milliseconds: number
  /** How long each case is run before that, in milliseconds. */
  warmUp: number
  /** Sizes of a write, in bytes. */
  writes: number[]
  messages: number[]
  /** Handshakes under way at once. */
  handshakes: number[]
  /** Connections that share a load of so many bytes. */
  connections: number[]
  load: number
  /** Idle connections. */
  idle: number[]
  /** Connections opened, used and closed. */
  churn: number
  /** Processes started, each contestant. */
  starts: number
  /** Pairs of fresh processes, each contestant, and the bytes that each sends. */
  fresh: number
  freshBytes: number
  /** Megabytes that the clients of a cluster have hashed. */
  hashed: number
}

const KiB = 1024
const MiB = 1024 * KiB

const FULL: Scale = {
  name: 'full',
  rounds: 5,
  milliseconds: 400,
  warmUp: 1500,
  writes: [64, KiB, 16 * KiB, 64 * KiB, MiB],
  messages: [64, 16 * KiB],
  handshakes: [1, 8, 64],
  connections: [1, 10, 100, 1000],
  load: 256 * MiB,
  idle: [100, 1000, 10_000],
  churn: 10_000,
  starts: 10,
  fresh: 12,
  freshBytes: 1024 * MiB,
  hashed: 128,
}

const QUICK: Scale = {
  ...FULL,
  name: 'quick',
  rounds: 3,
  milliseconds: 80,
  warmUp: 300,
  writes: [64, 16 * KiB, 64 * KiB],
  handshakes: [1, 8],
  connections: [1, 100],
  load: 16 * MiB,
  idle: [100, 500],
  churn: 500,
  starts: 3,
  fresh: 2,
  freshBytes: 128 * MiB,
  hashed: 32,
}

/** Some kilobytes a measure: for the test that it all runs. */
const SMALLEST: Scale = {
  name: 'smallest',
  rounds: 1,
  milliseconds: 0,
  warmUp: 0,
  writes: [KiB],
  messages: [64],
  handshakes: [2],
  connections: [1, 3],
  load: 12 * KiB,
  idle: [5],
  churn: 5,
  starts: 1,
  fresh: 1,
  freshBytes: 64 * KiB,
  hashed: 1,
}

export const SCALES = { full: FULL, quick: QUICK, smallest: SMALLEST }

/** 65536 as `64KiB`. */
export function sizeName(bytes: number): string {
  if (bytes >= MiB) return `${bytes / MiB}MiB`
  return bytes >= KiB ? `${bytes / KiB}KiB` : `${bytes}B`
}
