// Where the runtimes are on this machine, and which version they are.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export const BROWSERS = ['chromium', 'firefox', 'webkit'] as const
export type BrowserName = (typeof BROWSERS)[number]
export const RUNTIMES = ['node', 'deno', 'bun', 'workerd', ...BROWSERS] as const
export type RuntimeName = (typeof RUNTIMES)[number]

export function isBrowser(name: RuntimeName): name is BrowserName {
  return BROWSERS.includes(name as BrowserName)
}

export interface Runtime {
  name: RuntimeName
  path: string
  version: string
}

/** The runtime, or a sentence that says what is missing. @throws if it is a browser, and `BROWSERS=all`, as `.ci/run` has it */
export function findRuntime(name: RuntimeName): Runtime | string {
  const missing = isBrowser(name) ? missingBrowser(name) : undefined
  if (missing && process.env.BROWSERS === 'all') throw new Error(missing)
  if (missing) return missing
  const path = name === 'node' ? process.execPath : isBrowser(name) ? firstOf(PROGRAMS[name]) : packaged(name)
  if (!path) return `the package ${name} has no binary for ${process.platform}-${process.arch}`
  return { name, path, version: versionOf(name, path) }
}

function versionOf(name: RuntimeName, path: string): string {
  const [program, ...args] = name === 'webkit' ? WEBKIT_VERSION : [path, '--version']
  const said = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).stdout ?? ''
  return said.match(/\d[\d.]+\d(?:-\d+)*/)?.[0] ?? said.trim()
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

function missingBrowser(name: BrowserName): string | undefined {
  const paths = PROGRAMS[name]
  const missing = firstOf(paths) ? (name === 'webkit' && !existsSync(XVFB) ? XVFB : undefined) : paths.join(', ')
  return missing && `there is no ${name} (looked for ${missing}); on Debian: apt-get install ${DEBIAN[name]}`
}

function firstOf(paths: readonly string[]): string | undefined {
  return paths.find(path => existsSync(path))
}

const require = createRequire(import.meta.url)
const PROGRAMS: Readonly<Record<BrowserName, readonly string[]>> = {
  chromium: [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ],
  firefox: ['/usr/bin/firefox-esr'],
  // The driver of WebKitGTK, which starts the browser.
  webkit: ['/usr/bin/WebKitWebDriver'],
}
const DEBIAN: Readonly<Record<BrowserName, string>> = {
  chromium: 'chromium',
  firefox: 'firefox-esr',
  webkit: 'webkit2gtk-driver xvfb',
}
/** The driver does not say its version, and the browser says it on a screen alone. */
const WEBKIT_VERSION = ['dpkg-query', '--show', 'webkit2gtk-driver'] as const
/** WebKitGTK has no mode without a screen. */
export const XVFB = '/usr/bin/Xvfb'
