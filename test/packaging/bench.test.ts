// The suite of benchmarks in its smallest shape: that all of it runs. What it measures is compared with nothing.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readArguments, UsageError } from '../../bench/arguments.js'
import { NATIVE, RAW } from '../../bench/contestants/list.js'
import { MEASURES } from '../../bench/measures/list.js'
import { drawChart } from '../../bench/report/chart.js'
import { filesOf, fill, RESULTS } from '../../bench/report/page.js'
import { tablesOf } from '../../bench/report/tables.js'
import { targets } from '../../bench/report/targets.js'
import { emptyResults, merge, type Results, type Row, readResults } from '../../bench/results.js'
import { SCALES } from '../../bench/scale.js'
import { quantile, ratio } from '../../bench/stats.js'
import { skippedWithout } from '../support/command.js'

const MAIN = fileURLToPath(new URL('../../bench/main.js', import.meta.url))
const RIVALS = new URL('../../bench/contestants/node_modules/', import.meta.url)
const OWN = [NATIVE, RAW, 'TLS, AES-256-GCM']
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
    const takingPart = measure === 'cluster' ? ['1'] : measure === 'churn' ? [NATIVE] : names
    for (const at of cases(SCALES.smallest)) {
      for (const contestant of takingPart) {
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
  for (const name of [
    'targets',
    'bulk',
    'fresh',
    'exchange',
    'processor',
    'roundtrip',
    'handshakes',
    'connections',
    'memory',
  ]) {
    assert.ok(sections.has(name), name)
  }
})

// .ci/run installs them.
const withRivals = existsSync(RIVALS)
  ? test
  : skippedWithout('other contestants: npm run bench -- --install').bind(null, test)
withRivals('the other contestants shake hands, and send both ways', () => {
  const only = ['exchange', 'handshakes'].flatMap(it => ['--only', it])
  const { status, stdout, stderr } = bench('--smallest', ...only, ...OTHERS.flatMap(it => ['--contestant', it]))
  assert.is(status, 0, stderr)
  assert.not.match(stdout, /left out/)
  for (const name of OTHERS) assert.match(stdout, new RegExp(`${name} +\\d`))
})

test('a wrong flag is an error that says what there is, and exits with 2', () => {
  const wrong: [string[], string, RegExp][] = [
    [['--fast'], "Unknown option '--fast'", /--help/],
    [['--only', 'bilk'], 'there is no measure bilk', /^there are bulk, fresh, exchange/],
    [['--only', 'bulk/65KiB'], 'bulk has no case 65KiB', /^it has 64B, 1KiB/],
    [['--contestant', 'ssh'], 'there is no contestant ssh', /^nopki, native/],
    [['--rounds', '0'], '--rounds is 0', /1 to 9999/],
    [['--rounds', '1e3'], '--rounds is 1e3', /1 to 9999/],
    [['--rounds'], "Option '--rounds <value>' argument missing", /--help/],
    [['bulk'], "Unexpected argument 'bulk'", /--help/],
    [['--write', '--quick'], 'the page is not written from a short run', /leave --write out/],
    [['--write', '--json', 'x'], '--write and --json are given together', /results\.json/],
    [['--write', '--contestant', RAW], '--write with --contestant', /within one run/],
    [['--quick', '--smallest'], '--quick and --smallest are given together', /--help/],
  ]
  for (const [args, message, hint] of wrong) {
    const check = (error: Error) => error instanceof UsageError && error.message === message && hint.test(error.hint)
    assert.throws(() => readArguments(args), check, args.join(' '))
  }
  for (const file of ['/nowhere/results.json', MAIN]) {
    assert.throws(
      () => readArguments(['--json', file]),
      (error: Error) => error.message.includes('cannot be used'),
    )
  }
  const { status, stderr, stdout } = bench('--fast')
  assert.equal([status, stdout], [2, ''])
  assert.match(stderr, /^error: Unknown option '--fast'\nhint: .*--help/)
})

const withResults = existsSync(RESULTS) ? test : skippedWithout('results: npm run bench -- --write').bind(null, test)
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
