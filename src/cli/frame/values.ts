// What options' texts mean: the `read` of their declarations.

import { Failure } from './failure.js'

export function protocolVersion(text: string, name: string): 1 | 2 {
  if (text !== '1' && text !== '2') throw Failure.usage(`${name} is ${text}`, 'there are versions 1 and 2')
  return text === '1' ? 1 : 2
}

/** A whole number from `low` to `high`. */
export function integer(low: number, high: number): (text: string, name: string) => number {
  return (text, name) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= low && value <= high) return value
    throw Failure.usage(`${name} is “${text}”`, `give a whole number from ${low} to ${high}`)
  }
}

/** A time such as 500ms, 10s, 5m, 2h, 1d, or plain seconds; in milliseconds. 0 turns off what it limits. */
export function duration(text: string, name: string): number {
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? []
  const time = Math.round(Number(digits) * (UNITS[unit] ?? Number.NaN))
  if (digits !== undefined && time <= LONGEST) return time
  throw Failure.usage(`${name} is “${text}”`, 'give a time such as 10s, 5m or 2h, at most 24d')
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
// What a timer can count.
const LONGEST = 2_147_483_647
