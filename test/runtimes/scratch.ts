// A project of somebody who has installed this package: from the tarball that npm would publish, and nothing of this clone.

import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const HOSTS = join(ROOT, 'build/hosts')

export interface Tarball {
  path: string
  /** Bytes, packed and unpacked. */
  size: number
  unpackedSize: number
  files: string[]
}

/** What `npm pack` makes of what is built. */
export async function pack(folder: string): Promise<Tarball> {
  const out = await npm(ROOT, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder)
  const [packed] = JSON.parse(out) as {
    filename: string
    size: number
    unpackedSize: number
    files: { path: string }[]
  }[]
  if (!packed) throw new Error('npm pack packed nothing')
  const { filename, size, unpackedSize, files } = packed
  return { path: join(folder, filename), size, unpackedSize, files: files.map(it => it.path).sort() }
}

/**
 * A new project with the packed package installed, and `extra` packages of this clone. Nothing is downloaded. Its folder is removed
 * when the process ends.
 */
export function scratchProject(...extra: string[]): Promise<{ folder: string; tarball: Tarball }> {
  return projectIn(tmpdir(), extra)
}

/** As `scratchProject`, where the bundlers and frameworks of test/hosts are installed. */
export async function hostProject(): Promise<string> {
  const { folder } = await projectIn(HOSTS, [])
  return folder
}

/** What stands in the way of tests that need one of test/hosts; undefined if nothing. */
export function hostMissing(name: string): string | undefined {
  if (existsSync(join(HOSTS, 'node_modules', name))) return undefined
  return existsSync(join(HOSTS, 'node_modules'))
    ? `${name} is not to be had on this machine`
    : 'bundlers, frameworks and test runners: node tools/hosts.js'
}

/** The program of one of test/hosts. @param file within its package */
export function hostFile(name: string, file: string): string {
  return join(HOSTS, 'node_modules', name, file)
}

/** A release of Node that all of test/hosts run in, whichever runs the tests. */
export const HOST_NODE = hostFile('node-24', 'bin/node')

async function projectIn(parent: string, extra: string[]): Promise<{ folder: string; tarball: Tarball }> {
  const folder = mkdtempSync(join(parent, 'nopki-scratch-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'scratch', private: true, type: 'module' }))
  const tarball = await pack(folder)
  const local = ['@assemblyscript/loader', ...extra].map(name => join(ROOT, 'node_modules', name))
  await npm(folder, 'install', '--offline', '--install-links', '--ignore-scripts', tarball.path, ...local)
  return { folder, tarball }
}

/** As `scratchProject`, with the suite and its runners in it. */
export async function suiteProject(): Promise<string> {
  const { folder } = await scratchProject('ws')
  for (const part of ['suite', 'runners']) {
    mkdirSync(join(folder, part))
    cpSync(join(ROOT, 'build/test', part), join(folder, part), { recursive: true })
  }
  return folder
}

async function npm(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', [...args, '--no-audit', '--no-fund'], {
    cwd: folder,
    maxBuffer: 1 << 24,
    shell: process.platform === 'win32',
  })
  return stdout
}
