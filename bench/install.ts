import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SOURCE = new URL('../../bench/contestants/', import.meta.url)
const TARGET = new URL('contestants/', import.meta.url)

/** Installs what the other contestants stand on beside the compiled contestants, so that nothing else sees it, where it is not there yet. @throws where npm fails */
export function installRivals(): void {
  const lock = (folder: URL) => readFileSync(new URL('package-lock.json', folder), 'utf8')
  const installed = existsSync(new URL('node_modules/.package-lock.json', TARGET))
  if (installed && lock(SOURCE) === lock(TARGET)) return
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(new URL(file, SOURCE), new URL(file, TARGET))
  console.error(
    'installing what the others stand on (bench/contestants/package.json, 59 MB) into build/bench/contestants …',
  )
  // No install script runs: all that has native parts ships them built.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const { status } = spawnSync('npm', args, { cwd: fileURLToPath(TARGET), stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('npm could not install bench/contestants/package.json')
}
