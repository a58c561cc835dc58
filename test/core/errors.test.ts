// docs/errors.md has every error, alert and reject code of the source, and no other.

import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ChannelError, type ChannelErrorCode, errorTable, printable } from '../../src/errors.js'
import { ALERTS, REJECTS } from '../../src/inspect/index.js'
import * as stream from '../../src/wire/stream.js'

const root = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/errors.md', root), 'utf8')
const { withErrors }: { withErrors(page: string): string } = await import(new URL('tools/errors.js', root).href)

/** The cells of the table between a pair of markers, without its head. */
function rowsOf(name: string): string[][] {
  const [, table = ''] = new RegExp(`<!-- ${name} -->([^]*?)<!-- /${name} -->`).exec(page) ?? []
  const lines = table.split('\n').filter(line => line.startsWith('|'))
  return lines.slice(2).map(line =>
    line
      .slice(2, -2)
      .split(/(?<!\\) \| /)
      .map(cell => cell.replaceAll('\\|', '|')),
  )
}

test('the tables are what tools/errors.js writes', () => {
  assert.fixture(page, withErrors(page), 'docs/errors.md is behind the source: run node tools/errors.js')
})

test('every error code is in its table with its texts, and no other', () => {
  const documented = ['PEER', 'LINK', 'USE'].flatMap(prefix => {
    const rows = rowsOf(prefix)
    for (const [code = ''] of rows) assert.ok(code.startsWith(`\`${prefix}_`), `${code} under ${prefix}`)
    return rows
  })
  const source = Object.entries(errorTable()).map(([code, { means, next }]) => [`\`${code}\``, means, next])
  assert.equal(documented.sort(), source.sort(), 'run node tools/errors.js')
})

test('every alert and reject code has a name, and its row', () => {
  const codes = (prefix: string) =>
    Object.entries(stream)
      .filter(([name]) => name.startsWith(prefix))
      .map(([, code]) => String(code))
  assert.equal(Object.keys(ALERTS), codes('ALERT_').sort())
  assert.equal(Object.keys(REJECTS), codes('REJECT_').sort())
  assert.equal(rowsOf('ALERTS'), Object.entries(ALERTS), 'run node tools/errors.js')
  assert.equal(rowsOf('REJECTS'), Object.entries(REJECTS), 'run node tools/errors.js')
})

test("alert and reject codes have the protocol page's names", () => {
  const protocol = readFileSync(new URL('docs/protocol.md', root), 'utf8').replace(/\s+/g, ' ')
  for (const names of [ALERTS, REJECTS]) {
    const list = Object.entries(names).map(([code, name]) => `${code} ${name}`)
    assert.ok(protocol.includes(`Codes: ${list.join(', ')}`), list.join(', '))
  }
})

test('every message says what happened and what to do', () => {
  for (const [code, texts] of Object.entries(errorTable()) as [ChannelErrorCode, { means: string; next: string }][]) {
    const { means, next } = texts
    assert.is(new ChannelError(code, 'because', { next: 'rest' }).message, `${code}: because; rest`)
    assert.is(new ChannelError(code, means, texts).message, `${code}: ${means}; ${next}`)
    for (const text of [means, next]) assert.not.match(text, /^[A-Z]|\.$/, `${code}: “${text}” is a part of a sentence`)
  }
})

test('an error without a reason says what its code means, if there is nothing more to say', () => {
  const error = new ChannelError('USE_NOT_CONNECTED')
  assert.is(error.message, 'USE_NOT_CONNECTED: the handshake is not over; wait for `connected`')
  assert.is(error.reason, 'the handshake is not over')
  // As JavaScript may: what this package throws with these codes has a reason, which the types ask for.
  const Loose = ChannelError as new (code: ChannelErrorCode) => ChannelError
  assert.is(new Loose('USE_BAD_KEY').reason, 'it was thrown without a reason')
  assert.is(new Loose('LINK_LIMIT').message, 'LINK_LIMIT: it was thrown without a reason; docs/errors.md says more')
})

test("a peer's text cannot move the cursor, start a line or turn the writing direction", () => {
  assert.is(printable('a\x1b[31mb\nc\u202ed\u2028e\u0085'), 'a\ufffd[31mb\ufffdc\ufffdd\ufffde\ufffd')
  assert.is(printable('x'.repeat(300)), `${'x'.repeat(200)}…`)
})

test.run()
