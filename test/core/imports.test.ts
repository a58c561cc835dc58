// Imports run one way: CONTRIBUTING.md, "Who sees whom". Read off the sources' import specifiers.

import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = new URL('../../../', import.meta.url)

// A part of the source, and which others it sees besides itself. `errors` and `index` are files: src/errors.ts and src/index.ts.
const NEUTRAL: Record<string, string[]> = {
  wire: [],
  errors: [],
  inspect: ['wire'],
  wasm: ['wire', 'errors'],
  keys: ['wasm', 'wire', 'errors'],
  load: ['keys', 'wasm', 'wire', 'errors'],
  inline: ['load', 'keys', 'wasm', 'wire', 'errors'],
  engine: ['keys', 'wasm', 'wire', 'errors'],
  channel: ['engine', 'keys', 'wasm', 'wire', 'errors'],
  index: ['channel', 'engine', 'keys', 'wasm', 'wire', 'errors'],
}
const ADAPTERS = {
  node: ['index', 'channel', 'engine', 'load', 'keys', 'wasm', 'wire', 'errors'],
  web: ['index', 'channel', 'engine', 'load', 'keys', 'wasm', 'wire', 'errors'],
}
const SEES: Record<string, string[]> = {
  ...NEUTRAL,
  ...ADAPTERS,
  both: Object.keys(ADAPTERS),
  http: ['node', ...ADAPTERS.node],
  tunnel: ['node', ...ADAPTERS.node],
  cli: [...Object.keys(NEUTRAL), ...Object.keys(ADAPTERS), 'tunnel'],
  page: Object.keys(NEUTRAL),
}
const NO_NODE = [...Object.keys(NEUTRAL), 'web', 'page']

interface Import {
  file: string
  part: string
  specifier: string
}

function filesOf(folder: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .map(name => `${folder}${name.replaceAll('\\', '/')}`)
    .sort()
}

/** `src/wasm/instance.ts` is of `wasm`, `src/errors.ts` of `errors`. */
function partOf(file: string): string {
  return file.split('/')[1]!.replace(/\.[tj]s$/, '')
}

/** Without comments, and with every string empty where `keepStrings` does not say otherwise. */
function codeOf(file: string, keepStrings = false): string {
  const source = readFileSync(new URL(file, root), 'utf8')
  const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g
  return source.replace(token, it => {
    if (it.startsWith('/')) return ' '
    if (keepStrings || it.startsWith('`')) return it
    return "''"
  })
}

