// Where channel.wasm may come from: bytes, a module, a response, an address.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChannelError } from '../../src/errors.js'
import { kindOf } from '../../src/keys/given.js'
import { compile, type WasmSource } from '../../src/load/compile.js'
import { cleanUpAfter, guarded, listen, track } from '../support/sockets.js'

const test = suite('compile')
cleanUpAfter(test)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body)
const wasm = new Uint8Array(readFileSync(new URL('../../channel.wasm', import.meta.url)))

/** A server of channel.wasm in several ways. */
async function served(): Promise<string> {
  const answers: Record<string, [status: number, type: string, body: Uint8Array | string]> = {
    '/good.wasm': [200, 'application/wasm', wasm],
    '/typed.wasm': [200, 'application/wasm; charset=binary', wasm],
    '/plain.wasm': [200, 'application/octet-stream', wasm],
    '/page': [200, 'text/html', '<!doctype html>'],
    '/lies.wasm': [200, 'application/wasm', '<!doctype html>'],
  }
  const server = track(
    http.createServer(({ url = '' }, response) => {
      const [status, type, body] = answers[url] ?? [404, 'text/plain', 'not here']
      response.writeHead(status, { 'content-type': type }).end(body)
    }),
  )
  await listen(server)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const isModule = async (source: WasmSource) => assert.is(kindOf(await compile(source)), 'WebAssembly.Module')
const fails = async (source: WasmSource, reason: RegExp) => {
  const error = (await compile(source).catch(it => it)) as ChannelError
  assert.is(error.code, 'USE_NO_WASM')
  assert.match(error.message, reason)
}

check('bytes of every kind, and a module', async () => {
  await isModule(wasm)
  await isModule(wasm.buffer)
  await isModule(new DataView(wasm.buffer, wasm.byteOffset, wasm.byteLength))
  const module = await compile(wasm)
  assert.is(await compile(module), module)
  await fails(new Uint8Array(), /what was given gave no WebAssembly: no module/)
  await fails(Buffer.from('<!doctype html>'), /no module/)
  await fails(wasm.slice(0, 1000), /what was given/)
})

check('an address, as text and as a URL, and a response', async () => {
  const base = await served()
  for (const name of ['good', 'typed', 'plain']) {
    await isModule(`${base}/${name}.wasm`)
    await isModule(new URL(`${base}/${name}.wasm`))
    await isModule(await fetch(`${base}/${name}.wasm`))
  }
  await fails(`${base}/absent.wasm`, new RegExp(`${base}/absent.wasm gave no WebAssembly: status 404`))
  await fails(await fetch(`${base}/absent.wasm`), /what was given gave no WebAssembly: status 404/)
  await fails(new URL(`${base}/page`), /page gave no WebAssembly: no module \(content-type text\/html\)/)
  await fails(`${base}/lies.wasm`, /lies.wasm gave no WebAssembly/)
  await fails('http://127.0.0.1:1/nothing.wasm', /gave no WebAssembly/)
})

// In a process of its own: this one has loaded it.
check('what fails to load can be loaded again; the first that is loaded counts', async () => {
  const index = new URL('../../src/web/index.js', import.meta.url)
  const program = `
    import { generateKeyPair, ready } from ${JSON.stringify(index.href)}
    const says = source => ready(source).then(() => 'ready', error => error.code)
    console.log(await says(new Uint8Array(3)), await says(), await says(new Uint8Array(3)), generateKeyPair().publicKey.length)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.is(stdout, 'USE_NO_WASM ready ready 32\n', stderr)
})

test.run()
