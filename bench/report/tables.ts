import { NATIVE, RAW, WASM } from '../contestants/list.js'
import { type Results, samplesOf } from '../results.js'
import { median, ratio } from '../stats.js'
import { aboveRaw, bothEnds, casesOf, contestantsOf, type Field, p50, p99, rate, valuesOf } from './figures.js'
import { targets } from './targets.js'

export interface Table {
  /** What the page's section is called that it belongs to. */
  section: string
  title: string
  rows: string[][]
}

/** All that the results have, in the order in which it is shown. The first row of each is its head. */
export function tablesOf(results: Results): Table[] {
  const tables = [
    targetTable(results),
    ...timed(results, 'bulk', 'bulk', rate, 'MB/s one way'),
    freshTable(results),
    ...timed(results, 'exchange', 'exchange', rate, 'MB/s both ways at once, together'),
    ...timed(results, 'processor', 'bulk', bothEnds, 'seconds of processor time per GB, both ends together', 2),
    endsTable(results),
    ...timed(results, 'roundtrip', 'roundtrip', p50, 'µs there and back, median'),
    ...timed(results, 'roundtrip', 'roundtrip', p99, 'µs there and back, 99th percentile'),
    ...timed(results, 'handshakes', 'handshakes', rate, 'handshakes a second'),
    ...timed(results, 'connections', 'connections', rate, 'MB/s of all connections together'),
    memoryTable(results),
    churnTable(results),
    coldTable(results),
    clusterTable(results),
  ]
  return tables.filter(it => it.rows.length > 1)
}

/** The tables for a terminal, with the machine above, and who was left out below. */
export function printable(results: Results): string {
  const texts = tablesOf(results).map(({ title, rows }) => {
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
    const lines = rows.map(row => row.map((cell, at) => (at ? cell.padStart(widths[at]!) : cell.padEnd(widths[0]!))))
    return `${title}\n\n${lines.map(cells => `  ${cells.join('  ')}`.trimEnd()).join('\n')}\n`
  })
  const leftOut = Object.entries(results.leftOut).map(([name, reason]) => `left out: ${name}: ${reason}`)
  return [`${machineLine(results)}\n`, ...texts, ...leftOut].join('\n')
}

export function markdown({ title, rows }: Table): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const [head, ...body] = rows
  const rule = line(head!.map((_, at) => (at ? '---:' : '---')))
  return `${title[0]!.toUpperCase()}${title.slice(1)}:\n\n${[line(head!), rule, ...body.map(line)].join('\n')}\n`
}

export function machineLine({ machine, notes }: Results): string {
  const said = Object.entries(notes).map(([name, note]) => `; ${name}: ${note}`)
  return `Node ${machine.node} (OpenSSL ${machine.openssl}), ${machine.system}, ${machine.cores} × ${machine.processor}${said.join('')}`
}

/** Medians with the lowest and the highest, and what this project's are to everyone's, in the same round. */
function timed(results: Results, section: string, measure: string, field: Field, title: string, digits = 0): Table[] {
  const cases = casesOf(results, measure)
  const names = contestantsOf(results, measure).filter(name =>
    cases.some(at => valuesOf(results, measure, at, name, field).some(Number.isFinite)),
  )
  const ours = [NATIVE, WASM].filter(name => names.includes(name))
  const of = (at: string, name: string) => valuesOf(results, measure, at, name, field)
  const figures = names.map(name => [name, ...cases.map(at => spread(of(at, name), digits))])
  const ratios = names.map(name => [
    name,
    ...cases.map(at => ours.map(own => number(ratio(of(at, own), of(at, name)), 2)).join(' / ')),
  ])
  const short = ours.map(name => name.split(', ')[1]).join(' / ')
  return [
    { section, title: `${title}: median (lowest to highest)`, rows: [['', ...cases], ...figures] },
    { section, title: `nopki (${short}) ÷ each`, rows: ours.length ? [['', ...cases], ...ratios] : [] },
  ]
}

function targetTable(results: Results): Table {
  const rows = targets(results).map(({ what, must, seen, met }) => [what, must, seen, met ? 'yes' : 'no'])
  return {
    section: 'targets',
    title: 'what is aimed at',
    rows: [['', 'at least, or at most', 'seen', 'reached'], ...rows],
  }
}

