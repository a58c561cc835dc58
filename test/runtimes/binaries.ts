// Where the runtimes are on this machine, and which version they are.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export const RUNTIMES = ['node', 'deno', 'bun', 'workerd', 'chromium'] as const
export type RuntimeName = (typeof RUNTIMES)[number]

export interface Runtime {
  name: RuntimeName
  path: string
  version: string
}

/** The runtime, or a sentence that says what is missing. */
export function findRuntime(name: RuntimeName): Runtime | string {
  const path = name === 'node' ? process.execPath : name === 'chromium' ? chromium() : packaged(name)
  if (!path)
    return name === 'chromium'
      ? NO_CHROMIUM
      : `the package ${name} has no binary for ${process.platform}-${process.arch}`
  const said = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return { name, path, version: said.match(/[\d.]+(?:-\d+)*/)?.[0] ?? said.trim() }
}

/**
 * The binary in whichever platform package npm has chosen: the install scripts that would copy it are not needed. Where npm runs them,
 * Bun's moves it into its own package, in place of a stand-in that has been there.
 */
function packaged(name: string): string | undefined {
  const main = require.resolve(`${name}/package.json`)
  const manifest = JSON.parse(readFileSync(main, 'utf8')) as { optionalDependencies: Record<string, string> }
  const platforms = Object.keys(manifest.optionalDependencies).map(platform => join(dirname(main), '..', platform))
  const moved = join(dirname(main), 'bin', `${name}.exe`)
  return platforms
    .flatMap(folder => ['', '.exe'].flatMap(end => [join(folder, name + end), join(folder, 'bin', name + end)]))
    .concat(platforms.some(folder => existsSync(folder)) ? moved : [])
    .find(path => existsSync(path))
}

function chromium(): string | undefined {
  return CHROMIUMS.find(path => existsSync(path))
}

const require = createRequire(import.meta.url)
const CHROMIUMS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const NO_CHROMIUM = `there is no Chromium (looked for ${CHROMIUMS.join(', ')}); on Debian: apt-get install chromium`
