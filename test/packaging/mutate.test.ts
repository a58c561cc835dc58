// tools/mutate/: the changes that are tried on what is built.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
// @ts-expect-error a tool in JavaScript, whose types are checked on their own
import { changesOf } from '../../../tools/mutate/changes.js'

const changed = (code: string) =>
  (changesOf(code) as { start: number; end: number; text: string }[]).map(
    ({ start, end, text }) => code.slice(0, start) + text + code.slice(end),
  )

test('operators, conditions, values, calls and returns are changed, one at a time', () => {
  assert.equal(changed('f(a < b)'), [';', 'f(a <= b)'])
  assert.equal(changed('x = a && !b'), [';', 'x = a || !b', 'x = a && b'])
  assert.equal(changed('if (a) b++'), ['if (true) b++', 'if (false) b++', 'if (a) ;', 'if (a) b--'])
  assert.equal(changed('const a = 7, b = false'), ['const a = 8, b = false', 'const a = 7, b = true'])
  assert.equal(changed('const f = () => { return a?.b }'), [
    'const f = () => { return; }',
    'const f = () => { return a.b }',
  ])
  assert.equal(changed("const c = d === 'x'"), ["const c = d !== 'x'", "const c = d === 'another'"])
})

test('texts that nothing is compared with stay, and so does what would not parse', () => {
  assert.equal(changed("const a = 'text' + b; import 'x'"), [])
  // a && b ?? c is no JavaScript.
  assert.equal(changed('const d = a ?? b ?? c'), [])
})

test.run()
