import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ROOT } from '../runtimes/scratch.js'
import { run } from './command.js'

const SOURCE = new URL('../../../test/libraries/', import.meta.url)
const TARGET = new URL('../../libraries/', import.meta.url)

/** Where programs find the libraries, and this package. */
export const LIBRARIES = fileURLToPath(TARGET)

/**
 * Installs test/libraries/package.json beside what is built, if it is not there yet: nothing else sees it. No install script runs.
 * @returns why it cannot; undefined if it can
 */
export async function installLibraries(): Promise<string | undefined> {
  const lock = (folder: URL) => readFileSync(new URL('package-lock.json', folder), 'utf8')
  const there = existsSync(new URL('node_modules/.package-lock.json', TARGET))
  if (!there || lock(SOURCE) !== lock(TARGET)) {
    mkdirSync(TARGET, { recursive: true })
    for (const file of ['package.json', 'package-lock.json']) copyFileSync(new URL(file, SOURCE), new URL(file, TARGET))
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1', '--fetch-timeout=20000']
    const { code, err } = await run('npm', args, { cwd: LIBRARIES, env: process.env })
    if (code !== 0) return `the libraries, which npm cannot install (${/npm error .*/.exec(err)?.[0] ?? err})`
  }
  const own = new URL('node_modules/nopki', TARGET)
  if (!existsSync(own)) symlinkSync(ROOT, own)
  return undefined
}
