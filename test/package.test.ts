// What npm publishes: what is in it, what its manifest says, and whether others’ tools find their way in it.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ROOT, scratchProject, type Tarball } from './runtimes/scratch.js'

const run = promisify(execFile)
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
let folder = ''
let tarball: Tarball

test.before(async () => {
  ;({ folder, tarball } = await scratchProject('typescript', '@types/node', 'undici-types'))
})

test('the tarball has what is used, and nothing else', () => {
  const loose = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'build/channel.wasm', 'package.json']
  for (const file of loose) assert.ok(tarball.files.includes(file), `${file} is missing`)
  for (const file of tarball.files) {
    if (loose.includes(file) || /^docs\/[\w-]+\.md$/.test(file)) continue
    const [, source] = file.match(/^build\/(src\/.+?)(?:\.js|\.d\.ts)$/) ?? []
    assert.ok(source, `${file} is packed, and nobody needs it`)
    // What was built from a file that is gone stays in build/ until npm run clean.
    assert.ok(
      existsSync(join(ROOT, `${source}.ts`)) || existsSync(join(ROOT, `${source}.d.ts`)),
      `${file} has no source`,
    )
  }
  console.log(`  ${tarball.files.length} files, ${tarball.size} bytes packed, ${tarball.unpackedSize} unpacked`)
  assert.ok(tarball.size < MOST_PACKED, `${tarball.size} bytes, packed`)
})

test('everything that package.json points to is in the tarball, and has its types', () => {
  const targets = [...targetsOf(manifest.exports), ...targetsOf(manifest.imports), ...targetsOf(manifest.bin)]
  targets.push(manifest.main, manifest.types)
  assert.ok(targets.length >= 8)
  for (const target of targets.map(it => it.replace(/^\.\//, ''))) {
    assert.ok(tarball.files.includes(target), `${target} is not in the tarball`)
    const types = target.replace(/\.js$/, '.d.ts')
    assert.ok(tarball.files.includes(types), `${target} has no types`)
  }
})

test('every entry point can be imported', async () => {
  for (const entry of Object.keys(manifest.exports).filter(it => !/\.(?:wasm|json)$/.test(it))) {
    const code = `import('${join(manifest.name, entry)}').then(it => console.log(Object.keys(it).length))`
    const { stdout } = await run(process.execPath, ['-e', code], { cwd: folder })
    assert.ok(Number(stdout) > 0, entry)
  }
  const where = `console.log(import.meta.resolve('nopki/channel.wasm'))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', where], { cwd: folder })
  assert.match(stdout, /node_modules\/nopki\/build\/channel\.wasm\n$/)
})

test('publint has nothing to say', async () => {
  const { messages, pkg } = await publint({ pkgDir: join(folder, 'node_modules/nopki'), pack: false, strict: true })
  assert.equal(
    messages.map(it => formatMessage(it, pkg, { color: false })),
    [],
  )
})

test('the types are not wrong', async () => {
  const { stdout } = await run('npx', ['attw', tarball.path, ...ATTW], { cwd: ROOT, maxBuffer: 1 << 26 })
  const { analysis, problems } = JSON.parse(stdout)
  assert.ok(Object.keys(analysis.entrypoints).length >= 4)
  assert.equal(problems ?? {}, {})
})

for (const [name, options] of Object.entries(consumers())) {
  test(`the types resolve and check: ${name}`, async () => {
    const project = join(folder, name.replace(/\W+/g, '-'))
    mkdirSync(project)
    const { files, ...compilerOptions } = options
    const config = {
      compilerOptions: { strict: true, noEmit: true, target: 'es2023', ...compilerOptions },
      files: Object.keys(files),
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
    for (const [file, code] of Object.entries(files)) writeFileSync(join(project, file), code)
    const done = await run('npx', ['tsc', '-p', project], { cwd: folder }).catch(error => error)
    assert.is(done.stdout, '', 'what tsc says')
  })
}

/** Whoever uses this package from TypeScript, with all of its declarations checked (no skipLibCheck). */
function consumers(): Record<string, { files: Record<string, string>; [option: string]: unknown }> {
  const node = { lib: ['es2023'], types: ['node'], files: { 'node.ts': ON_NODE, 'engine.ts': ENGINE } }
  const web = { lib: ['es2023', 'dom'], types: [], files: { 'web.ts': ON_THE_WEB('nopki/web'), 'engine.ts': ENGINE } }
  const conditional = { ...web, files: { 'web.ts': ON_THE_WEB('nopki') } }
  return {
    'node16, on Node': { module: 'node16', moduleResolution: 'node16', ...node },
    'nodenext, on Node': { module: 'nodenext', moduleResolution: 'nodenext', ...node },
    'bundler, on Node': { module: 'esnext', moduleResolution: 'bundler', customConditions: ['node'], ...node },
    'node16, nopki/web without node’s types': { module: 'node16', moduleResolution: 'node16', ...web },
    'bundler, nopki/web without node’s types': { module: 'esnext', moduleResolution: 'bundler', ...web },
    'bundler for browsers': {
      module: 'esnext',
      moduleResolution: 'bundler',
      customConditions: ['browser'],
      ...conditional,
    },
    'bundler for Workers': {
      module: 'esnext',
      moduleResolution: 'bundler',
      customConditions: ['workerd'],
      ...conditional,
    },
  }
}

function targetsOf(map: unknown): string[] {
  if (typeof map === 'string') return [map]
  return Object.values(map ?? {}).flatMap(targetsOf)
}

const MOST_PACKED = 200_000
const ATTW = ['--profile', 'esm-only', '--format', 'json', '--exclude-entrypoints', './channel.wasm', './package.json']

const ON_NODE = `
import { once } from 'node:events'
import { ChannelError, type ConnectTarget, connect, createServer, generateKeyPair, type KeyPair, type Peer, type SecureSocket } from 'nopki'
import { connect as same } from 'nopki/node'

const keyPair: KeyPair = generateKeyPair()
const server = createServer({ keyPair, authorize: async (peer: Peer) => ({ key: peer.publicKeyText }) }, (socket: SecureSocket) => {
  socket.pipe(socket)
})
const target: ConnectTarget = { host: 'localhost', port: 1, serverKey: keyPair.publicKey }
export async function use(): Promise<string> {
  const socket = await (Math.random() > 0.5 ? connect : same)(target)
  await once(server, 'close')
  const key: Uint8Array = socket.exportKey('label')
  return socket.errored instanceof ChannelError ? socket.errored.code : String(key)
}
// @ts-expect-error there is no version 3
export const wrong = connect({ ...target, version: 3 })
`
const ENGINE = `
import { Engine, type Core, type EngineEvent } from 'nopki/engine'
import { PUBLIC_KEY } from './keys.js'
import { annotate } from 'nopki/inspect'
export const client = (core: Core) => Engine.client(core, { keyPair: { publicKey: PUBLIC_KEY, secretKey: PUBLIC_KEY } })
`
const ON_THE_WEB = (name: string) => `
import { acceptWebSocket, connectWebSocket, generateKeyPair, type SecureChannel, secure } from '${name}'
`

test.run()
