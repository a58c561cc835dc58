// The keys of docs/web.md, "Keys in a browser", in one: made once, kept over a reload, and no text of the secret key in the database.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRuntime } from '../runtimes/binaries.js'
import { openPage, originOf, pageOf, servePages } from '../runtimes/browser.js'
import { ROOT, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'

const text = readFileSync(join(ROOT, 'docs/web.md'), 'utf8')
const [, code = ''] = /```js\n(\/\/ keys\.js.*?)```/s.exec(text) ?? []
const SHOWN = `
const [one, two] = await Promise.all([browserKeyPair(), browserKeyPair()])
const database = await done(opening('nopki'))
const { sealer, ...kept } = await done(database.transaction('keys').objectStore('keys').get('pair'))
document.title = JSON.stringify({
  names: [one, two].map(it => encodePublicKey(it.publicKey)),
  secrets: [one, two].map(it => [...it.secretKey].join()),
  kept: [...new Uint8Array(kept.box)].join(),
  extractable: sealer.extractable,
})
`

const chromium = findRuntime('chromium')
if (typeof chromium === 'string') skipped('chromium keeps its key pair', chromium)
else {
  test('chromium keeps its key pair', async () => {
    assert.ok(code, 'docs/web.md has keys.js')
    const { folder } = await scratchProject()
    writeFileSync(join(folder, 'page.js'), code + SHOWN)
    const pages = servePages(folder, pageOf(folder, '/page.js'))
    const { browser, page, errors } = await openPage(chromium.path, await originOf(pages))
    const shown = async () => {
      await page.waitForFunction('document.title.startsWith("{")')
      return JSON.parse(await page.title())
    }
    try {
      const first = await shown()
      assert.is(first.names[0], first.names[1], 'two that ask at once get the same')
      assert.is(first.secrets[0], first.secrets[1])
      assert.not(first.extractable)
      assert.not.ok(first.kept.includes(first.secrets[0]))
      await page.reload()
      assert.equal((await shown()).names, first.names)
      assert.equal(errors, [])
    } finally {
      await browser.close()
      pages.close()
    }
  })
}

test.run()
