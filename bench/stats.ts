/** The value below which a share of the others lies. NaN where there are none. */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

export function median(values: number[]): number {
  return quantile(values, 0.5)
}

/** The median of the ratios within each round: what drifts from round to round is in both. NaN where one of them is missing. */
export function ratio(of: number[], to: number[]): number {
  return median(of.slice(0, to.length).map((value, round) => value / to[round]!))
}
