import { NAMES, RAW } from '../contestants/list.js'
import type { Results } from '../results.js'
import { samplesOf } from '../results.js'
import { median } from '../stats.js'

/** The names of a measure's cases that there are results of, from small to large. */
export function casesOf({ rows }: Results, measure: string): string[] {
  const names = new Set(rows.filter(row => row.measure === measure).map(row => row.case))
  return [...names].sort((a, b) => caseValue(a) - caseValue(b))
}

/** Those who have results in a measure, in the suite's order; what is no contestant comes last. */
export function contestantsOf({ rows }: Results, measure: string): string[] {
  const names = new Set(rows.filter(row => row.measure === measure).map(row => row.contestant))
  const place = (name: string) => (NAMES.includes(name) ? NAMES.indexOf(name) : NAMES.length)
  return [...names].sort((a, b) => place(a) - place(b))
}

/** `64KiB` as 65536, `100` as 100. */
export function caseValue(name: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(B|KiB|MiB)?$/.exec(name) ?? []
  return Number(digits) * (unit === 'KiB' ? 1024 : unit === 'MiB' ? 1024 ** 2 : 1)
}

/** One number of each round. */
export type Field = (sample: Record<string, number>) => number

export function valuesOf(results: Results, measure: string, at: string, contestant: string, field: Field): number[] {
  return samplesOf(results, measure, at, contestant).map(field)
}

/** Bytes of memory for each idle connection, above a raw socket's. */
export function aboveRaw(results: Results, at: string, contestant: string): number {
  const each = (name: string) => median(valuesOf(results, 'memory', at, name, it => it.perConnection!))
  return each(contestant) - each(RAW)
}

export const rate: Field = it => it.rate ?? Number.NaN
export const bothEnds: Field = it => it.client! + it.server!
export const p50: Field = it => it.p50!
export const p99: Field = it => it.p99!
