import { NATIVE, RAW, SECRET_STREAM, TLS, WASM } from '../contestants/list.js'
import { SEALING } from '../measures/sealing.js'
import { type Results, samplesOf } from '../results.js'
import { median, ratio } from '../stats.js'
import { aboveRaw, bothEnds, casesOf, type Field, p50, p99, rate, valuesOf } from './figures.js'

export interface Target {
  what: string
  must: string
  seen: string
  met: boolean
}

/** What the project has set itself, and what these results say to it. A target that they say nothing to is left out. */
export function targets(results: Results): Target[] {
  const of = (measure: string, at: string, name: string, field: Field) => valuesOf(results, measure, at, name, field)
  // TLS is whichever of its two ciphers did better, round by round.
  const tls = (measure: string, at: string, field: Field, better: typeof Math.max) => {
    const [one = [], other = []] = TLS.map(name => of(measure, at, name, field))
    return one.map((value, round) => better(value, other[round] ?? value))
  }
  const bulk = (name: string) => of('bulk', '64KiB', name, rate)
  const time = (name: string) => of('bulk', '64KiB', name, bothEnds)
  const trip = (name: string) => of('roundtrip', '64B', name, p50)
  const large = (name: string, field: Field) => of('roundtrip', '16KiB', name, field)
  const shakes = (name: string) => of('handshakes', '8', name, rate)
  const tlsShakes = tls('handshakes', '8', rate, Math.max)
  return [
    least(
      'bulk, 64 KiB writes, native ÷ TLS, its better cipher',
      0.9,
      ratio(bulk(NATIVE), tls('bulk', '64KiB', rate, Math.max)),
    ),
    least('the same ÷ secret-stream', 1.25, ratio(bulk(NATIVE), bulk(SECRET_STREAM))),
    ...freshTargets(results),
    least('bulk, wasm ÷ libsodium’s wasm sealing alone', 1.25, ratio(bulk(WASM), bulk(SEALING))),
    least('the same ÷ secret-stream', 1, ratio(bulk(WASM), bulk(SECRET_STREAM))),
    most('processor time per GB, both ends, wasm', 3.2, median(time(WASM))),
    most(
      'processor time per GB, both ends, native ÷ TLS',
      1.15,
      ratio(time(NATIVE), tls('bulk', '64KiB', bothEnds, Math.min)),
    ),
    most('the same ÷ secret-stream', 1, ratio(time(NATIVE), time(SECRET_STREAM))),
    most('round trip of 64 bytes, median, native ÷ raw TCP', 1.15, ratio(trip(NATIVE), trip(RAW))),
    most('the same ÷ TLS', 1, ratio(trip(NATIVE), tls('roundtrip', '64B', p50, Math.min))),
    most(
      'round trip of 16 KiB, median, native ÷ TLS',
      1.1,
      ratio(large(NATIVE, p50), tls('roundtrip', '16KiB', p50, Math.min)),
    ),
    most('the same, 99th percentile', 1.2, ratio(large(NATIVE, p99), tls('roundtrip', '16KiB', p99, Math.min))),
    least('handshakes, 8 at a time, wasm ÷ TLS', 2, ratio(shakes(WASM), tlsShakes)),
    least('the same ÷ secret-stream', 1, ratio(shakes(WASM), shakes(SECRET_STREAM))),
    least('handshakes, 8 at a time, native ÷ secret-stream', 1.3, ratio(shakes(NATIVE), shakes(SECRET_STREAM))),
    most(
      'KiB for each of 10,000 idle connections, native, above a raw socket',
      4,
      aboveRaw(results, '10000', NATIVE) / 1024,
    ),
    least('1,000 connections sharing one load ÷ one connection, native', 0.75, manyToOne(results)),
    ...coreMemory(results),
  ].filter(it => it.seen !== 'NaN')
}

/** A process that nobody has warmed up. */
function freshTargets(results: Results): Target[] {
  return casesOf(results, 'fresh').flatMap(at => {
    const of = (name: string, field: Field) => valuesOf(results, 'fresh', at, name, field)
    const rates = of(NATIVE, rate)
    const tls = Math.max(...TLS.map(name => median(of(name, rate))).filter(Number.isFinite))
    const faults = of(NATIVE, it => Math.max(it.clientFaults!, it.serverFaults!))
    return [
      least('fresh processes, native, median ÷ TLS’s median', 0.85, median(rates) / tls),
      least('the slowest of them ÷ their median', 0.8, Math.min(...rates) / median(rates)),
      most('page faults per GB, the worse end of the worst of them', 60_000, Math.max(...faults)),
    ]
  })
}

function least(what: string, limit: number, value: number): Target {
  return { what, must: `≥ ${limit}`, seen: value.toFixed(2), met: value >= limit }
}

function most(what: string, limit: number, value: number): Target {
  return { what, must: `≤ ${limit}`, seen: value.toFixed(2), met: value <= limit }
}

/** These two are cases of their own, so their medians are compared, not their rounds. */
function manyToOne(results: Results): number {
  const of = (at: string) => median(valuesOf(results, 'connections', at, NATIVE, rate))
  return of('1000') / of('1')
}

function coreMemory(results: Results): Target[] {
  const rows = casesOf(results, 'churn').flatMap(at =>
    [NATIVE, WASM].flatMap(name => samplesOf(results, 'churn', at, name)),
  )
  if (rows.length === 0) return []
  const left = Math.max(...rows.flatMap(it => [it.serverAfter! - it.serverBefore!, it.clientAfter! - it.clientBefore!]))
  return [most('bytes of core memory left behind by connections that have closed', 0, left)]
}
