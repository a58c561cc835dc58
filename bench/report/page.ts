import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { NAMES, WASM } from '../contestants/list.js'
import type { Results } from '../results.js'
import { median } from '../stats.js'
import { type Chart, drawChart } from './chart.js'
import { bothEnds, casesOf, contestantsOf, type Field, rate, valuesOf } from './figures.js'
import { machineLine, markdown, tablesOf } from './tables.js'

const ROOT = new URL('../../../', import.meta.url)
export const RESULTS = new URL('bench/results.json', ROOT)
const PAGE = new URL('docs/performance.md', ROOT)
const PICTURES = new URL('docs/performance/', ROOT)

/** Puts the results’ tables between the page’s marks, and draws its pictures. What stands outside of the marks stays. */
export function writePage(results: Results): void {
  mkdirSync(PICTURES, { recursive: true })
  for (const [file, text] of filesOf(results)) writeFileSync(file, text)
}

/** The page and its pictures, by where they belong. */
export function filesOf(results: Results): Map<URL, string> {
  const files = new Map([[PAGE, fill(readFileSync(PAGE, 'utf8'), sectionsOf(results))]])
  for (const [name, chart] of chartsOf(results)) files.set(new URL(`${name}.svg`, PICTURES), drawChart(chart))
  return files
}

/** @throws where the page has no marks for a section */
export function fill(page: string, sections: Map<string, string>): string {
  let filled = page
  for (const [name, text] of sections) {
    const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
    const [from, to] = [filled.indexOf(begin), filled.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`docs/performance.md lacks ${begin.trim()} or ${end}`)
    filled = filled.slice(0, from + begin.length) + text + filled.slice(to)
  }
  return filled
}

function sectionsOf(results: Results): Map<string, string> {
  const sections = new Map([['machine', `${machineLine(results)}.\n`]])
  for (const table of tablesOf(results)) {
    const before = sections.get(table.section)
    sections.set(table.section, before ? `${before}\n${markdown(table)}` : markdown(table))
  }
  for (const [name, { title }] of chartsOf(results)) {
    sections.set(name, `![${title}](performance/${name}.svg)\n\n${sections.get(name) ?? ''}`)
  }
  const leftOut = Object.entries(results.leftOut).map(([name, reason]) => `- ${name}: ${reason}\n`)
  sections.set('left-out', leftOut.join('') || 'Nobody: all of them ran here.\n')
  return sections
}

/** By the name of their section. */
function chartsOf(results: Results): [string, Chart][] {
  const chart = (measure: string, title: string, unit: string, field: Field): Chart => {
    const labels = casesOf(results, measure)
    const names = contestantsOf(results, measure).filter(it => NAMES.includes(it))
    const lines = names.map(name => ({
      name,
      values: labels.map(at => median(valuesOf(results, measure, at, name, field))),
    }))
    return { title, unit, labels, lines }
  }
  const charts: [string, Chart][] = [
    ['bulk', chart('bulk', 'Bulk one way, by size of a write', 'MB/s', rate)],
    ['exchange', chart('exchange', 'Bulk both ways at once, by size of a write', 'MB/s', rate)],
    ['processor', withoutSmall(chart('bulk', 'Processor time, both ends, by size of a write', 's/GB', bothEnds))],
    ['handshakes', chart('handshakes', 'Handshakes, by how many are under way', 'a second', rate)],
    ['connections', chart('connections', 'One load shared by connections', 'MB/s', rate)],
    ['memory', chart('memory', 'Memory for each idle connection in the server', 'KiB', it => it.perConnection! / 1024)],
  ]
  return charts.filter(([, { labels, lines }]) => labels.length > 1 && lines.some(it => it.name === WASM))
}

/** Writes of 64 bytes cost so much that nothing else could be told apart. */
function withoutSmall({ labels, lines, ...rest }: Chart): Chart {
  const from = labels.findIndex(it => !/\dB$/.test(it))
  return { ...rest, labels: labels.slice(from), lines: lines.map(it => ({ ...it, values: it.values.slice(from) })) }
}