function endsTable(results: Results): Table {
  const at = '64KiB'
  const rows = contestantsOf(results, 'bulk').flatMap(name => {
    const end = (key: string) => valuesOf(results, 'bulk', at, name, it => it[key] ?? Number.NaN)
    const [client, server] = [end('client'), end('server')]
    return client.some(Number.isFinite) ? [[name, spread(client, 2), spread(server, 2)]] : []
  })
  const title = `seconds of processor time per GB at each end, ${at} writes one way: median (lowest to highest)`
  return { section: 'processor', title, rows: [['', 'sending', 'receiving'], ...rows] }
}

function freshTable(results: Results): Table {
  const rows = casesOf(results, 'fresh').flatMap(at =>
    contestantsOf(results, 'fresh').map(name => {
      const of = (field: Field) => valuesOf(results, 'fresh', at, name, field)
      const faults = of(it => it.clientFaults! + it.serverFaults!)
      return [name, spread(of(rate), 0), spread(faults, 0), spread(of(bothEnds), 2)]
    }),
  )
  const title = `fresh processes, each sends ${casesOf(results, 'fresh').join()} at once: median (lowest to highest)`
  const head = ['', 'MB/s', 'page faults per GB, both ends', 'seconds of processor time per GB, both ends']
  return { section: 'fresh', title, rows: [head, ...rows] }
}

function memoryTable(results: Results): Table {
  const cases = casesOf(results, 'memory')
  const each = (at: string, name: string) =>
    number(median(valuesOf(results, 'memory', at, name, it => it.perConnection! / 1024)), 1)
  const above = (at: string, name: string) =>
    name === RAW ? '' : ` (${number(aboveRaw(results, at, name) / 1024, 1)})`
  const rows = contestantsOf(results, 'memory').map(name => [
    name,
    ...cases.map(at => `${each(at, name)}${above(at, name)}`),
  ])
  const title = 'KiB of resident memory in the server for each idle connection (above a raw socket’s)'
  return { section: 'memory', title, rows: [['', ...cases], ...rows] }
}

function churnTable(results: Results): Table {
  const rows = casesOf(results, 'churn').flatMap(at =>
    contestantsOf(results, 'churn').flatMap(name =>
      samplesOf(results, 'churn', at, name).map(it => [
        `${name}, ${at} connections`,
        ...['serverBefore', 'serverAfter', 'clientBefore', 'clientAfter'].map(key => `${it[key]}`),
      ]),
    ),
  )
  const head = ['', 'server before', 'server after', 'client before', 'client after']
  return { section: 'churn', title: 'bytes of core memory in use', rows: [head, ...rows] }
}

function coldTable(results: Results): Table {
  const rows = contestantsOf(results, 'cold').map(name => {
    const of = (key: string) =>
      spread(
        valuesOf(results, 'cold', 'start', name, it => it[key]!),
        0,
      )
    return [name, of('process'), of('import')]
  })
  const title = 'milliseconds until the first byte has come back: median (lowest to highest)'
  return { section: 'cold', title, rows: [['', 'since the process was started', 'since the import'], ...rows] }
}

function clusterTable(results: Results): Table {
  const of = (name: string, field: Field) => valuesOf(results, 'cluster', 'workers', name, field)
  const names = contestantsOf(results, 'cluster')
  const rows = names.map(name => [
    name,
    spread(
      of(name, it => it.handshakes!),
      0,
    ),
    number(
      ratio(
        of(name, it => it.handshakes!),
        of(names[0]!, it => it.handshakes!),
      ),
      2,
    ),
    spread(of(name, rate), 0),
    number(ratio(of(name, rate), of(names[0]!, rate)), 2),
    `${number(100 * median(of(name, it => it.share!)), 0)} %`,
  ])
  const head = [
    'workers',
    'connections a second',
    '÷ one worker',
    'MB/s hashed',
    '÷ one worker',
    'answered by the busiest',
  ]
  return { section: 'cluster', title: 'examples/cluster.js: median (lowest to highest)', rows: [head, ...rows] }
}

function spread(values: number[], digits: number): string {
  if (values.length === 0) return ''
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return `${number(median(values), digits)} (${number(low, digits)} to ${number(high, digits)})`
}

function number(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : ''
}
