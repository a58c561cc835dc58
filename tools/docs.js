// What is made of the commands' declarations: docs/cli.md, between its markers, and the man pages, into build/man.
//
//     node tools/docs.js          the man pages, as the build does
//     node tools/docs.js --page   docs/cli.md too

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { allCommands } from '../build/src/cli/commands/list.js'
import { manPages } from '../build/src/cli/docs/man.js'
import { commandsPage } from '../build/src/cli/docs/page.js'

const ROOT = new URL('../', import.meta.url)
const PAGE = new URL('docs/cli.md', ROOT)
const MAN = new URL('build/man/', ROOT)

/** The page with its commands as the source has them. @param {string} page */
export async function withCommands(page) {
  const between = /(<!-- commands -->\n)[\s\S]*(<!-- \/commands -->)/
  if (!between.test(page)) throw new Error('docs/cli.md has no markers for the commands')
  const commands = commandsPage(await allCommands())
  return page.replace(between, (_, start, end) => `${start}\n${commands}\n\n${end}`)
}

async function writeMan() {
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))
  rmSync(MAN, { recursive: true, force: true })
  mkdirSync(MAN, { recursive: true })
  for (const [name, text] of manPages(await allCommands(), version)) writeFileSync(new URL(name, MAN), text)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeMan()
  if (process.argv.includes('--page')) writeFileSync(PAGE, await withCommands(readFileSync(PAGE, 'utf8')))
}
