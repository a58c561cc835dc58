// The key schedule as a graph, with the values that lie in memory. What the step uses or makes is lit.

import { toHex } from '../../inspect/index.js'
import { graphOf, type Node } from '../run/graph.js'
import type { Moment } from '../run/story.js'

interface Props {
  version: 1 | 2
  moment: Moment
  current: string
  look(node: Node, bytes: Uint8Array): void
}

export function Schedule({ version, moment, current, look }: Props) {
  const { nodes, edges } = graphOf(version)
  const lit = new Set(moment.words.lit)
  const role = moment.who === 'server' ? 'server' : 'client'
  const other = role === 'server' ? 'client' : 'server'
  const valueAt = (id: string) => moment.values[role].get(id) ?? moment.values[other].get(id)
  const at = new Map(nodes.map(it => [it.id, it]))
  const width = (Math.max(...nodes.map(it => it.column)) + 1) * CELL_X
  return (
    <section class="schedule" aria-label="key schedule">
      <header>
        <h2>The key schedule</h2>
        <p>
          {version === 2
            ? 'Every key is made of those before it. Values appear when an end has made them; what this step uses is lit.'
            : 'In version 1 each box has a key of two keys, and nothing ties them together: no hash, no chain.'}
        </p>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it */}
      <section class="graph" tabIndex={0} aria-label="graph of keys">
        <div style={{ width: `${width}px`, height: `${HEIGHT}px` }}>
          <svg width={width} height={HEIGHT} aria-hidden="true">
            {edges.map(({ from, to }) => {
              const [a, b] = [at.get(from), at.get(to)]
              return a && b ? (
                <path
                  key={`${from} ${to}`}
                  d={curve(a, b)}
                  class={lit.has(to) && valueAt(from) ? 'lit' : valueAt(to) ? 'made' : ''}
                />
              ) : null
            })}
          </svg>
          {nodes.map(node => {
            const value = valueAt(node.id)
            return (
              <button
                type="button"
                key={node.id}
                data-node={node.id}
                class={`node kind-${node.kind} ${lit.has(node.id) ? 'lit' : ''} ${value ? 'made' : ''}`}
                style={{ left: `${x(node)}px`, top: `${y(node)}px` }}
                disabled={!value}
                aria-pressed={current === `node.${node.id}`}
                onClick={() => value && look(node, value)}
              >
                <span>{node.label}</span>
                <span class="mono">{value ? toHex(value.subarray(0, 4)) : '········'}</span>
              </button>
            )
          })}
        </div>
      </section>
    </section>
  )
}

function curve(a: Node, b: Node): string {
  const [x1, y1, x2, y2] = [x(a) + NODE_X, y(a) + NODE_Y / 2, x(b), y(b) + NODE_Y / 2]
  if (a.column === b.column) {
    const middle = x(a) + NODE_X / 2
    const [top, bottom] = y(a) < y(b) ? [y(a) + NODE_Y, y(b)] : [y(a), y(b) + NODE_Y]
    return `M${middle},${top} L${middle},${bottom}`
  }
  const bend = Math.max(18, (x2 - x1) / 2)
  return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`
}

function x({ column }: Node): number {
  return column * CELL_X + 4
}

function y({ row }: Node): number {
  return (row + 0.6) * CELL_Y
}

const CELL_X = 146
const CELL_Y = 60
const NODE_X = 112
const NODE_Y = 44
const HEIGHT = 300
