// The code in README.md works in every runtime, in a project that has installed the package.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { encodePublicKey, generateKeyPair } from 'nopki'
import { acceptWebSocket } from 'nopki/web'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import { BROWSERS, findRuntime } from '../runtimes/binaries.js'
import { originOf, pageOf, servePages } from '../runtimes/browser.js'
import { ROOT, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { drive } from '../runtimes/webdriver.js'
import { bundleWorker, startWorkerd, writeConfig } from '../runtimes/worker.js'
import { onAnyPort } from '../support/readme.js'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const [, tenLines = ''] = readme.match(/```js\n(.*?)```/s) ?? []
const [, webLines = ''] = readme.match(/```html\n<script type="module">\n(.*?)<\/script>/s) ?? []
const run = promisify(execFile)
let folder = ''

test.before(async () => {
  ;({ folder } = await scratchProject('ws'))
  writeFileSync(join(folder, 'ten-lines.js'), onAnyPort(tenLines))
})

// Deno with what its user has to allow, and no more.
for (const [name, ...flags] of [['node'], ['deno', 'run', '--allow-net', '--allow-read'], ['bun']] as const) {
  const runtime = findRuntime(name)
  const title = `${name} runs the README’s ten lines`
  if (typeof runtime === 'string') skipped(title, runtime)
  else {
    test(title, async () => {
      const { stdout, stderr } = await run(runtime.path, [...flags, 'ten-lines.js'], { cwd: folder, timeout: 30_000 })
      assert.is(stdout, 'hello over a channel\n')
      assert.is(stderr, '')
    })
  }
}

for (const browser of BROWSERS) {
  const runtime = findRuntime(browser)
  const title = `${browser} runs the README’s lines for the web`
  if (typeof runtime === 'string') skipped(title, runtime)
  else {
    test(title, async () => {
      const server = await echoServer()
      writeFileSync(join(folder, 'page.js'), server.code)
      const pages = servePages(folder, pageOf(folder, '/page.js'))
      const driven = await drive(runtime)
      try {
        await driven.open(await originOf(pages))
        assert.is(await server.heard, 'hello')
        assert.equal(driven.complaints, [])
      } finally {
        await driven.close()
        pages.close()
        server.close()
      }
    })
  }
}

const workerd = findRuntime('workerd')
if (typeof workerd === 'string') skipped('workerd runs the README’s lines for the web', workerd)
else {
  test('workerd runs the README’s lines for the web', async () => {
    const server = await echoServer()
    const [imports = '', ...lines] = server.code.trim().split('\n')
    const entry = join(folder, 'lines.js')
    const body = lines.join('\n')
    writeFileSync(entry, `${imports}\nexport default { async fetch() {\n${body}\nreturn new Response('done') } }\n`)
    await bundleWorker(folder, entry, join(folder, 'out'))
    const running = await startWorkerd(workerd.path, writeConfig(join(folder, 'out'), 'lines.js'))
    try {
      const response = await fetch(`http://127.0.0.1:${running.port}/`)
      assert.is(await response.text(), 'done')
      assert.is(await server.heard, 'hello')
    } finally {
      await running.close()
      server.close()
    }
  })
}

/** Gives one message back, and ends; with the README’s lines, as they talk to it. */
async function echoServer() {
  const keyPair = generateKeyPair()
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(sockets, 'listening')
  const heard = once(sockets, 'connection').then(async ([socket]) => {
    const channel = await acceptWebSocket(socket, { keyPair, authorize: 'anyone' })
    const { value } = await channel.messages().next()
    const message = value ?? new Uint8Array()
    await channel.send(message)
    // The README’s lines read until this end, and have none of their own.
    channel.close().catch(() => {})
    return new TextDecoder().decode(message)
  })
  const url = `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`
  const code = webLines.replace('wss://example.org/channel', url).replace('pk_…', encodePublicKey(keyPair.publicKey))
  assert.ok(code.includes(url) && code.includes('pk_') && !code.includes('pk_…'))
  return { heard, code, close: () => sockets.close() }
}

test.run()
