// The API reference is made from the types, and nothing in it is without a comment.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ROOT } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'

const NAME = 'everything that the package exports has a comment'

// One that was installed before it was needed: npm ci.
if (!existsSync(join(ROOT, 'node_modules/typedoc'))) skipped(NAME, 'typedoc is not installed')
else {
  test(NAME, async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['tools/api.js', '--check'], {
      cwd: ROOT,
    }).catch((error: { stdout: string; stderr: string }) => error)
    assert.is(stdout + stderr, '')
  })
}

test.run()
