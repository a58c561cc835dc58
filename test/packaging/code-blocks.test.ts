// Every block of code in README.md and docs/ compiles, strictly, as a program of somebody who has installed the package.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const place = mkdtempSync(join(tmpdir(), 'nopki-blocks-'))
test.after(() => rmSync(place, { recursive: true }))

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(it => `docs/${it}`),
]
  .filter(it => it.endsWith('.md'))
  .sort()

interface Block {
  page: string
  line: number
  /** What the text around it has said: `<!-- given: declare const … -->` ahead of the block. */
  given: string
  code: string
}

/** The code of a page; of a page’s HTML, its scripts. What is marked as run needs libraries: test/libraries runs it. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  const found: Block[] = []
  for (const it of text.matchAll(
    /(?:^<!-- given: (.*?) -->\n\n)?(?<!^<!-- run: [^\n]* -->\n)^```(js|ts|html)\n(.*?)^```$/gms,
  )) {
    const [whole, given = '', language, body = ''] = it
    const line = text.slice(0, it.index + whole.indexOf('```')).split('\n').length + 1
    if (language !== 'html') found.push({ page, line, given, code: body })
    else
      for (const [, code = ''] of body.matchAll(/<script type="module">\n(.*?)<\/script>/gs))
        found.push({ page, line, given, code })
  }
  return found
}

/** What the compiler says of them, by page and line. */
function compile(blocks: Block[], ...flags: string[]): string {
  const folder = mkdtempSync(join(place, 'all-'))
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules', 'nopki'))
  for (const it of readdirSync(join(root, 'node_modules'))) {
    if (!it.startsWith('.') && it !== '@types')
      symlinkSync(join(root, 'node_modules', it), join(folder, 'node_modules', it))
  }
  for (const it of readdirSync(join(root, 'node_modules/@types')))
    symlinkSync(join(root, 'node_modules/@types', it), join(folder, 'node_modules/@types', it))
  for (const [at, { page, given, code }] of blocks.entries()) {
    // What the README shows is for TypeScript too; what only needs JavaScript is checked as that.
    const kind = page === 'README.md' || given ? 'mts' : 'mjs'
    // A module, whatever is in it.
    writeFileSync(join(folder, `block-${at}.${kind}`), `export {}; ${given}\n${code}`)
  }
  const options = {
    compilerOptions: {
      strict: true,
      allowJs: true,
      checkJs: true,
      noEmit: true,
      target: 'es2024',
      module: 'nodenext',
      lib: ['es2024', 'dom', 'dom.asynciterable', 'dom.iterable'],
      types: ['node'],
      skipLibCheck: true,
    },
    include: ['*.mts', '*.mjs'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, ...flags], {
      encoding: 'utf8',
    })
    return ''
  } catch (error) {
    const out = String((error as { stdout: string }).stdout)
    return out.replace(/(?:\S*\/)?block-(\d+)\.m[tj]s\((\d+),(\d+)\)/g, (_, at, line) => {
      const { page = '', line: first = 0 } = blocks[Number(at)] ?? {}
      return `${page}:${first + Number(line) - 2}`
    })
  }
}

test('every block of code in README.md and docs/ compiles under strict', () => {
  const [first, others] = [blocksOf('README.md'), pages.slice(1).flatMap(blocksOf)]
  assert.ok(first.length > 2 && others.length > 8, `${first.length} and ${others.length} blocks`)
  assert.is(compile(first), '')
  // What is JavaScript has no types to say.
  assert.is(compile(others, '--noImplicitAny', 'false'), '')
})

test('one that does not is found, by page and line', () => {
  const code = "import { connect } from 'nopki'\nconst socket = await connect('nopki://…')\nsocket.nothing()\n"
  assert.match(compile([{ page: 'README.md', line: 10, given: '', code }]), /^README\.md:12: error TS2339/)
})

test.run()
