import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** What one run of one case gave: names and numbers, which the measure's own table explains. */
export type Sample = Record<string, number>

/** One contestant in one case. The samples of a case's rows belong together: the first of each is of the first round, and so on. */
export interface Row {
  measure: string
  case: string
  contestant: string
  samples: Sample[]
}

export interface Results {
  machine: { node: string; openssl: string; processor: string; cores: number; system: string }
  /** By name: what each contestant says of itself. */
  notes: Record<string, string>
  /** Who did not take part, or in which case not, and why. */
  leftOut: Record<string, string>
  rows: Row[]
}

export function emptyResults(): Results {
  return {
    machine: {
      node: process.version,
      openssl: process.versions.openssl,
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      system: `${process.platform} ${process.arch}`,
    },
    notes: {},
    leftOut: {},
    rows: [],
  }
}

/** @throws where it is not JSON */
export function readResults(file: string | URL): Results | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** A sample a line, so that a diff shows what has changed. */
export function writeResults(file: string | URL, { rows, ...rest }: Results): void {
  const lines = rows.map(row => `    ${JSON.stringify(row)}`).join(',\n')
  const head = JSON.stringify(rest, null, 2).slice(0, -2)
  writeFileSync(file, `${head},\n  "rows": [\n${lines}\n  ]\n}\n`)
}

/** What is new, and what the old has of other cases: rows of one case are only ever compared with each other. */
export function merge(old: Results | undefined, fresh: Results): Results {
  if (!old) return fresh
  const caseOf = (row: Row) => `${row.measure}/${row.case}`
  const measured = new Set(fresh.rows.map(caseOf))
  const leftOut = Object.entries(old.leftOut).filter(([where]) => !measured.has(where.split(': ')[0]!))
  return {
    machine: fresh.machine,
    notes: { ...old.notes, ...fresh.notes },
    leftOut: { ...Object.fromEntries(leftOut), ...fresh.leftOut },
    rows: [...old.rows.filter(row => !measured.has(caseOf(row))), ...fresh.rows],
  }
}

export function samplesOf(results: Results, measure: string, at: string, contestant: string): Sample[] {
  return (
    results.rows.find(it => it.measure === measure && it.case === at && it.contestant === contestant)?.samples ?? []
  )
}
