// Programs that are rendered at a server and go on in a page, as frameworks build them of test/hosts: the same module is imported at both
// sides, and `nopki` has the names of both.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createServer, formatAddress, generateKeyPair, type SecureServer } from 'nopki'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRuntime } from '../runtimes/binaries.js'
import { openPage } from '../runtimes/browser.js'
import { HOST_NODE, hostFile, hostMissing, hostProject, ROOT } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { freePort } from '../support/ports.js'

const run = promisify(execFile)
const NEXT = 'next/dist/bin/next'
const VITE = 'vite/bin/vite.js'

interface Framework {
  name: string
  /** Its program, in test/hosts. */
  source: string
  /** What builds it, by Node. */
  build: string[][]
  /** What serves it at the port `PORT`. */
  serve: string[]
}

const FRAMEWORKS: Framework[] = [
  { name: 'Next, by Turbopack', source: 'next', build: [[NEXT, 'build']], serve: [NEXT, 'start'] },
  { name: 'Next, by webpack', source: 'next', build: [[NEXT, 'build', '--webpack']], serve: [NEXT, 'start'] },
  {
    name: 'Vite, rendered at a server',
    source: 'vite',
    build: [
      [VITE, 'build', '--outDir', 'dist/client'],
      [VITE, 'build', '--outDir', 'dist/server', '--ssr', 'render.js'],
    ],
    serve: ['./dist/server/render.js'],
  },
  { name: 'SvelteKit', source: 'kit', build: [[VITE, 'build']], serve: ['./build/index.js'] },
]

const chromium = findRuntime('chromium')
let folder = ''
let server: SecureServer
let address = ''
let serving: ChildProcess | undefined

test.before(async () => {
  if (hostMissing('node-24')) return
  folder = await hostProject()
  const keyPair = generateKeyPair()
  server = createServer({ keyPair, authorize: 'anyone' }, socket => socket.pipe(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  address = formatAddress({ serverKey: keyPair.publicKey, host: '127.0.0.1', port })
})
test.after.each(() => void serving?.kill('SIGKILL'))
test.after(() => void server?.close())

for (const framework of FRAMEWORKS) {
  const name = `${framework.name}: the server, a route and the page open channels`
  const missing = hostMissing('node-24') ?? hostMissing(framework.build[0]?.[0] ?? '')
  if (missing || typeof chromium === 'string') skipped(name, missing ?? String(chromium))
  else test(name, () => check(framework, chromium.path))
}

async function check({ name, source, build, serve }: Framework, browserPath: string): Promise<void> {
  const cwd = join(folder, name.replace(/\W+/g, '-'))
  mkdirSync(cwd)
  for (const part of [source, 'page.js', 'server.js']) {
    cpSync(join(ROOT, 'test/hosts', part), part === source ? cwd : join(cwd, part), { recursive: true })
  }
  const port = await freePort()
  const env = { ...process.env, ...QUIET, SERVER: address, PORT: String(port), HOST: '127.0.0.1' }
  for (const [program = '', ...args] of build) await run(HOST_NODE, [fileOf(program), ...args], { cwd, env })
  const [program = '', ...args] = serve
  serving = spawn(HOST_NODE, [fileOf(program), ...args], { cwd, env, stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await untilItAnswers(url)
  assert.is(await (await fetch(`${url}/talk`)).text(), 'hello from a server')
  const html = await (await fetch(url)).text()
  assert.match(html, /<p id="server">pk_[\w-]{43}/)
  assert.match(html, /<p id="client">function before/)
  const { browser, page, errors } = await openPage(browserPath, url)
  try {
    await page.waitForFunction("!document.querySelector('#client').textContent.startsWith('function')")
    assert.is(await page.textContent('#client'), 'hello from a page')
    assert.equal(errors, [])
  } finally {
    await browser.close()
  }
}

function fileOf(program: string): string {
  return program.startsWith('.') ? program : hostFile(program, '')
}

/** Servers have no event for that, which one could wait for from outside. */
async function untilItAnswers(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await fetch(url)
      return
    } catch (error) {
      if (tries === 600) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

const QUIET = { NEXT_TELEMETRY_DISABLED: '1' }

test.run()
