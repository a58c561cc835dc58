// The suite of benchmarks in its smallest shape: that all of it runs. What it measures is compared with nothing.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NATIVE, RAW, WASM } from '../bench/contestants/list.js'
import { MEASURES } from '../bench/measures/list.js'
import { drawChart } from '../bench/report/chart.js'
import { filesOf, fill, RESULTS } from '../bench/report/page.js'
import { tablesOf } from '../bench/report/tables.js'
import { targets } from '../bench/report/targets.js'
import { emptyResults, merge, type Results, type Row, readResults } from '../bench/results.js'
import { SCALES } from '../bench/scale.js'
import { quantile, ratio } from '../bench/stats.js'

const MAIN = fileURLToPath(new URL('../bench/main.js', import.meta.url))
const RIVALS = new URL('../bench/contestants/node_modules/', import.meta.url)
const OWN = [NATIVE, WASM, RAW, 'TLS, AES-256-GCM']
const OTHERS = ['secret-stream', 'secret-handshake', 'libp2p-noise']

function bench(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 150_000 })
}

function runSmallest(names: string[]): Results {
  const folder = mkdtempSync(join(tmpdir(), 'nopki-bench-'))
  try {
    const file = join(folder, 'results.json')
    const { status, stderr, stdout } = bench('--smallest', '--json', file, ...names.flatMap(it => ['--contestant', it]))
    assert.is(status, 0, stderr)
    assert.match(stdout, /MB\/s one way/)
    return JSON.parse(readFileSync(file, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Every measure has a row of each in each of its cases, and numbers in it. */
function checkComplete(results: Results, names: string[]): void {
  assert.equal(results.leftOut, {})
  for (const { name: measure, cases } of MEASURES) {
    const takingPart = measure === 'cluster' ? ['1'] : measure === 'churn' ? [NATIVE, WASM] : names
    for (const at of cases(SCALES.smallest)) {
      for (const contestant of takingPart.filter(it => measure === 'cluster' || names.includes(it))) {
        const row = results.rows.find(
          it => it.measure === measure && it.case === at.name && it.contestant === contestant,
        )
        assert.is(row?.samples.length, 1, `${measure}/${at.name}: ${contestant}`)
        for (const value of Object.values(row!.samples[0]!))
          assert.ok(Number.isFinite(value), `${measure}: ${contestant}`)
      }
    }
  }
}

test('every measure runs for this project, raw TCP and TLS', () => {
  const results = runSmallest(OWN)
  checkComplete(results, OWN)
  const [churn] = results.rows.filter(it => it.measure === 'churn')
  assert.is(
    churn!.samples[0]!.serverAfter,
    churn!.samples[0]!.serverBefore,
    'closed connections leave no core memory behind',
  )
  const sections = new Set(tablesOf(results).map(it => it.section))
  for (const name of ['targets', 'bulk', 'exchange', 'processor', 'roundtrip', 'handshakes', 'connections', 'memory']) {
    assert.ok(sections.has(name), name)
  }
})

// They are there after npm run bench -- --install, which .ci/run does.
const withRivals = existsSync(RIVALS) ? test : test.skip
withRivals('the other contestants shake hands, and send both ways', () => {
  const only = ['exchange', 'handshakes'].flatMap(it => ['--only', it])
  const { status, stdout, stderr } = bench('--smallest', ...only, ...OTHERS.flatMap(it => ['--contestant', it]))
  assert.is(status, 0, stderr)
  assert.not.match(stdout, /left out/)
  for (const name of OTHERS) assert.match(stdout, new RegExp(`${name} +\\d`))
})

test('a wrong flag is an error that says what there is, and exits with 2', () => {
  const wrong: [string[], RegExp][] = [
    [['--fast'], /error: Unknown option '--fast'\nhint: .*--help/],
    [['--only', 'bilk'], /error: there is no measure bilk\nhint: there are bulk, exchange/],
    [['--only', 'bulk/65KiB'], /error: bulk has no case 65KiB\nhint: it has 64B, 1KiB/],
    [['--contestant', 'ssh'], /error: there is no contestant ssh\nhint: nopki, native/],
    [['--rounds', '0'], /error: --rounds is 0\nhint: /],
    [['--rounds', '1e3'], /error: --rounds is 1e3/],
    [['--rounds'], /error: Option '--rounds <value>' argument missing/],
    [['bulk'], /error: Unexpected argument 'bulk'/],
    [['--write', '--quick'], /error: the page is not written from a short run/],
    [['--write', '--json', 'x'], /error: --write and --json/],
    [['--write', '--contestant', 'raw TCP'], /error: --write with --contestant/],
    [['--quick', '--smallest'], /error: --quick and --smallest/],
  ]
  for (const [args, message] of wrong) {
    const { status, stderr, stdout } = bench(...args)
    assert.is(status, 2, args.join(' '))
    assert.match(stderr, message)
    assert.is(stdout, '')
  }
  assert.match(bench('--help').stdout, /usage: npm run bench/)
})

// They are there after npm run bench -- --write.
const withResults = existsSync(RESULTS) ? test : test.skip
withResults('docs/performance.md and its pictures are what the suite makes of bench/results.json', () => {
  for (const [file, text] of filesOf(readResults(RESULTS)!)) {
    assert.is(readFileSync(file, 'utf8'), text, `${file.pathname}: npm run bench -- --page writes it`)
  }
})

test('a page keeps what stands outside of its marks, and must have them', () => {
  const page = 'one\n<!-- a -->\nold\n<!-- /a -->\ntwo\n'
  assert.is(fill(page, new Map([['a', 'new\n']])), 'one\n<!-- a -->\nnew\n<!-- /a -->\ntwo\n')
  assert.throws(() => fill(page, new Map([['b', '']])), /lacks <!-- b -->/)
})

const row = (at: string, contestant: string, ...rates: number[]): Row => ({
  measure: 'bulk',
  case: at,
  contestant,
  samples: rates.map(rate => ({ rate, client: 1, server: 2 })),
})

test('results of another run replace whole cases, and no others', () => {
  const leftOut = { 'bulk/1KiB: b': 'failed', 'bulk/64B: b': 'failed' }
  const old = { ...emptyResults(), leftOut, rows: [row('64B', 'a', 1), row('1KiB', 'a', 2), row('1KiB', 'c', 2)] }
  const fresh = { ...emptyResults(), rows: [row('1KiB', 'a', 3)] }
  const { rows, leftOut: left } = merge(old, fresh)
  assert.equal(rows, [row('64B', 'a', 1), row('1KiB', 'a', 3)])
  assert.equal(left, { 'bulk/64B: b': 'failed' })
})

test('ratios are taken within a round', () => {
  assert.is(quantile([4, 1, 3, 2], 0.5), 2.5)
  assert.ok(Number.isNaN(quantile([], 0.5)))
  // The machine was slow in the second round, for both.
  assert.is(ratio([10, 1, 12], [20, 2, 20]), 0.5)
  const results = { ...emptyResults(), rows: [row('64KiB', NATIVE, 90, 9), row('64KiB', 'TLS, AES-256-GCM', 50, 10)] }
  results.rows.push(row('64KiB', 'TLS, ChaCha20', 100, 5))
  const [target] = targets(results)
  assert.is(target!.seen, '0.90')
  assert.ok(target!.met)
})

test('a chart has every line that has a value, and none that has not', () => {
  const lines = [
    { name: 'a < b', values: [1, 5000] },
    { name: 'gap', values: [Number.NaN, 2] },
    { name: 'absent', values: [Number.NaN, Number.NaN] },
  ]
  const svg = drawChart({ title: 'T', unit: 'u', labels: ['1', '2'], lines })
  assert.is(svg.match(/<circle/g)?.length, 3)
  assert.match(svg, /a &lt; b/)
  assert.match(svg, />5000</)
  assert.not.match(svg, /absent|NaN/)
})

test.run()
