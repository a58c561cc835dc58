// What npm publishes: what is in it, what its manifest says, and whether others’ tools find their way in it.

import { execFile } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Consumer, consumers } from '../runtimes/consumers.js'
import { ROOT, scratchProject, type Tarball } from '../runtimes/scratch.js'

const run = promisify(execFile)
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
let folder = ''
let tarball: Tarball

test.before(async () => {
  ;({ folder, tarball } = await scratchProject('@types/node', 'undici-types'))
})

test('the tarball has what is used, and nothing else', () => {
  const loose = [
    'tools/wireshark/nopki.lua',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'NOTICES.md',
    'README.md',
    'SECURITY.md',
    'build/channel.wasm',
    'build/page/wire.html',
    'package.json',
  ]
  for (const file of loose) assert.ok(tarball.files.includes(file), `${file} is missing`)
  for (const file of tarball.files) {
    if (
      loose.includes(file) ||
      /^(?:docs\/[\w/-]+\.(?:md|svg|webp)|examples\/[\w/.-]+|build\/man\/[\w-]+\.1)$/.test(file)
    )
      continue
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

test('no link of a packed page is dead, and no picture', () => {
  const pages = tarball.files.filter(it => it.endsWith('.md'))
  assert.ok(pages.length > 10)
  const dead = pages.flatMap(page => {
    const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```.*?^```/gms, '')
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target = '']) =>
      join(dirname(page), target),
    )
    return links
      .filter(it => !tarball.files.some(file => file === it || file.startsWith(`${it}/`)))
      .map(it => `${page}: ${it}`)
  })
  assert.equal(dead, [])
})

test('the notices of what is built in are packed, as their owners have them', () => {
  const notices = readFileSync(join(folder, 'node_modules/nopki/NOTICES.md'), 'utf8')
  for (const file of ['libsodium/LICENSE', 'assemblyscript/LICENSE', 'assemblyscript/NOTICE', 'preact/LICENSE']) {
    assert.ok(notices.includes(readFileSync(join(ROOT, 'node_modules', file), 'utf8').trimEnd()), file)
  }
  assert.match(notices, /ISC License\n\nCopyright \(c\) 2013-\d+\nFrank Denis/)
})

test('the tarball has the same bytes, whatever the umask was', async () => {
  const hashes = []
  for (const umask of [0o077, 0o002]) {
    const place = join(folder, `umask-${umask}`)
    for (const file of tarball.files) {
      mkdirSync(join(place, dirname(file)), { recursive: true })
      cpSync(join(ROOT, file), join(place, file))
      chmodSync(join(place, file), 0o666 & ~umask)
    }
    await run(process.execPath, [join(ROOT, 'tools/modes.js'), place])
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json'], { cwd: place })
    hashes.push(JSON.parse(stdout)[0].integrity)
  }
  assert.is(hashes[0], hashes[1])
})

test('nothing runs when it is installed', () => {
  const { scripts } = manifest
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.not.ok(name in scripts, name)
  assert.match(scripts.prepack, /tools\/modes\.js$/)
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
  // Old resolutions that know no `exports`, and require(), are not what an ES module is for.
  const found = Object.values(problems ?? {}).flat() as { resolutionKind: string }[]
  assert.equal(
    found.filter(it => !/^node10$|-cjs$/.test(it.resolutionKind)),
    [],
  )
})

// The compiler of this clone, for a scratch project has none that runs: its programs are in a package for each platform.
for (const compiler of ['typescript', 'typescript-oldest']) {
  test(`${compiler} runs, and finds what is wrong`, async () => {
    const { code, out } = await compile(compiler, 'wrong', { types: [], files: { 'wrong.ts': WRONG } })
    assert.match(out, /^wrong\/wrong\.ts\(1,14\): error TS2322: /)
    assert.ok(code !== 0)
  })

  for (const [name, options] of Object.entries(consumers())) {
    test(`the types resolve and check: ${name}, ${compiler}`, async () => {
      assert.equal(await compile(compiler, name.replace(/\W+/g, '-'), options), { code: 0, out: '' })
    })
  }
}

test('no type of WebAssembly is in the declarations: only `dom` has them', () => {
  const declarations = tarball.files.filter(it => it.endsWith('.d.ts'))
  for (const file of declarations) {
    const text = readFileSync(join(folder, 'node_modules/nopki', file), 'utf8')
    assert.not.match(text.replace(/\/\*.*?\*\//gs, ''), /\bWebAssembly\b/, file)
  }
})

test('the README names the oldest TypeScript that is tested', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules/typescript-oldest/package.json'), 'utf8'))
  const [, named] = /TypeScript (\d+\.\d+) or later/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []
  assert.is(named, version.replace(/\.\d+$/, ''))
})

/** Runs tsc on a project of these files. */
async function compile(compiler: string, name: string, { files, ...options }: Consumer) {
  const project = join(folder, name)
  mkdirSync(project, { recursive: true })
  const compilerOptions = { strict: true, noEmit: true, target: 'es2022', ...options }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }))
  for (const [file, code] of Object.entries(files)) writeFileSync(join(project, file), code)
  const tsc = join(ROOT, 'node_modules', compiler, 'bin/tsc')
  return await run(process.execPath, [tsc, '-p', name], { cwd: folder }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout + stderr }),
    error => ({ code: error.code, out: error.stdout + error.stderr }),
  )
}

function targetsOf(map: unknown): string[] {
  if (typeof map === 'string') return [map]
  return Object.values(map ?? {}).flatMap(targetsOf)
}

const WRONG = 'export const text: string = 1\n'
// channel.wasm is in it twice: nopki/inline has it as text.
// Of which the page has 56,000, and the inlined channel.wasm 100,000.
// Of it, 60 kB are pictures.
const MOST_PACKED = 700_000
const ATTW = ['--profile', 'esm-only', '--format', 'json', '--exclude-entrypoints', './channel.wasm', './package.json']

test.run()
