// What is made of the commands' declarations: docs/cli.md, man pages, completions. As their readers read them: groff, and three shells.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allCommands } from '../../src/cli/commands/list.js'
import { completionScript, SHELLS } from '../../src/cli/docs/completions.js'
import { manPages } from '../../src/cli/docs/man.js'
import { installed, nopki, run, shellAtTerminal, skippedWithout, withCommand, workFolder } from '../support/command.js'
import { guarded } from '../support/sockets.js'

const test = suite('command docs')
const folder = workFolder(test)
const root = new URL('../../../', import.meta.url)
const { withCommands }: { withCommands(page: string): Promise<string> } = await import(
  new URL('tools/docs.js', root).href
)
const commands = await allCommands()

async function check(program: string, name: string, body: () => Promise<void>): Promise<void> {
  if (await installed(program)) guarded(test, name, body, 60_000)
  else skippedWithout(program)(test, name)
}

test('docs/cli.md is what the commands declare', async () => {
  const page = readFileSync(new URL('docs/cli.md', root), 'utf8')
  assert.fixture(page, await withCommands(page), 'run npm run build:ts && node tools/docs.js --page')
  for (const { name, options } of commands) {
    assert.ok(page.includes(`\n## nopki ${name}\n`), name)
    for (const option of Object.keys(options)) assert.ok(page.includes(`--${option}`), option)
  }
})

test('the man pages are built, and are those of this version', () => {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const pages = manPages(commands, manifest.version)
  assert.is(pages.size, commands.length + 1)
  assert.is(manifest.directories.man, 'build/man')
  for (const [name, text] of pages) {
    assert.is(readFileSync(new URL(`build/man/${name}`, root), 'utf8'), text)
    assert.match(text, /^\.TH NOPKI\S* 1 "" "nopki \d+\.\d+\.\d+" "nopki"$/m)
    // All readers of man pages take ASCII.
    assert.match(text, /^[\n\x20-\x7e]+$/)
  }
})

await check('groff', 'groff finds nothing to say of the man pages, and shows all that --help does', async () => {
  for (const [name, text] of manPages(commands, '1.2.3')) {
    const { code, out, err } = await run('groff', ['-man', '-Tutf8', '-ww', '-P-cbou'], { input: text })
    assert.is(code, 0)
    assert.is(err, '', name)
    const shown = String(out)
      .replace(/[‐-]\n\s*/g, '')
      .replace(/\s+/g, ' ')
    const command = commands.find(it => name === `nopki-${it.name}.1`)
    for (const option of Object.keys(command?.options ?? {}))
      assert.ok(shown.includes(`--${option}`), `${name}: --${option}`)
    for (const { line } of command?.examples ?? []) {
      const words = line.split(/\s+/).slice(0, 3).join(' ')
      assert.ok(shown.includes(words), `${name}: ${words}`)
    }
  }
})

for (const shell of SHELLS) {
  await check(shell, `${shell} takes its completions`, async () => {
    const script = completionScript(shell, commands)
    const { out } = await nopki(['completion', shell])
    assert.is(String(out), script)
    const path = join(folder, `completion.${shell}`)
    writeFileSync(path, script)
    const { code, err } = await run(shell, ['-n', path])
    assert.is(code, 0)
    assert.is(err, '')
  })
}

await check('bash', 'bash completes commands, options, values and files', async () => {
  writeFileSync(join(folder, 'a file.key'), '')
  const offered = async (...words: string[]) => {
    const call = `COMP_WORDS=(nopki "$@"); COMP_CWORD=$#; _nopki; printf '%s\\n' "\${COMPREPLY[@]}"`
    const args = ['--norc', '-c', `source ./completion.bash; ${call}`, 'bash', ...words]
    return String((await run('bash', args, { cwd: folder })).out)
      .trim()
      .split('\n')
  }
  assert.equal(await offered('ro'), ['route'])
  assert.equal(await offered(''), [...commands.map(it => it.name), '--help', '--version'])
  assert.equal(await offered('route', '--table'), ['--table', '--table-password', '--table-copy'])
  assert.equal(await offered('demo', '--protocol', ''), ['1', '2'])
  assert.equal(await offered('completion', 'f'), ['fish'])
  assert.equal(await offered('pubkey', 'a'), ['a file.key'])
  assert.equal(await offered('route', '-k', 'a'), ['a file.key'])
  assert.equal(await offered('route', '--max-pending', 'a'), [''])
})

await check('fish', 'fish completes commands, options and values', async () => {
  const offered = async (line: string) => {
    const { out } = await run('fish', ['--no-config', '-c', `source completion.fish; complete -C '${line}'`], {
      cwd: folder,
    })
    return String(out)
      .trim()
      .split('\n')
      .map(it => it.split('\t')[0])
  }
  assert.equal(await offered('nopki ro'), ['route'])
  assert.equal((await offered('nopki route --ta')).sort(), ['--table', '--table-copy', '--table-password'])
  assert.equal(await offered('nopki demo --protocol '), ['1', '2'])
  assert.equal(await offered('nopki completion z'), ['zsh'])
})

await check('zsh', 'zsh completes commands and options', async () => {
  const env = { ...withCommand(folder), ZDOTDIR: folder, TERM: 'dumb' }
  const shell = shellAtTerminal('exec zsh -f -i', env)
  const type = (text: string) => shell.child.stdin!.write(text)
  // Said in two parts, so that the echo of what is typed is not taken for it.
  type(
    `autoload -Uz compinit; compinit -u -D; source ${join(folder, 'completion.zsh')}; print 'the shell'' is ready'\n`,
  )
  await shell.shows(/the shell is ready/)
  type('nopki rou\t')
  // A bell may ring in between.
  await shell.shows(/nopki rou.?te /)
  type('--table-p\t')
  await shell.shows(/--table-password/)
  await shell.stop('SIGKILL')
})

test('a shell that is not known', async () => {
  const { code, err } = await nopki(['completion', 'tcsh'])
  assert.is(code, 2)
  assert.is(err, 'error: there is no completion for that shell\nhint: there is one for bash, zsh, fish\n')
})

test.run()
