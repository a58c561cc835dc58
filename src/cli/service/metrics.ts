import type { Registry } from 'prom-client'
import { loadOptional } from '../frame/optional.js'
import type { AccessEntry } from './access-log.js'

/** What Prometheus is told. No label has as many values as there are clients. */
export interface Metrics {
  registry: Registry
  opened(): void
  ended(entry: AccessEntry): void
  ignored(why: string): void
  /** @param key of this server, which has a few at most */
  asked(key: string): void
  gauge(name: string, help: string, value: () => number): void
}

/** @param open how many connections are open now @param lost how many lines the access log has lost */
export async function createMetrics(open: () => number, lost: () => number): Promise<Metrics> {
  const { default: prometheus } = await loadOptional(() => import('prom-client'), 'prom-client', '--metrics')
  const { collectDefaultMetrics, Counter, Gauge, Histogram } = prometheus
  const registry = new prometheus.Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, value: () => number) => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }
  gauge('nopki_connections_open', 'Connections that are open now.', open)
  gauge('nopki_access_log_lost_lines', 'Lines that the access log could not be given.', lost)
  const counter = <T extends string = never>(name: string, help: string, ...labelNames: T[]) =>
    new Counter({ name, help, labelNames, registers })
  const opened = counter('nopki_connections_total', 'Connections that were let in.')
  const ended = counter(
    'nopki_connections_ended_total',
    'Connections that are over, and attempts that were refused, by how they ended.',
    'how',
  )
  const ignored = counter(
    'nopki_connections_ignored_total',
    'Connections that a router gives no answer, by what they began with.',
    'why',
  )
  const asked = counter(
    'nopki_connections_asked_total',
    'Connections that were let in, by the key of this server that they asked for.',
    'key',
  )
  const bytes = counter('nopki_bytes_total', 'Bytes of the application over channels that are closed.', 'direction')
  const seconds = new Histogram({
    name: 'nopki_connection_seconds',
    help: 'How long connections were open.',
    buckets: [0.01, 0.1, 1, 10, 60, 600, 3600, 86_400],
    registers,
  })
  return {
    registry,
    gauge,
    opened: () => opened.inc(),
    ignored: why => ignored.inc({ why }),
    asked: key => asked.inc({ key }),
    ended(entry) {
      ended.inc({ how: entry.ended })
      bytes.inc({ direction: 'received' }, entry.received)
      bytes.inc({ direction: 'sent' }, entry.sent)
      seconds.observe(entry.milliseconds / 1000)
    },
  }
}