function importsOf(file: string): Import[] {
  const code = codeOf(file, true)
  const forms = [
    /\b(?:import|export)\s[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\b(?:import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g,
  ]
  return forms.flatMap(form =>
    [...code.matchAll(form)].map(([, specifier = '']) => ({ file, part: partOf(file), specifier })),
  )
}

/** The path, from the root, of what a relative specifier names. */
function target({ file, specifier }: Import): string {
  return new URL(specifier, new URL(file, 'file:///')).pathname.slice(1)
}

/** The file that a relative specifier names, as it is written. */
function sourceOf(it: Import): string {
  const file = target(it).replace(/\.js$/, '.ts')
  return sources.includes(file) ? file : `${file}x`
}

const sources = filesOf('src/')
const imports = sources.flatMap(importsOf)
// The built sources lie one folder deeper.
const WASM = 'channel.wasm'
const relative = imports.filter(it => it.specifier.startsWith('.') && target(it) !== WASM)

test('the reading of imports reads them all', () => {
  assert.ok(sources.length >= 20)
  for (const file of sources) {
    const from = codeOf(file, true).match(/\bfrom\s+['"]/g)?.length ?? 0
    assert.is(importsOf(file).length >= from, true, file)
  }
  const engine = importsOf('src/engine/engine.ts').map(it => it.specifier)
  for (const specifier of ['../wasm/instance.js', '../errors.js', '../wire/abi.js', './options.js']) {
    assert.ok(engine.includes(specifier), specifier)
  }
})

test('every part of src has a rule', () => {
  for (const file of sources)
    assert.ok(partOf(file) in SEES, `${file}: say in this test, and in CONTRIBUTING.md, whom it sees`)
})

test('imports run one way', () => {
  for (const it of relative) {
    const path = target(it)
    assert.ok(path.startsWith('src/'), `${it.file} imports ${it.specifier}, outside src`)
    const other = partOf(path)
    assert.ok(
      other === it.part || SEES[it.part]?.includes(other),
      `${it.file} imports ${it.specifier}: ${it.part} does not see ${other}`,
    )
  }
})

test('files import by their built name, and what they import exists', () => {
  for (const it of relative) {
    assert.match(it.specifier, /\.js$/, `${it.file} imports ${it.specifier}`)
    assert.ok(sources.includes(sourceOf(it)), `${it.file} imports ${it.specifier}`)
  }
})

test('the wire numbers and the errors import nothing', () => {
  for (const it of imports) assert.not.ok(['wire', 'errors'].includes(it.part), `${it.file} imports ${it.specifier}`)
})

test('the neutral part has nothing of node', () => {
  for (const it of imports) {
    if (NO_NODE.includes(it.part)) assert.not.match(it.specifier, /^node:/, `${it.file} imports ${it.specifier}`)
  }
  for (const file of sources.filter(it => NO_NODE.includes(partOf(it)))) {
    const [found] = /(?<![.\w])(?:Buffer|process|__dirname|__filename|setImmediate)\b(?!\s*:)/.exec(codeOf(file)) ?? []
    assert.is(found, undefined, `${file} uses ${found}`)
  }
})

test('packages that are imported are dependencies, and src/wasm alone loads wasm', () => {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const installed = Object.keys({
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
  })
  for (const it of imports.filter(it => !/^(?:\.|node:)/.test(it.specifier))) {
    // The page is bundled, and so is what it imports.
    if (it.part === 'page') {
      assert.match(it.specifier, /^preact(?:\/|$)/, it.file)
      continue
    }
    if (it.specifier in manifest.imports) {
      assert.is(it.file, 'src/web/load/load.ts', `${it.file} imports ${it.specifier}`)
      continue
    }
    assert.ok(
      installed.some(name => it.specifier === name || it.specifier.startsWith(`${name}/`)),
      `${it.file} imports ${it.specifier}`,
    )
    if (it.part in NEUTRAL) assert.is(it.part, 'wasm', `${it.file} imports ${it.specifier}`)
  }
})

test('channel.wasm is found by one file for each kind of runtime, and asked for by one name', () => {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  assert.equal(Object.keys(manifest.imports), ['#wasm'])
  const finders = Object.values<string>(manifest.imports['#wasm']).map(it =>
    it.replace(/^\.\/build\/|(?:\.d\.ts|\.js)$/g, ''),
  )
  for (const file of finders) assert.ok(sources.includes(`${file}.ts`), file)
  assert.equal(
    imports.filter(it => it.specifier.endsWith('.wasm')).map(it => it.file),
    ['src/web/load/imported.ts'],
  )
})

test('the core sees the wire numbers and itself', () => {
  for (const it of filesOf('assembly/').flatMap(importsOf)) {
    assert.match(it.specifier, /^\./, `${it.file} imports ${it.specifier}`)
    assert.match(target(it), /^(?:assembly|src\/wire)\//, `${it.file} imports ${it.specifier}`)
  }
})

test('no file imports itself by way of others, not even a type', () => {
  const files = new Set(sources)
  const next = new Map(
    sources.map(file => {
      const named = imports.filter(it => it.file === file && it.specifier.startsWith('.'))
      return [file, named.map(sourceOf).filter(it => files.has(it))]
    }),
  )
  const done = new Set<string>()
  const walk = (path: string[]): void => {
    const file = path.at(-1) as string
    const before = path.indexOf(file)
    assert.is(before, path.length - 1, `a circle: ${path.slice(before).join(' -> ')}`)
    if (done.has(file)) return
    for (const it of next.get(file) ?? []) walk([...path, it])
    done.add(file)
  }
  for (const file of sources) walk([file])
})

test.run()
