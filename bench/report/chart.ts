// Line charts as SVG: enough for a page of figures, legible on a light and on a dark ground.

export interface Chart {
  title: string
  /** What the vertical axis counts. It begins at 0. */
  unit: string
  /** Along the horizontal axis, at equal distances. */
  labels: string[]
  lines: { name: string; values: number[] }[]
}

const WIDTH = 760
const HEIGHT = 380
const LEFT = 64
const RIGHT = 190
const TOP = 44
const BOTTOM = 36
// Told apart by people who do not see all colours as well (Okabe and Ito); from the eighth on dashed.
const COLOURS = ['#d55e00', '#e69f00', '#777777', '#0072b2', '#56b4e9', '#009e73', '#cc79a7', '#999933']

/** @returns an SVG document; lines without a single value are left out */
export function drawChart({ title, unit, labels, lines }: Chart): string {
  const drawn = lines.filter(it => it.values.some(Number.isFinite))
  const ticks = ticksFor(Math.max(...drawn.flatMap(it => it.values.filter(Number.isFinite))))
  const top = ticks.at(-1)!
  const x = (at: number) => round(LEFT + ((WIDTH - LEFT - RIGHT) * at) / Math.max(1, labels.length - 1))
  const y = (value: number) => round(HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / top)
  const grid = ticks.map(
    tick => `<path class="grid" d="M${LEFT} ${y(tick)}H${WIDTH - RIGHT}"/>
<text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${tick}</text>`,
  )
  const names = labels.map(
    (label, at) => `<text x="${x(at)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${escaped(label)}</text>`,
  )
  const places = spreadOut(drawn.map(({ values }) => y(values.findLast(Number.isFinite) ?? 0)))
  const curves = drawn.map(({ name, values }, index) => {
    const colour = COLOURS[lines.findIndex(it => it.name === name) % COLOURS.length]
    const points = values.flatMap((value, at) => (Number.isFinite(value) ? [[x(at), y(value)] as const] : []))
    const path = points.map(([across, down], at) => `${at ? 'L' : 'M'}${across} ${down}`).join('')
    const dots = points.map(([across, down]) => `<circle cx="${across}" cy="${down}" r="3" fill="${colour}"/>`).join('')
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}
<text x="${WIDTH - RIGHT + 14}" y="${places[index]! + 4}" style="fill:${colour}">${escaped(name)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">
<style>text{font:12px system-ui,sans-serif;fill:#444}.grid{stroke:#8884}.title{font-weight:600;font-size:14px}@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>
<text class="title" x="${LEFT}" y="20">${escaped(title)}, ${escaped(unit)}</text>
${[...grid, ...names, ...curves].join('\n')}
</svg>
`
}

/** From 0 in steps of 1, 2 or 5 times a power of ten, to at least `highest`. */
function ticksFor(highest: number): number[] {
  const rough = Math.max(highest, 1e-3) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(it => it * power).find(it => it >= rough) ?? rough
  const count = Math.ceil(highest / step)
  return Array.from({ length: Math.max(1, count) + 1 }, (_, at) => Number((at * step).toPrecision(6)))
}

/** The names beside the lines: moved so that none lies on another. */
function spreadOut(places: number[]): number[] {
  const order = places.map((_, at) => at).sort((a, b) => places[a]! - places[b]!)
  const moved = [...places]
  for (let at = 1; at < order.length; at++) {
    const [above, here] = [order[at - 1]!, order[at]!]
    moved[here] = Math.max(moved[here]!, moved[above]! + LINE)
  }
  // From below: what was pushed out at the bottom pushes the others up again.
  let lowest = HEIGHT - BOTTOM
  for (const at of order.reverse()) {
    moved[at] = Math.min(moved[at]!, lowest)
    lowest = moved[at]! - LINE
  }
  return moved
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

const LINE = 16
