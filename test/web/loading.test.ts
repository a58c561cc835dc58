// Where channel.wasm comes from, what is said where it does not, and what bundlers make of the package.

import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import { brotliCompressSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { build as viteBuild } from 'vite'
import type { ChannelError } from '../../src/errors.js'
import * as host from '../../src/node/wasm.js'
import { Core } from '../../src/wasm/instance.js'
import { skipped } from '../runtimes/skip.js'
import { wasm } from '../support/engines.js'
import { rejects } from '../support/sockets.js'

const { compile } = await import('../../src/load/compile.js')
const { loadCore, loadedCore } = await import('../../src/web/load/load.js')

type LoadModule = typeof import('../../src/load/load.js')

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'nopki-loading-'))
const server = createServer((request, response) => PAGES[request.url?.slice(1) ?? '']?.(response))
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
const url = (page: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${page}`

test.after(() => {
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true })
})

const respond = (type: string, body: Uint8Array | string, status = 200) => {
  return (response: ServerResponse) => response.writeHead(status, { 'content-type': type }).end(body)
}
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
const otherVersion = Buffer.from(wasm)
otherVersion.write('9', otherVersion.length - 1)

const PAGES: Record<string, (response: ServerResponse) => unknown> = {
  good: respond('application/wasm', wasm),
  untyped: respond('application/octet-stream', wasm),
  missing: respond('text/html', '<!doctype html><title>404</title>', 404),
  fallback: respond('text/html', '<!doctype html><title>my app</title>'),
  wronglyTyped: respond('application/wasm', '<!doctype html>'),
  short: respond('application/wasm', wasm.subarray(0, 100_000)),
  shortUntyped: respond('text/plain', wasm.subarray(0, 100_000)),
  other: respond('application/wasm', otherVersion),
  foreign: respond('application/wasm', EMPTY_MODULE),
  broken: response => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': wasm.length })
    response.write(wasm.subarray(0, 50_000), () => response.destroy())
  },
}

let copies = 0

/** The module that loads, as a program has it that has just started. */
async function fresh(): Promise<(source?: unknown) => Promise<object>> {
  const { loadModule }: LoadModule = await import(`../../src/load/load.js?${copies++}`)
  return source => loadModule(host, source as URL)
}

test('from a URL, a response, bytes, a compiled module, and promises of them', async () => {
  const typed: Record<string, () => unknown> = {
    URL: () => new URL(url('good')),
    file: () => pathToFileURL(join(root, 'build/channel.wasm')),
    path: () => join(root, 'build/channel.wasm'),
    string: () => url('untyped'),
    response: () => fetch(url('good')),
    bytes: () => wasm,
    buffer: async () => wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length),
    module: () => compile(wasm),
    'module of another realm': () => runInNewContext('new WebAssembly.Module(bytes)', { bytes: wasm }),
  }
  for (const [what, source] of Object.entries(typed)) {
    const load = await fresh()
    const module = await load(source())
    assert.ok(new Core(module).bytesInUse >= 0, what)
    // What is loaded stays.
    assert.is(await load(url('missing')), module)
  }
})

test('calls that come while it loads share one instance', async () => {
  const [one, two] = await Promise.all([loadCore(url('good')), loadCore()])
  assert.is(one, two)
  assert.is(loadedCore(), one)
})

const FAULTS: Record<string, RegExp> = {
  missing: /\/missing gave no WebAssembly: status 404; serve/,
  fallback: /no module \(content-type text\/html\)/,
  wronglyTyped: /wronglyTyped gave no WebAssembly: /,
  short: /short gave no WebAssembly: /,
  shortUntyped: /content-type text\/plain/,
  other: /is of version 0\.1\.9, and its JavaScript of 0\.1\.0; take both from the same release/,
  foreign: /is not one of this package/,
  broken: /broken gave no WebAssembly: /,
}

test('what is not this channel.wasm is an error that says what it was, and the next call may load another', async () => {
  for (const [page, message] of Object.entries(FAULTS)) {
    const load = await fresh()
    const error = await rejects(load(url(page)), 'USE_NO_WASM')
    assert.match(error.message, message, page)
    if (page !== 'other' && page !== 'foreign') assert.match(error.message, 'await ready(url)', page)
    await load(url('good'))
  }
  for (const source of [new Uint8Array(), new Uint8Array(100), wasm.subarray(0, 5000), 7, {}]) {
    await rejects((await fresh())(source), 'USE_NO_WASM')
  }
  await rejects((await fresh())('http://127.0.0.1:1/'), /no WebAssembly: fetch failed/)
  await rejects((await fresh())('no file'), /no file gave no WebAssembly: ENOENT/)
})

/** Runs a module, in a process of its own, as the conditions say, and gives what it prints. */
function run(source: string, ...flags: string[]): string {
  const file = join(root, 'build', `loading-${process.pid}.mjs`)
  writeFileSync(file, source)
  try {
    return execFileSync(process.execPath, [...flags, file], { encoding: 'utf8' })
  } finally {
    rmSync(file)
  }
}

for (const flags of [['--conditions=browser'], []]) {
  test(`an engine without WebAssembly says so, as Hermes: ${flags[0] ?? 'in Node'}`, () => {
    const source = `delete globalThis.WebAssembly
      // Node’s own needs it.
      globalThis.fetch = async () => { throw new TypeError('no network') }
      const { ready, secure } = await import('nopki')
      const say = error => console.log(error.message)
      await ready().catch(say)
      await ready(new Uint8Array(8)).catch(say)
      const { readable, writable } = new TransformStream()
      await secure({ readable, writable }, { serverKey: 'any' }).catch(say)`
    const said = run(source, ...flags)
      .trim()
      .split('\n')
    assert.is(said.length, 3)
    for (const line of said)
      assert.match(line, /^USE_NO_WASM: this engine has no WebAssembly; nopki needs it: .*Hermes/)
  })
}

if (process.arch !== 'x64') skipped('an engine without SIMD says so', 'node cannot be without SIMD on this machine')
else {
  test('an engine without SIMD says so', () => {
    const source = `import { readFileSync } from 'node:fs'
      import { generateKeyPair } from 'nopki'
      import { ready } from 'nopki/web'
      const wasm = readFileSync(new URL('channel.wasm', import.meta.url))
      const say = error => console.log(error.code, error.message)
      try { generateKeyPair() } catch (error) { say(error) }
      await ready(wasm).catch(say)`
    const said = run(source, '--no-enable-sse4-1').trim().split('\n')
    assert.is(said.length, 2)
    for (const line of said) assert.match(line, /^USE_NO_WASM USE_NO_WASM: .*; channel\.wasm needs WebAssembly SIMD/)
  })
}

test('`readable` can be iterated where streams have no iterator, as in WebKit', () => {
  const out = run(
    `delete ReadableStream.prototype[Symbol.asyncIterator]
     const { generateKeyPair, secure } = await import('nopki/web')
     const keyPair = generateKeyPair()
     const open = async () => {
       const [there, back] = [new TransformStream(), new TransformStream()]
       const channels = await Promise.all([
         secure({ readable: back.readable, writable: there.writable }, { serverKey: keyPair.publicKey }),
         secure({ readable: there.readable, writable: back.writable }, { role: 'server', keyPair, authorize: 'anyone' }),
       ])
       for (const { closed } of channels) closed.catch(() => {})
       return channels
     }
     const [ours, theirs] = await open()
     const writer = ours.writable.getWriter()
     writer.write(new TextEncoder().encode('to the end'))
     writer.close()
     let text = ''
     for await (const chunk of theirs.readable) text += new TextDecoder().decode(chunk)
     console.log(text)
     const [mine, other] = await open()
     mine.writable.getWriter().write(new Uint8Array(1))
     for await (const chunk of other.readable) break
     console.log(await other.closed.catch(error => error.code))`,
  )
  assert.equal(out.trim().split('\n'), ['to the end', 'USE_CLOSED'])
})

test('a browser has to load first, and an import does nothing by itself', () => {
  const out = run(
    `for (const name of ['setTimeout', 'setInterval', 'queueMicrotask', 'fetch', 'WebSocket']) {
       globalThis[name] = () => { throw new Error('called while being imported: ' + name) }
     }
     Crypto.prototype.getRandomValues = () => { throw new Error('called while being imported: random') }
     for (const name of ['Module', 'Instance', 'Memory', 'compile', 'instantiate']) {
       Object.defineProperty(WebAssembly, name, { get() { throw new Error('used while being imported: ' + name) } })
     }
     const names = Object.keys(globalThis)
     const nopki = await import('nopki')
     console.log(Object.keys(globalThis).length - names.length)
     console.log(typeof nopki.secure, typeof nopki.connect)
     console.log(import.meta.resolve('nopki').endsWith('/web/index.js'))`,
    '--conditions=browser',
  )
  assert.equal(out.trim().split('\n'), ['0', 'function undefined', 'true'])
  const loading = run(
    `import { generateKeyPair, ready } from 'nopki'
     const codeOf = call => { try { call(); return 'none' } catch (error) { return error.code } }
     console.log(codeOf(generateKeyPair))
     await ready().catch(error => console.log(error.code))
     await ready('${url('good')}')
     console.log(codeOf(generateKeyPair))`.replace(
      url('good'),
      `data:application/wasm;base64,${Buffer.from(wasm).toString('base64')}`,
    ),
    '--conditions=browser',
  )
  // Node cannot fetch a file: what its default is in a browser.
  assert.equal(loading.trim().split('\n'), ['USE_NOT_LOADED', 'USE_NO_WASM', 'none'])
})

test('node has sockets and Web Streams by the same name, and keys at once', () => {
  const out = run(
    `import * as nopki from 'nopki'
     import * as web from 'nopki/web'
     console.log(typeof nopki.connect, nopki.secure === web.secure, web.generateKeyPair().publicKey.length)`,
  )
  assert.is(out.trim(), 'function true 32')
})

test('the names of `nopki` in Node are those of sockets and of Web Streams, and no name means two things', async () => {
  const [both, node, web] = await Promise.all([
    import('../../src/both/index.js'),
    import('../../src/node/index.js'),
    import('../../src/web/index.js'),
  ])
  assert.equal(Object.keys(both).sort(), [...new Set([...Object.keys(node), ...Object.keys(web)])].sort())
  for (const source of ['node', 'web']) {
    const names = typesOf(`src/${source}/index.ts`)
    assert.ok(names.includes('ChannelErrorCode'))
    for (const name of names) assert.ok(typesOf('src/both/index.ts').includes(name), `${name} of ${source}`)
  }
})

/** The names of types that a file exports. */
function typesOf(file: string): string[] {
  const lists = readFileSync(join(root, file), 'utf8').matchAll(/export (type )?\{([^}]*)\}/g)
  return [...lists].flatMap(([, all, list = '']) =>
    list
      .split(',')
      .filter(it => all || it.trim().startsWith('type '))
      .map(it => it.trim().replace(/^type /, ''))
      .filter(it => it !== ''),
  )
}

/** A bundle of a program, as users make theirs. */
async function bundle(source: string, options: BuildOptions = {}) {
  const { outputFiles = [], warnings } = await build({
    stdin: { contents: source, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    outdir: folder,
    write: false,
    ...options,
  })
  assert.equal(warnings, [])
  const text = outputFiles.find(it => it.path.endsWith('.js'))?.text ?? ''
  return { text, files: outputFiles }
}

const APP = `import { secure, connectWebSocket } from 'nopki'
  globalThis.app = { secure, connectWebSocket }`

test('what a browser downloads: at most 18.9 KB of JavaScript and 70 KB of wasm', async () => {
  const { text } = await bundle(APP)
  const script = brotliCompressSync(text).length
  const module = brotliCompressSync(wasm).length
  console.log(`brotli: ${script} bytes of JavaScript, ${module} of wasm`)
  assert.ok(script <= 18_900, `${script} bytes`)
  assert.ok(module <= 70_000, `${module} bytes`)
})

test('what is not used is not bundled', async () => {
  assert.is((await bundle(`import { secure } from 'nopki'`)).text.trim(), '')
  const { text } = await bundle(`import { encodePublicKey } from 'nopki'; console.log(encodePublicKey)`)
  for (const part of ['channel.wasm"', 'WebAssembly.', 'WebSocket', 'ReadableStream'])
    assert.not.ok(text.includes(part), part)
  const streams = await bundle(`import { secure } from 'nopki'; console.log(secure)`)
  assert.not.ok(streams.text.includes('binaryType'))
})

test('esbuild for a browser: runs, told where the wasm is', async () => {
  const { text, files } = await bundle(
    `import url from 'nopki/channel.wasm'
     import { generateKeyPair, ready } from 'nopki'
     await ready('${url('untyped')}')
     console.log(url, generateKeyPair().publicKey.length)`,
    { loader: { '.wasm': 'file' } },
  )
  const emitted = files.find(it => it.path.endsWith('.wasm'))
  assert.ok(Buffer.from(emitted?.contents ?? []).equals(wasm))
  const file = join(folder, 'browser.mjs')
  writeFileSync(file, text)
  // In a process of its own, while this one serves.
  const { stdout } = await promisify(execFile)(process.execPath, [file])
  assert.match(stdout, /^\.\/channel-\w+\.wasm 32\n$/)
})

test('esbuild for Workers: the module is imported', async () => {
  const { text, files } = await bundle(APP, { conditions: ['workerd', 'worker'], loader: { '.wasm': 'copy' } })
  const [, name] = /import [\w$]+ ?from ?"\.\/(channel-\w+\.wasm)"/.exec(text) ?? []
  assert.ok(name, 'an import of channel.wasm')
  const copied = files.find(it => it.path.endsWith(name ?? ''))
  assert.ok(Buffer.from(copied?.contents ?? []).equals(wasm))
  assert.not.ok(text.includes('compileStreaming(') && text.includes('import.meta.url'))
})

test('esbuild for node: the file is read', async () => {
  const { text } = await bundle(`import { connect } from 'nopki'; console.log(connect)`, { platform: 'node' })
  assert.ok(text.includes('channel.wasm'))
})

test('Vite: finds the wasm, emits it, and points to it', async () => {
  writeFileSync(join(folder, 'app.js'), APP)
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="./app.js"></script>')
  const result = await viteBuild({
    root: folder,
    logLevel: 'error',
    configFile: false,
    build: { write: false },
    resolve: { alias: { nopki: join(root, 'build/src/web/index.js') }, conditions: ['browser', 'module', 'import'] },
  })
  const [{ output }] = [result].flat() as unknown as [
    { output: { fileName: string; source?: Uint8Array; code?: string }[] },
  ]
  const asset = output.find(it => it.fileName.endsWith('.wasm'))
  assert.ok(asset && Buffer.from(asset.source ?? []).equals(wasm))
  const script = output.find(it => it.fileName.endsWith('.js'))
  assert.ok(script?.code?.includes(asset?.fileName ?? '-'))
})

test('an installed package without its wasm says what to do', () => {
  const installed = join(folder, 'node_modules/nopki')
  cpSync(join(root, 'build/src'), join(installed, 'build/src'), { recursive: true })
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
  symlinkSync(join(root, 'node_modules/@assemblyscript'), join(folder, 'node_modules/@assemblyscript'))
  const file = join(folder, 'missing.mjs')
  for (const entry of ['nopki', 'nopki/web']) {
    writeFileSync(
      file,
      `import { generateKeyPair } from '${entry}'
       try { generateKeyPair() } catch ({ code, message }) { console.log(JSON.stringify({ code, message })) }`,
    )
    const error: ChannelError = JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' }))
    assert.is(error.code, 'USE_NO_WASM')
    assert.match(error.message, /channel\.wasm cannot be read; in a clone run `npm run build`; in an installed package/)
  }
})

test.run()
