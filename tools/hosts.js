// Installs what the package is tested in (test/hosts/package.json) into build/hosts, where nothing else sees it, unless it is there.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SOURCE = new URL('../test/hosts/', import.meta.url)
const TARGET = new URL('../build/hosts/', import.meta.url)

const lock = (/** @type {URL} */ folder) => readFileSync(new URL('package-lock.json', folder), 'utf8')

if (!existsSync(new URL('node_modules/.package-lock.json', TARGET)) || lock(SOURCE) !== lock(TARGET)) {
  mkdirSync(TARGET, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(new URL(file, SOURCE), new URL(file, TARGET))
  console.error('installing bundlers, frameworks, test runners and releases of Node (1.4 GB) into build/hosts …')
  // No install script runs: all that has native parts ships them built.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', args, { cwd: fileURLToPath(TARGET), stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('npm could not install test/hosts/package.json')
}
