// Servers in one file, as bundlers make them of a program that has installed the package: with channel.wasm inside, with it beside them,
// and without it.

import { execFile, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { build as esbuild } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { build as vite } from 'vite'
import { findRuntime } from '../runtimes/binaries.js'
import { HOST_NODE, hostFile, hostMissing, hostProject, ROOT, scratchProject } from '../runtimes/scratch.js'
import { skipped } from '../runtimes/skip.js'

const run = promisify(execFile)

/** A program that is a server and its client, over TCP and over streams in memory. */
const PROGRAM = `
import { once } from 'node:events'
import { connect, createServer, generateKeyPair, ready, secure } from 'nopki'

async function main() {
  BEFORE
  const keyPair = generateKeyPair()
  const server = createServer({ keyPair, authorize: 'anyone' }, socket => socket.pipe(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = await connect({ host: '127.0.0.1', port: server.address().port, serverKey: keyPair.publicKey })
  socket.end('over TCP')
  console.log(String(await once(socket, 'data')))
  server.close()
  const [there, back] = [new TransformStream(), new TransformStream()]
  const [ours, theirs] = await Promise.all([
    secure({ readable: back.readable, writable: there.writable }, { serverKey: keyPair.publicKey }),
    secure({ readable: there.readable, writable: back.writable }, { role: 'server', keyPair, authorize: 'anyone' }),
  ])
  await ours.send(new TextEncoder().encode('over streams'))
  for await (const message of theirs.messages()) {
    console.log(new TextDecoder().decode(message))
    break
  }
  ours.closed.catch(() => {})
  theirs.closed.catch(() => {})
}
main().catch(error => console.log(error.message))
`
/** What a program says first. \`said\` starts what it prints. */
const WAYS = {
  inside: { head: "import 'nopki/inline'\n", before: '', said: /^over TCP\nover streams\n$/ },
  beside: { head: '', before: 'await ready(process.env.WASM)', said: /^over TCP\nover streams\n$/ },
  without: {
    head: '',
    before: '',
    said: /^USE_NO_WASM: this program is .*: channel\.wasm is not with it; import `nopki\/inline` first/,
  },
}
type Way = keyof typeof WAYS

interface Bundler {
  name: string
  missing?: string | undefined
  /** Whether it has channel.wasm go along by itself. */
  finds?: true
  /** Makes one file of another, and says how to run it. */
  bundle(entry: string, out: string): Promise<[string, ...string[]]>
}

const node = (out: string): [string, string] => [process.execPath, out]
const pathOf = (name: 'deno' | 'bun') => {
  const found = findRuntime(name)
  return typeof found === 'string'
    ? { missing: found as string | undefined, path: '' }
    : { missing: undefined, path: found.path }
}
const [deno, bun] = [pathOf('deno'), pathOf('bun')]
if (deno.path) {
  // It takes esbuild from the registry when it is first asked to bundle.
  const { status } = spawnSync(deno.path, ['bundle', 'data:text/javascript,'], { stdio: 'ignore' })
  if (status !== 0) deno.missing = 'deno bundle has no esbuild, and cannot reach the registry'
}

const BUNDLERS: Bundler[] = [
  {
    name: 'esbuild, ES module',
    async bundle(entry, out) {
      await esbuild({ entryPoints: [entry], outfile: `${out}.mjs`, bundle: true, platform: 'node', format: 'esm' })
      return node(`${out}.mjs`)
    },
  },
  {
    name: 'esbuild, CommonJS',
    async bundle(entry, out) {
      const quiet = { 'empty-import-meta': 'silent' } as const
      const as = { bundle: true, platform: 'node', format: 'cjs', logOverride: quiet } as const
      await esbuild({ entryPoints: [entry], outfile: `${out}.cjs`, ...as })
      return node(`${out}.cjs`)
    },
  },
  {
    name: 'rollup',
    missing: hostMissing('rollup'),
    async bundle(entry, out) {
      const args = ['-p', '@rollup/plugin-node-resolve={exportConditions:["node"]}', '-f', 'es', '-o', `${out}.mjs`]
      await run(HOST_NODE, [hostFile('rollup', 'dist/bin/rollup'), entry, ...args], { cwd: dirname(entry) })
      return node(`${out}.mjs`)
    },
  },
  {
    name: 'vite build --ssr, with its dependencies inside',
    async bundle(entry, out) {
      const outDir = `${out}-vite`
      await vite({
        root: dirname(entry),
        logLevel: 'error',
        configFile: false,
        build: { ssr: entry, outDir, rolldownOptions: { output: { entryFileNames: 'server.mjs' } } },
        ssr: { noExternal: true },
      })
      return node(join(outDir, 'server.mjs'))
    },
  },
  {
    name: 'webpack, ES module',
    missing: hostMissing('webpack'),
    finds: true,
    async bundle(entry, out) {
      const config = join(dirname(entry), 'webpack.config.mjs')
      const output = { path: `${out}-webpack`, filename: 'server.mjs', module: true, chunkFormat: 'module' }
      const options = { entry, output, mode: 'production', target: 'node22', experiments: { outputModule: true } }
      writeFileSync(config, `export default ${JSON.stringify(options)}`)
      await run(HOST_NODE, [hostFile('webpack', 'bin/webpack.js'), '-c', config], { cwd: dirname(entry) })
      return node(join(`${out}-webpack`, 'server.mjs'))
    },
  },
  {
    name: 'bun build --target=node',
    missing: bun.missing,
    async bundle(entry, out) {
      await run(bun.path, ['build', '--target=node', `--outfile=${out}.mjs`, entry], { cwd: dirname(entry) })
      return node(`${out}.mjs`)
    },
  },
  {
    name: 'bun build --compile',
    missing: bun.missing,
    async bundle(entry, out) {
      await run(bun.path, ['build', '--compile', `--outfile=${out}`, entry], { cwd: dirname(entry) })
      return [out]
    },
  },
  {
    name: 'deno bundle',
    missing: deno.missing,
    async bundle(entry, out) {
      await run(deno.path, ['bundle', '--platform=deno', '-o', `${out}.mjs`, entry], { cwd: dirname(entry) })
      return [deno.path, 'run', '--allow-all', '--no-config', `${out}.mjs`]
    },
  },
]

let folder = ''
test.before(async () => {
  folder = hostMissing('rollup') ? (await scratchProject()).folder : await hostProject()
})

for (const bundler of BUNDLERS) {
  for (const way of Object.keys(WAYS) as Way[]) {
    const name = `${bundler.name}: channel.wasm ${way}`
    if (bundler.missing) skipped(name, bundler.missing)
    else test(name, () => check(bundler, way))
  }
}

async function check(bundler: Bundler, way: Way): Promise<void> {
  const { head, before, said } = WAYS[way]
  const name = `${bundler.name.replace(/\W+/g, '-')}-${way}`
  // A folder of its own, in which nothing else is found.
  const out = join(folder, 'out', name, 'program')
  mkdirSync(dirname(out), { recursive: true })
  const entry = join(folder, `${name}.js`)
  writeFileSync(entry, head + PROGRAM.replace('BEFORE', before))
  const command = await bundler.bundle(entry, out)
  const wasm = join(dirname(out), 'channel.wasm')
  if (way === 'beside') copyFileSync(join(ROOT, 'build/channel.wasm'), wasm)
  const [program, ...args] = command
  // Where it runs, what it was made of is gone.
  const [there, away] = [join(folder, 'node_modules'), join(folder, 'away')]
  renameSync(there, away)
  const running = run(program, args, { timeout: 60_000, cwd: '/', env: { ...process.env, WASM: wasm } })
  const { stdout } = await running.finally(() => renameSync(away, there))
  assert.match(stdout, bundler.finds ? WAYS.inside.said : said)
}

test.run()
