// Hosts at the edge: what wrangler makes of a Worker, run by workerd; the runtime of Vercel’s edge functions.

import { execFile } from 'node:child_process'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { connectWebSocket, encodePublicKey, encodeSecretKey, generateKeyPair } from 'nopki'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { compiled } from '../../src/wasm/instance.js'
import { findRuntime } from '../runtimes/binaries.js'
import { HOST_NODE, hostFile, hostMissing, hostProject, ROOT } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'
import { startWorkerd, writeConfig } from '../runtimes/worker.js'

const run = promisify(execFile)
const workerd = findRuntime('workerd')
let folder = ''

test.before(async () => {
  if (hostMissing('wrangler')) return
  folder = await hostProject()
  for (const file of ['page.js', 'worker.js']) cpSync(join(ROOT, 'test/hosts', file), join(folder, file))
})

const noWrangler = typeof workerd === 'string' ? workerd : (hostMissing('wrangler') ?? hostMissing('node-24'))
if (noWrangler) skipped('wrangler', noWrangler)
else {
  test('what wrangler makes of a Worker serves a channel in workerd', async () => {
    const out = join(folder, 'wrangler')
    const options = ['--dry-run', '--outdir', out, '--name', 'nopki', '--compatibility-date', '2026-11-01']
    await run(HOST_NODE, [hostFile('wrangler', 'bin/wrangler.js'), 'deploy', 'worker.js', ...options], {
      cwd: folder,
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' },
    })
    // It has put a hash before the name of channel.wasm.
    const wasm = readdirSync(out).find(it => it.endsWith('-channel.wasm'))
    assert.ok(wasm, 'channel.wasm goes along')
    const keys = generateKeyPair()
    const config = writeConfig(out, 'worker.js', SECRET, wasm)
    const running = await startWorkerd((workerd as { path: string }).path, config, {
      SECRET_KEY: encodeSecretKey(keys.secretKey),
    })
    try {
      const socket = new WebSocket(`ws://127.0.0.1:${running.port}/`)
      const ours = generateKeyPair()
      const channel = await connectWebSocket(socket, { serverKey: keys.publicKey, keyPair: ours })
      await channel.send(new TextEncoder().encode('hello'))
      const { value } = await channel.messages().next()
      assert.is(new TextDecoder().decode(value as Uint8Array), `${encodePublicKey(ours.publicKey)} said hello`)
    } finally {
      await running.close()
    }
  })
}

const SECRET = 'bindings = [(name = "SECRET_KEY", fromEnvironment = "SECRET_KEY")],'

interface EdgeContext {
  page: { talk(source?: unknown): Promise<string> }
}
interface EdgeVM {
  evaluate<T>(code: string): T
  context: EdgeContext
}
type EdgeOptions = { codeGeneration?: { strings: boolean; wasm: boolean }; extend(context: EdgeContext): EdgeContext }

const noEdge = hostMissing('@edge-runtime/vm')
if (noEdge) skipped('@edge-runtime/vm', noEdge)
else {
  test('@edge-runtime/vm: a channel, with the module that its host has compiled, in another realm', async () => {
    const module = compiled(readFileSync(join(ROOT, 'build/channel.wasm')))
    const vm = await edge(module)
    assert.is(vm.evaluate('given instanceof WebAssembly.Module'), false)
    assert.is(await vm.evaluate('page.talk(given)'), 'hello from a page')
  })

  test('@edge-runtime/vm: with bytes; where it compiles none, the error says so', async () => {
    const bytes = readFileSync(join(ROOT, 'build/channel.wasm'))
    assert.is(await (await edge(bytes, true)).evaluate<Promise<string>>('page.talk(given)'), 'hello from a page')
    const refusal = (await edge(bytes)).evaluate<Promise<string>>('page.talk(given).catch(error => error.message)')
    assert.match(await refusal, /^USE_NO_WASM: this host compiles no WebAssembly; import channel\.wasm as a compiled/)
  })

  test('@edge-runtime/vm: without either, the error says what to do', async () => {
    const refusal = (await edge(undefined, true)).evaluate<Promise<string>>('page.talk().catch(error => error.message)')
    assert.match(
      await refusal,
      /^USE_NO_WASM: where it is cannot be told: .* say with `await ready\(url\)` where it is/,
    )
  })
}

/** An edge runtime with the page in it, bundled as for edge functions. @param given what the page is given for channel.wasm */
async function edge(given: unknown, wasm = false): Promise<EdgeVM> {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: [join(folder, 'page.js')],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'page',
    conditions: ['edge-light', 'worker', 'browser'],
    logOverride: { 'empty-import-meta': 'silent' },
  })
  const require = createRequire(hostFile('@edge-runtime/vm', 'package.json'))
  const { EdgeVM } = require('@edge-runtime/vm') as { EdgeVM: new (options: EdgeOptions) => EdgeVM }
  const extend = (context: EdgeContext) => Object.assign(context, { given })
  const vm = new EdgeVM({ codeGeneration: { strings: false, wasm }, extend })
  vm.evaluate((outputFiles[0] as { text: string }).text)
  return vm
}

test.run()
