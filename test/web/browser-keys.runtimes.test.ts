// The keys of docs/web.md, "Keys in a browser", in one: made once, kept over a reload, and no text of the secret key in the database.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BROWSERS, findRuntime, type Runtime } from '../runtimes/binaries.js'
import { originOf, pageOf, servePages } from '../runtimes/browser.js'
import { ROOT, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { drive } from '../runtimes/webdriver.js'

const text = readFileSync(join(ROOT, 'docs/web.md'), 'utf8')
const [, code = ''] = /```js\n(\/\/ keys\.js.*?)```/s.exec(text) ?? []
const SHOWN = `
const [one, two] = await Promise.all([browserKeyPair(), browserKeyPair()])
const database = await done(opening('nopki'))
const { sealer, ...kept } = await done(database.transaction('keys').objectStore('keys').get('pair'))
const body = JSON.stringify({
  names: [one, two].map(it => encodePublicKey(it.publicKey)),
  secrets: [one, two].map(it => [...it.secretKey].join()),
  kept: [...new Uint8Array(kept.box)].join(),
  extractable: sealer.extractable,
})
await fetch('/shown', { method: 'POST', body })
`

interface Shown {
  names: string[]
  secrets: string[]
  kept: string
  extractable: boolean
}

for (const browser of BROWSERS) {
  const runtime = findRuntime(browser)
  if (typeof runtime === 'string') skipped(`${browser} keeps its key pair`, runtime)
  else test(`${browser} keeps its key pair`, () => keeps(runtime))
}

async function keeps(runtime: Runtime): Promise<void> {
  assert.ok(code, 'docs/web.md has keys.js')
  const { folder } = await scratchProject()
  writeFileSync(join(folder, 'page.js'), code + SHOWN)
  let onShown = (_line: object) => {}
  const pages = servePages(folder, pageOf(folder, '/page.js'), line => onShown(line))
  const url = await originOf(pages)
  const driven = await drive(runtime)
  const shown = async () => {
    const line = new Promise<object>((resolve, reject) => {
      onShown = resolve
      setTimeout(() => reject(new Error(`the page shows nothing; ${driven.complaints}`)), 30_000).unref()
    })
    await driven.open(url)
    return (await line) as Shown
  }
  try {
    const first = await shown()
    assert.is(first.names[0], first.names[1], 'two that ask at once get the same')
    assert.is(first.secrets[0], first.secrets[1])
    assert.not(first.extractable)
    assert.not.ok(first.kept.includes(first.secrets[0] ?? ''))
    assert.equal((await shown()).names, first.names)
    assert.equal(driven.complaints, [])
  } finally {
    await driven.close()
    pages.close()
  }
}

test.run()
