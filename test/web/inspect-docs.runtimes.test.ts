// The three programs of docs/inspect.md, where they are for, in a project that has installed the package.

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRuntime } from '../runtimes/binaries.js'
import { openPage, originOf, pageOf, servePages } from '../runtimes/browser.js'
import { ROOT, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { bundleWorker, startWorkerd, writeConfig } from '../runtimes/worker.js'
import { onAnyPort } from '../support/readme.js'

const text = readFileSync(join(ROOT, 'docs/inspect.md'), 'utf8')
const blockOf = (language: string, start: string) => {
  const found = [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, code = '']) => code)
  const block = found.find(it => it.startsWith(start))
  assert.ok(block, `a block of docs/inspect.md that starts with ${start}`)
  return block!
}
let folder = ''

test.before(async () => {
  ;({ folder } = await scratchProject())
})

test('node runs it: messages, records opened, secrets that are gone', async () => {
  writeFileSync(join(folder, 'inspect.js'), onAnyPort(blockOf('js', '// node')))
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['inspect.js'], {
    cwd: folder,
    timeout: 30_000,
  })
  assert.is(stderr, '')
  for (const part of [
    'client, at 0: hello, version 2: 1292 bytes',
    'server, at 0: challenge, version 2: 1268 bytes',
    'client, at 1292: response: 144 bytes',
    'server, at 1268: record, version 2',
    'plaintext of a record',
    '68 65 6c 6c 6f',
    '\nhello\n',
  ]) {
    assert.ok(stdout.includes(part), `${part}\n${stdout}`)
  }
  for (const secret of ['own long-term secret key', 'ML-KEM-768 secret key', 'session key, client to server']) {
    assert.match(stdout, new RegExp(`^wiped, at \\d+: .*${secret}$`, 'm'))
  }
})

const workerd = findRuntime('workerd')
if (typeof workerd === 'string') skipped('workerd runs it: the messages of both', workerd)
else {
  test('workerd runs it: the messages of both', async () => {
    const entry = join(folder, 'worker.js')
    writeFileSync(entry, blockOf('js', '// worker.js'))
    await bundleWorker(folder, entry, join(folder, 'out'))
    const running = await startWorkerd(workerd.path, writeConfig(join(folder, 'out'), 'worker.js'))
    try {
      const response = await fetch(`http://127.0.0.1:${running.port}/`)
      const lines = (await response.text()).split('\n')
      assert.equal(lines.slice(0, 3), [
        'client: hello2, 1292 bytes',
        'server: challenge2, 1268 bytes',
        'client: response, 144 bytes',
      ])
      assert.ok(lines.some(it => it.startsWith('client: record2')))
    } finally {
      await running.close()
    }
  })
}

const chromium = findRuntime('chromium')
if (typeof chromium === 'string') skipped('chromium runs it: the memory', chromium)
else {
  test('chromium runs it: the memory', async () => {
    const block = blockOf('html', '<!doctype html>')
    const [, html = '', script = ''] = /^(.*?)<script type="module">\n(.*?)<\/script>/s.exec(block) ?? []
    writeFileSync(join(folder, 'page.js'), script)
    const page = pageOf(folder, '/page.js')
    const pages = servePages(folder, { ...page, html: page.html.replace('<!doctype html>', html) })
    const { browser, page: opened, errors } = await openPage(chromium.path, await originOf(pages))
    try {
      const memory = opened.locator('#memory')
      await opened.waitForFunction('document.getElementById("memory").textContent.includes("sending has ended")')
      const lines = String(await memory.textContent()).split('\n')
      assert.ok(lines.some(it => /secret, set: channel, record key, client to server$/.test(it)))
      assert.ok(lines.some(it => /secret, wiped: handshake, own long-term secret key$/.test(it)))
      assert.equal(errors, [])
    } finally {
      await browser.close()
      pages.close()
    }
  })
}

test.run()
