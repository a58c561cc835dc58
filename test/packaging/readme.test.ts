// The code in README.md works when it is pasted.

import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { onAnyPort } from '../support/readme.js'

const ROOT = new URL('../../../', import.meta.url)
const readme = readFileSync(new URL('README.md', ROOT), 'utf8')
const blocks = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code)
const EXPECTED = ['hello over a channel\n', 'hello alice\nPEER_NOT_AUTHORIZED ask the operator to add your key\n']

assert.is(blocks.length, EXPECTED.length)

for (const [index, code] of blocks.entries()) {
  test(`the README’s code, block ${index + 1}`, async () => {
    assert.ok(index > 0 || code.trim().split('\n').length <= 12)
    // In the clone’s own folder, where 'nopki' means this package.
    const file = new URL(`build/readme-${index}.mjs`, ROOT)
    writeFileSync(file, onAnyPort(code))
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [fileURLToPath(file)], { timeout: 20_000 })
      assert.is(stdout, EXPECTED[index])
      assert.is(stderr, '')
    } finally {
      rmSync(file)
    }
  })
}

test('what the README links to is there', () => {
  for (const [, target = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
    assert.ok(readFileSync(new URL(target, ROOT)).length > 0, target)
  }
})

test.run()
